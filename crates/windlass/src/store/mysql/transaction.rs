//! A connection as the verbs see it: statements in, rows out.

use std::borrow::BorrowMut;
use std::sync::Arc;

use sqlx::mysql::{MySql, MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::query::Query;
use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Executor as _, Row as _, SqlSafeStr as _};
use sqlx::{TypeInfo as _, ValueRef as _};

use super::batches::{Sender, run_both, run_list};
use super::errors;
use super::texts::Texts;
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::server::{Session, Trouble};
use crate::store::statements::Sql;

/// A transaction over a connection that is owned, or borrowed from the application.
#[derive(Debug)]
pub(crate) struct MySqlTx<C> {
    connection: C,
    texts: Arc<Texts>,
    begin: &'static str,
    effects: Effects,
    trouble: Option<Trouble>,
    changes: u64,
    /// Whether a transaction has been started that has to be ended.
    is_open: bool,
}

impl<C: BorrowMut<MySqlConnection> + Send> MySqlTx<C> {
    pub(crate) fn new(connection: C, texts: Arc<Texts>, begin: &'static str) -> Self {
        let (effects, trouble, changes, is_open) = (Effects::default(), None, 0, true);
        Self { connection, texts, begin, effects, trouble, changes, is_open }
    }

    async fn control(&mut self, text: &'static str) -> Result<(), Error> {
        let done = self.connection.borrow_mut().execute(text).await;
        done.map(|_| ()).map_err(|error| self.fail(error))
    }

    /// Translates an error and remembers what it means.
    fn fail(&mut self, error: sqlx::Error) -> Error {
        self.trouble = Some(errors::trouble(&error));
        errors::failed(error)
    }
}

impl<C: BorrowMut<MySqlConnection> + Send> Sender for MySqlTx<C> {
    async fn send(
        &mut self,
        text: String,
        params: &[Param<'_>],
        rows: &mut Rows,
    ) -> Result<u64, Error> {
        let reads = text.starts_with("select") || text.starts_with("(select");
        let sql = AssertSqlSafe(text).into_sql_str();
        let mut arguments = MySqlArguments::default();
        params.iter().try_for_each(|param| add(&mut arguments, *param))?;
        let query: Query<'_, MySql, MySqlArguments> = sqlx::query_with(sql, arguments);
        if reads {
            let found = query.fetch_all(self.connection.borrow_mut()).await;
            let found = found.map_err(|error| self.fail(error))?;
            read_rows(&found, rows)?;
            return Ok(0);
        }
        let done = query.execute(self.connection.borrow_mut()).await;
        let done = done.map_err(|error| self.fail(error))?;
        self.changes += done.rows_affected();
        Ok(done.rows_affected())
    }
}

impl<C: BorrowMut<MySqlConnection> + Send> Tx for MySqlTx<C> {
    async fn query(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Rows, Error> {
        self.query_each(sql, &Batch::of_one(params)).await
    }

    async fn query_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        Ok(run_both(self, &texts, sql, batch).await?.0)
    }

    async fn query_list(&mut self, sql: Sql, filter: &ListFilter) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        run_list(self, &texts, sql, filter).await
    }

    async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        self.execute_each(sql, &Batch::of_one(params)).await
    }

    async fn execute_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<u64, Error> {
        let texts = Arc::clone(&self.texts);
        Ok(run_both(self, &texts, sql, batch).await?.1)
    }

    fn defers(&self) -> bool {
        true
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

impl Session for MySqlTx<MySqlConnection> {
    fn begin_nothing(&mut self) {
        (self.effects, self.trouble, self.changes) = (Effects::default(), None, 0);
        self.is_open = false;
    }

    async fn begin(&mut self, _: usize) -> Result<(), Error> {
        self.begin_nothing();
        self.is_open = true;
        self.control(self.begin).await
    }

    async fn commit(&mut self) -> Result<Effects, Error> {
        Effects::write_counts(self).await?;
        if self.is_open {
            self.control("commit").await?;
        }
        Ok(std::mem::take(&mut self.effects))
    }

    async fn roll_back(&mut self) {
        if !self.is_open {
            return;
        }
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
