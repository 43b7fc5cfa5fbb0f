//! MySQL and MariaDB through `mysql_async`.

use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Params, Row};

use super::sealed::Enlist;
use super::{Dialect, Done, Work};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::mysql::{Sender, Texts, run_both, run_list};
use crate::store::statements::Sql;

impl Enlist for mysql_async::Conn {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        run(self, work).await
    }
}

impl Enlist for mysql_async::Transaction<'_> {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        run(self, work).await
    }
}

async fn run<Q: Queryable>(connection: &mut Q, work: Work) -> Result<Done, Error> {
    let texts = match &work.dialect {
        Dialect::MySql(texts) => Arc::clone(texts),
        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        other => return other.mismatch("MySQL"),
    };
    work.run(&mut Borrowed { connection, texts, effects: Effects::default() }).await
}

/// A connection of the application.
struct Borrowed<'c, Q> {
    connection: &'c mut Q,
    texts: Arc<Texts>,
    effects: Effects,
}

impl<Q: Queryable> Sender for Borrowed<'_, Q> {
    async fn send(
        &mut self,
        text: String,
        params: &[Param<'_>],
        rows: &mut Rows,
    ) -> Result<u64, Error> {
        let values = params.iter().map(|param| value_of(*param)).collect();
        let sent = self.connection.exec_iter(text, Params::Positional(values)).await;
        let mut answer = sent.map_err(failed)?;
        let changed = answer.affected_rows();
        let found: Vec<Row> = answer.collect().await.map_err(failed)?;
        answer.drop_result().await.map_err(failed)?;
        for row in found {
            rows.widen(row.len());
            for value in row.unwrap() {
                rows.push(read_value(value)?);
            }
        }
        Ok(changed)
    }
}

impl<Q: Queryable> Tx for Borrowed<'_, Q> {
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

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

fn value_of(param: Param<'_>) -> mysql_async::Value {
    match param {
        Param::Null => mysql_async::Value::NULL,
        Param::Int(value) => mysql_async::Value::Int(value),
        Param::Text(text) => mysql_async::Value::Bytes(text.as_bytes().to_vec()),
        Param::Bytes(bytes) => mysql_async::Value::Bytes(bytes.to_vec()),
    }
}

fn read_value(value: mysql_async::Value) -> Result<Value, Error> {
    Ok(match value {
        mysql_async::Value::NULL => Value::Null,
        mysql_async::Value::Int(value) => Value::Int(value),
        mysql_async::Value::UInt(value) => {
            Value::Int(i64::try_from(value).map_err(|_| Error::bug("a number is too large"))?)
        }
        mysql_async::Value::Bytes(bytes) => Value::Bytes(bytes),
        other => return Err(Error::bug(format!("a column holds {other:?}"))),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn failed(error: mysql_async::Error) -> Error {
    Error::unavailable(format!("the database failed: {error}"))
}
