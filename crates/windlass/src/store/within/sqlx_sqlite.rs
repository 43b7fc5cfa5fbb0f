//! SQLite through sqlx.

use std::sync::Arc;

use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, Row as _, SqlSafeStr as _, TypeInfo as _,
    ValueRef as _,
};

use super::sealed::Enlist;
use super::{Dialect, Done, Work};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::sqlite::{Texts, numbered};
use crate::store::statements::Sql;

impl Enlist for SqliteConnection {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        let texts = match &work.dialect {
            Dialect::Sqlite(texts) => Arc::clone(texts),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            other => return other.mismatch("SQLite"),
        };
        work.run(&mut Borrowed { connection: self, texts, effects: Effects::default() }).await
    }
}

impl Enlist for sqlx::Transaction<'_, Sqlite> {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        (**self).enlist(work).await
    }
}

/// A connection of the application.
struct Borrowed<'c> {
    connection: &'c mut SqliteConnection,
    texts: Arc<Texts>,
    effects: Effects,
}

impl Borrowed<'_> {
    async fn run(&mut self, text: String, batch: &Batch<'_>) -> Result<(Rows, u64), Error> {
        let sql = AssertSqlSafe(text).into_sql_str();
        let (mut rows, mut changed) = (Rows::default(), 0);
        let is_write = sql.as_str().starts_with("insert") || sql.as_str().starts_with("update");
        for row in batch.rows() {
            let mut arguments = SqliteArguments::default();
            for param in row {
                add(&mut arguments, *param)?;
            }
            let query = sqlx::query_with(sql.clone(), arguments);
            if is_write {
                let done = query.execute(&mut *self.connection).await.map_err(failed)?;
                changed += done.rows_affected();
            } else {
                let found = query.fetch_all(&mut *self.connection).await.map_err(failed)?;
                changed += u64::try_from(found.len()).unwrap_or(u64::MAX);
                read_rows(&found, &mut rows)?;
            }
        }
        Ok((rows, changed))
    }
}

impl Tx for Borrowed<'_> {
    async fn query(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Rows, Error> {
        let text = self.texts.of(sql).to_owned();
        Ok(self.run(text, &Batch::of_one(params)).await?.0)
    }

    async fn query_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<Rows, Error> {
        let text = self.texts.of(sql).to_owned();
        Ok(self.run(text, batch).await?.0)
    }

    async fn query_list(&mut self, sql: Sql, filter: &ListFilter) -> Result<Rows, Error> {
        let text = numbered(&filter.insert_into(self.texts.of(sql)));
        Ok(self.run(text, &Batch::of_one(&filter.params())).await?.0)
    }

    async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        let text = self.texts.of(sql).to_owned();
        Ok(self.run(text, &Batch::of_one(params)).await?.1)
    }

    async fn execute_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<u64, Error> {
        let text = self.texts.of(sql).to_owned();
        Ok(self.run(text, batch).await?.1)
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

fn add(arguments: &mut SqliteArguments, param: Param<'_>) -> Result<(), Error> {
    let added = match param {
        Param::Null => arguments.add(None::<i64>),
        Param::Int(value) => arguments.add(value),
        Param::Text(text) => arguments.add(text.to_owned()),
        Param::Bytes(bytes) => arguments.add(bytes.to_vec()),
    };
    added.map_err(|error| Error::bug(format!("a parameter cannot be sent: {error}")))
}

fn read_rows(found: &[SqliteRow], rows: &mut Rows) -> Result<(), Error> {
    let Some(first) = found.first() else { return Ok(()) };
    rows.widen(first.columns().len());
    for row in found {
        for column in row.columns() {
            rows.push(read_value(row, column.ordinal())?);
        }
    }
    Ok(())
}

fn read_value(row: &SqliteRow, index: usize) -> Result<Value, Error> {
    let wrong = |error: sqlx::Error| Error::bug(format!("column {index}: {error}"));
    let raw = row.try_get_raw(index).map_err(wrong)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "INTEGER" => Value::Int(row.try_get_unchecked(index).map_err(wrong)?),
        "TEXT" => Value::Text(row.try_get_unchecked(index).map_err(wrong)?),
        "BLOB" => Value::Bytes(row.try_get_unchecked(index).map_err(wrong)?),
        other => return Err(Error::bug(format!("column {index} is {other}"))),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn failed(error: sqlx::Error) -> Error {
    Error::unavailable(format!("the database failed: {error}"))
}
