//! A connection as the verbs see it: statements in, rows out.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement, ToSql, params_from_iter};

use super::connection::{Texts, numbered};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::statements::Sql;

/// A connection with the effects of its present transaction.
#[derive(Debug)]
pub(super) struct SqliteTx {
    connection: Connection,
    texts: Arc<Texts>,
    effects: Effects,
    fatal: Option<String>,
}

impl SqliteTx {
    pub(super) fn new(connection: Connection, texts: Arc<Texts>) -> Self {
        Self { connection, texts, effects: Effects::default(), fatal: None }
    }

    /// Starts a transaction: `immediate` takes the write lock, waiting for other processes.
    pub(super) fn begin(&mut self, immediate: bool) -> Result<(), Error> {
        self.effects = Effects::default();
        self.control(if immediate { "begin immediate" } else { "begin" })
    }

    /// Commits and hands out the effects.
    pub(super) fn commit(&mut self) -> Result<Effects, Error> {
        finish(Effects::write_counts(self))??;
        self.control("commit")?;
        Ok(std::mem::take(&mut self.effects))
    }

    /// Undoes the transaction, if one is open (some errors have already undone it).
    pub(super) fn roll_back(&mut self) {
        self.effects = Effects::default();
        if self.is_open()
            && let Err(error) = self.control("rollback")
        {
            tracing::error!(%error, "rollback failed");
        }
    }

    /// Whether a transaction is open: some errors undo all of it at once, what other calls have written included.
    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Why this connection must not be used any more.
    pub(super) fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// Rows written by this connection so far.
    pub(super) fn total_changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// A number that changes when another connection commits.
    pub(super) fn data_version(&mut self) -> Result<i64, Error> {
        let version = self.connection.query_row("pragma data_version", [], |row| row.get(0));
        version.map_err(|error| self.fail(error))
    }

    /// SQLite's own check of the file; empty when it is sound.
    pub(super) fn integrity_check(&mut self) -> Result<Vec<String>, Error> {
        let found = self.connection.prepare("pragma integrity_check(20)").and_then(|mut check| {
            check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
        });
        let found = found.map_err(|error| self.fail(error))?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    fn control(&mut self, text: &str) -> Result<(), Error> {
        let done = self.connection.prepare_cached(text).and_then(|mut it| it.execute([]));
        done.map(|_| ()).map_err(|error| self.fail(error))
    }

    /// Runs a statement once per row of parameters and adds what it returns to `rows`.
    fn each<'a>(
        &mut self,
        text: &str,
        params: impl Iterator<Item = &'a [Param<'a>]>,
    ) -> Result<(Rows, u64), Error> {
        run_statement(&self.connection, text, params).map_err(|error| self.fail(error))
    }

    /// Translates an error and remembers the ones after which nothing may be acknowledged.
    fn fail(&mut self, error: rusqlite::Error) -> Error {
        let code = error.sqlite_error_code();
        let message = match code {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another process holds the database's write lock".to_owned()
            }
            Some(ErrorCode::DiskFull) => "the disk is full: nothing was stored".to_owned(),
            Some(ErrorCode::ConstraintViolation) => {
                return Error::bug(format!("the database refused a row: {error}"));
            }
            _ => format!("the database failed: {error}"),
        };
        let broken = [
            ErrorCode::SystemIoFailure,
            ErrorCode::DatabaseCorrupt,
            ErrorCode::NotADatabase,
            ErrorCode::CannotOpen,
        ];
        if code.is_some_and(|code| broken.contains(&code)) {
            self.fatal = Some(message.clone());
        }
        Error::Unavailable { message, source: Some(Box::new(error)) }
    }
}

impl Tx for SqliteTx {
    async fn query(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        Ok(self.each(texts.of(sql), std::iter::once(params))?.0)
    }

    async fn query_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        Ok(self.each(texts.of(sql), batch.rows())?.0)
    }

    async fn query_list(&mut self, sql: Sql, filter: &ListFilter) -> Result<Rows, Error> {
        let text = numbered(&filter.insert_into(self.texts.of(sql)));
        let params = filter.params();
        Ok(self.each(&text, std::iter::once(params.as_slice()))?.0)
    }

    async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        let texts = Arc::clone(&self.texts);
        Ok(self.each(texts.of(sql), std::iter::once(params))?.1)
    }

    async fn execute_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<u64, Error> {
        let texts = Arc::clone(&self.texts);
        Ok(self.each(texts.of(sql), batch.rows())?.1)
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

/// Runs a statement once per row of parameters: what it returns, and how many rows it changed.
pub(crate) fn run_statement<'a>(
    connection: &Connection,
    text: &str,
    params: impl Iterator<Item = &'a [Param<'a>]>,
) -> rusqlite::Result<(Rows, u64)> {
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = Rows::new(statement.column_count());
    let mut changed = 0;
    for row in params {
        if statement.column_count() == 0 {
            changed += statement.execute(params_from_iter(row))?;
        } else {
            read_rows(&mut statement, row, &mut rows)?;
        }
    }
    Ok((rows, u64::try_from(changed).unwrap_or(u64::MAX)))
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// Runs a verb to its end. On SQLite nothing a verb awaits ever waits, so one poll is all.
pub(super) fn finish<F: Future>(work: F) -> Result<F::Output, Error> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(work).poll(&mut context) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Err(Error::bug("a verb waited for something other than the database")),
    }
}

fn read_rows(
    statement: &mut Statement<'_>,
    params: &[Param<'_>],
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    let width = statement.column_count();
    let mut found = statement.query(params_from_iter(params))?;
    while let Some(row) = found.next()? {
        for column in 0..width {
            rows.push(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(value) => Value::Int(value),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                ValueRef::Real(_) => {
                    return Err(rusqlite::Error::InvalidColumnType(
                        column,
                        "a floating point number".to_owned(),
                        rusqlite::types::Type::Real,
                    ));
                }
            });
        }
    }
    Ok(())
}
