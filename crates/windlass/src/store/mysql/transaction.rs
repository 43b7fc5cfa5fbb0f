//! A connection as the verbs see it: statements in, rows out.

use std::borrow::BorrowMut;
use std::sync::Arc;

use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::query::Query;
use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Executor as _, Row as _, SqlSafeStr as _};
use sqlx::{TypeInfo as _, ValueRef as _};

use super::texts::{Piece, Statement, Texts};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::server::{Session, Trouble};
use crate::store::statements::Sql;

/// Error numbers after which the same transaction may succeed: lock wait timeout, deadlock, and
/// MariaDB's record that changed since it was read
/// (<https://mariadb.com/kb/en/mariadb-error-code-reference/>).
const AGAIN: [u16; 3] = [1205, 1213, 1020];

/// Error numbers of a server that cannot be used just now: shutting down, killed, read-only.
const AWAY: [u16; 7] = [1053, 1077, 1290, 1317, 1792, 1836, 1927];

/// Rows in one statement, at most; a power of two.
const ROWS_MAX: usize = 256;

/// A transaction over a connection that is owned, or borrowed from the application.
#[derive(Debug)]
pub(crate) struct MySqlTx<C> {
    connection: C,
    texts: Arc<Texts>,
    begin: &'static str,
    effects: Effects,
    trouble: Option<Trouble>,
    changes: u64,
}

impl<C: BorrowMut<MySqlConnection> + Send> MySqlTx<C> {
    pub(crate) fn new(connection: C, texts: Arc<Texts>, begin: &'static str) -> Self {
        let (effects, trouble, changes) = (Effects::default(), None, 0);
        Self { connection, texts, begin, effects, trouble, changes }
    }

    async fn control(&mut self, text: &'static str) -> Result<(), Error> {
        let done = self.connection.borrow_mut().execute(text).await;
        done.map(|_| ()).map_err(|error| self.fail(&error))
    }

    /// Runs a statement over `batch`, as few times as its rows allow, and adds what it returns to
    /// `rows`; says how many rows changed. The first `params` values of a row are the call's.
    async fn run(
        &mut self,
        statement: &Statement,
        batch: &Batch<'_>,
        params: usize,
        rows: &mut Rows,
    ) -> Result<u64, Error> {
        let all: Vec<&[Param<'_>]> = batch.rows().collect();
        let pads = statement.repeated.as_ref().is_some_and(|repeated| repeated.pads);
        let mut changed = 0;
        for chunk in chunks(&all, statement.repeated.is_some(), pads) {
            let (text, arguments) = composed(statement, &chunk, params)?;
            changed += self.send(text, arguments, rows).await?;
        }
        Ok(changed)
    }

    async fn send(
        &mut self,
        text: String,
        arguments: MySqlArguments,
        rows: &mut Rows,
    ) -> Result<u64, Error> {
        let reads = text.starts_with("select") || text.starts_with("(select");
        let sql = AssertSqlSafe(text).into_sql_str();
        let query: Query<'_, MySql, MySqlArguments> = sqlx::query_with(sql, arguments);
        if reads {
            let found = query.fetch_all(self.connection.borrow_mut()).await;
            let found = found.map_err(|error| self.fail(&error))?;
            read_rows(&found, rows)?;
            return Ok(0);
        }
        let done = query.execute(self.connection.borrow_mut()).await;
        let done = done.map_err(|error| self.fail(&error))?;
        self.changes += done.rows_affected();
        Ok(done.rows_affected())
    }

    async fn both(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<(Rows, u64), Error> {
        let texts = Arc::clone(&self.texts);
        let text = texts.of(sql);
        let mut rows = Rows::default();
        let changed = self.run(&text.first, batch, 0, &mut rows).await?;
        if let Some(then) = &text.then
            && !rows.is_empty()
        {
            let call = batch.rows().next().unwrap_or_default();
            let mut found = Batch::with_capacity(call.len() + rows.width(), rows.len());
            for row in rows.iter() {
                found.push_all(call.iter().copied().chain(row.iter().map(Value::as_param)));
            }
            let deleted = self.run(then, &found, call.len(), &mut Rows::default()).await?;
            let expected = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            if deleted != expected {
                return Err(Error::bug(format!(
                    "{sql:?} locked {expected} rows and deleted {deleted}: this server does not lock"
                )));
            }
        }
        Ok((rows, changed))
    }

    /// Translates an error and remembers what it means.
    fn fail(&mut self, error: &sqlx::Error) -> Error {
        let refusal = error.as_database_error();
        let refusal = refusal.and_then(|e| e.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>());
        let number = refusal.map(sqlx::mysql::MySqlDatabaseError::number);
        self.trouble = Some(match number {
            Some(number) if AGAIN.contains(&number) => Trouble::Again,
            Some(number) if AWAY.contains(&number) => Trouble::Lost,
            Some(_) => Trouble::Refused,
            None => Trouble::Lost,
        });
        match self.trouble {
            Some(Trouble::Refused) => {
                Error::bug(format!("the database refused a statement: {error}"))
            }
            _ => Error::unavailable(format!("the database failed: {error}")),
        }
    }
}

impl<C: BorrowMut<MySqlConnection> + Send> Tx for MySqlTx<C> {
    async fn query(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Rows, Error> {
        Ok(self.both(sql, &Batch::of_one(params)).await?.0)
    }

    async fn query_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<Rows, Error> {
        Ok(self.both(sql, batch).await?.0)
    }

    async fn query_list(&mut self, sql: Sql, filter: &ListFilter) -> Result<Rows, Error> {
        let piece = Piece::of(&filter.insert_into(&self.texts.of(sql).raw));
        let params = filter.params();
        let mut arguments = MySqlArguments::default();
        for source in &piece.sources {
            add(&mut arguments, value(&params, source.place(0))?)?;
        }
        let sql = AssertSqlSafe(piece.text).into_sql_str();
        let query = sqlx::query_with(sql, arguments).persistent(false);
        let found = query.fetch_all(self.connection.borrow_mut()).await;
        let found = found.map_err(|error| self.fail(&error))?;
        let mut rows = Rows::default();
        read_rows(&found, &mut rows)?;
        Ok(rows)
    }

    async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        Ok(self.both(sql, &Batch::of_one(params)).await?.1)
    }

    async fn execute_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<u64, Error> {
        Ok(self.both(sql, batch).await?.1)
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

impl Session for MySqlTx<MySqlConnection> {
    async fn begin(&mut self) -> Result<(), Error> {
        (self.effects, self.trouble, self.changes) = (Effects::default(), None, 0);
        self.control(self.begin).await
    }

    async fn commit(&mut self) -> Result<Effects, Error> {
        self.control("commit").await?;
        Ok(std::mem::take(&mut self.effects))
    }

    async fn roll_back(&mut self) {
        if let Err(error) = self.control("rollback").await {
            tracing::debug!(%error, "rollback failed: the connection is gone");
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn has_written(&self) -> bool {
        self.changes > 0
    }

    async fn close(self) {
        // The server notices anyway.
        sqlx::Connection::close(self.connection).await.ok();
    }
}

/// Rows as they go into one statement each: one by one where nothing is repeated, rounded up to a
/// power of two where rows may stand there twice, and otherwise in powers of two.
fn chunks<'r, 'p>(all: &[&'r [Param<'p>]], repeats: bool, pads: bool) -> Vec<Vec<&'r [Param<'p>]>> {
    if !repeats {
        return all.iter().map(|row| vec![*row]).collect();
    }
    let mut chunks = Vec::new();
    let mut rest = all;
    while let Some(last) = rest.last() {
        let up = rest.len().next_power_of_two().min(ROWS_MAX);
        let exact = up == rest.len();
        let size = if pads || exact { up.min(rest.len()) } else { (up / 2).max(1) };
        let size = if rest.len() >= ROWS_MAX { ROWS_MAX } else { size };
        let (chunk, more) = rest.split_at(size);
        let mut chunk = chunk.to_vec();
        if pads {
            chunk.resize(size.next_power_of_two(), last);
        }
        chunks.push(chunk);
        rest = more;
    }
    chunks
}

/// The text for so many rows, and its arguments.
fn composed(
    statement: &Statement,
    rows: &[&[Param<'_>]],
    params: usize,
) -> Result<(String, MySqlArguments), Error> {
    let first = rows.first().copied().unwrap_or_default();
    let mut text = statement.head.text.clone();
    let mut arguments = MySqlArguments::default();
    let mut fill = |piece: &Piece, row: &[Param<'_>]| {
        piece
            .sources
            .iter()
            .try_for_each(|source| add(&mut arguments, value(row, source.place(params))?))
    };
    fill(&statement.head, first)?;
    if let Some(repeated) = &statement.repeated {
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                text.push_str(repeated.separator);
            }
            text.push_str(&repeated.piece.text);
            fill(&repeated.piece, row)?;
        }
    }
    text.push_str(&statement.tail.text);
    fill(&statement.tail, first)?;
    Ok((text, arguments))
}

fn value<'p>(row: &[Param<'p>], place: usize) -> Result<Param<'p>, Error> {
    row.get(place).copied().ok_or_else(|| Error::bug("a statement has too few parameters"))
}

fn add(arguments: &mut MySqlArguments, param: Param<'_>) -> Result<(), Error> {
    let added = match param {
        Param::Null => arguments.add(None::<i64>),
        Param::Int(value) => arguments.add(value),
        Param::Text(text) => arguments.add(text),
        Param::Bytes(bytes) => arguments.add(bytes),
    };
    added.map_err(|error| Error::bug(format!("a parameter cannot be sent: {error}")))
}

fn read_rows(found: &[MySqlRow], rows: &mut Rows) -> Result<(), Error> {
    let Some(first) = found.first() else { return Ok(()) };
    rows.widen(first.columns().len());
    let names: Vec<String> =
        first.columns().iter().map(|column| column.type_info().name().to_owned()).collect();
    for row in found {
        for (index, name) in names.iter().enumerate() {
            rows.push(read_value(row, index, name)?);
        }
    }
    Ok(())
}

fn read_value(row: &MySqlRow, index: usize, name: &str) -> Result<Value, Error> {
    let wrong = |error: sqlx::Error| Error::bug(format!("column {index}: {error}"));
    if row.try_get_raw(index).map_err(wrong)?.is_null() {
        return Ok(Value::Null);
    }
    Ok(match name {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "BOOLEAN" => {
            Value::Int(row.try_get_unchecked(index).map_err(wrong)?)
        }
        "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" => {
            Value::Text(row.try_get_unchecked(index).map_err(wrong)?)
        }
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => {
            Value::Bytes(row.try_get_unchecked(index).map_err(wrong)?)
        }
        other => return Err(Error::bug(format!("column {index} is {other}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_powers_of_two() {
        let rows: Vec<[Param<'_>; 1]> = (0..300).map(|n| [Param::Int(n)]).collect();
        let rows: Vec<&[Param<'_>]> = rows.iter().map(<[_; 1]>::as_slice).collect();
        let sizes = |n: usize, repeats, pads| {
            let chunks = chunks(&rows[..n], repeats, pads);
            chunks.iter().map(Vec::len).collect::<Vec<_>>()
        };

        assert_eq!(sizes(0, true, true), [0; 0]);
        assert_eq!(sizes(3, false, false), [1, 1, 1]);
        assert_eq!(sizes(5, true, true), [8]);
        assert_eq!(sizes(300, true, true), [256, 64]);
        assert_eq!(sizes(7, true, false), [4, 2, 1]);
        assert_eq!(sizes(300, true, false), [256, 32, 8, 4]);
    }
}
