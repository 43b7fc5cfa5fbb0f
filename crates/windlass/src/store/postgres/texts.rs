//! Statements as PostgreSQL takes them.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::store::statements::{Sql, whole};

/// Statements that neither change nor lock anything, so that a transaction may begin after them: those
/// with which frequent calls begin.
const READS: [Sql; 14] = [
    Sql::NamespaceGet,
    Sql::NamespaceAll,
    Sql::SettingsVersion,
    Sql::QueueSettingAll,
    Sql::PauseList,
    Sql::QueueKindSince,
    Sql::ClaimWorker,
    Sql::ClaimHead,
    Sql::ClaimPeek,
    Sql::WorkerNonce,
    Sql::LeaseHeld,
    Sql::DelayedNext,
    Sql::InboxPeek,
    Sql::JobGet,
];

/// What a column of parameters holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Int,
    Text,
    Bytes,
}

/// A statement, and how its parameters travel.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) sql: SqlStr,
    /// One array per column: the statement takes a whole batch at a time.
    pub(super) columns: Option<Vec<Element>>,
    /// It neither changes nor locks anything.
    pub(super) is_read: bool,
}

/// Every statement.
#[derive(Debug)]
pub(crate) struct Texts(Vec<Text>);

impl Texts {
    pub(crate) fn new(prefix: &str) -> Self {
        let text = |sql: &Sql| {
            let text = whole(sql.for_postgres().unwrap_or_default(), prefix);
            let (columns, is_read) = (columns(&text), READS.contains(sql));
            Text { sql: AssertSqlSafe(text).into_sql_str(), columns, is_read }
        };
        Self(Sql::ALL.iter().map(text).collect())
    }

    #[cfg(feature = "tokio-postgres")]
    pub(crate) fn text(&self, sql: Sql) -> &str {
        self.of(sql).sql.as_str()
    }

    #[cfg(feature = "tokio-postgres")]
    pub(crate) fn takes_batches(&self, sql: Sql) -> bool {
        self.of(sql).columns.is_some()
    }

    pub(super) fn of(&self, sql: Sql) -> &Text {
        &self.0[sql as usize]
    }
}

/// The element types of a statement whose parameters are all arrays: `$1::bigint[], $2::text[]`.
fn columns(text: &str) -> Option<Vec<Element>> {
    let mut columns = Vec::new();
    while let Some(at) = text.find(&format!("${}::", columns.len() + 1)) {
        let kind = text[at..].split_once("::").map_or("", |(_, kind)| kind);
        columns.push(match kind {
            kind if kind.starts_with("bigint[]") => Element::Int,
            kind if kind.starts_with("text[]") => Element::Text,
            kind if kind.starts_with("bytea[]") => Element::Bytes,
            _ => return None,
        });
    }
    (!columns.is_empty()).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_known_by_its_arrays() {
        use Element::{Bytes, Int, Text};
        let arrays = "select * from unnest($1::bigint[], $2::text[], $3::bytea[])";
        assert_eq!(columns(arrays), Some(vec![Int, Text, Bytes]));
        assert_eq!(columns("select 1 where id = $1 and n = $2"), None);
        assert_eq!(columns("select 1"), None);
    }

    #[test]
    fn a_read_neither_changes_nor_locks() {
        let texts = Texts::new("windlass.");
        let is_read = |sql| texts.of(sql).is_read;

        for sql in READS {
            let text = texts.of(sql).sql.as_str();
            let calls = text.contains("for update")
                || text.contains("lock(")
                || text.contains("lock_shared(")
                || text.contains("windlass.add");
            assert!(text.starts_with("select ") && !calls, "{sql:?}: {text}");
        }
        assert!(is_read(Sql::JobGet) && !is_read(Sql::JobInsert) && !is_read(Sql::AddDays));
    }

    #[test]
    fn every_statement_has_a_text() {
        let texts = Texts::new("windlass.");

        for sql in Sql::ALL {
            let text = texts.of(*sql).sql.as_str();
            assert!(!text.is_empty() && !text.contains("{prefix}"), "{sql:?}: {text}");
        }
    }
}
