//! PostgreSQL through tokio-postgres.

use std::sync::Arc;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};
use tokio_postgres::{Row, Transaction};

use super::sealed::Enlist;
use super::{Dialect, Done, Work};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::postgres::{Texts, encode_array};
use crate::store::statements::Sql;

impl Enlist for Transaction<'_> {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        let texts = match &work.dialect {
            Dialect::Postgres(texts) => Arc::clone(texts),
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            other => return other.mismatch("PostgreSQL"),
        };
        work.run(&mut Borrowed { tx: self, texts, effects: Effects::default() }).await
    }
}

/// A transaction of the application.
struct Borrowed<'t, 'c> {
    tx: &'t mut Transaction<'c>,
    texts: Arc<Texts>,
    effects: Effects,
}

impl Borrowed<'_, '_> {
    async fn fetch(&mut self, text: &str, values: &[Wire<'_>]) -> Result<Rows, Error> {
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        let found = self.tx.query(text, &values).await.map_err(failed)?;
        read_rows(&found)
    }

    async fn run(&mut self, text: &str, values: &[Wire<'_>]) -> Result<u64, Error> {
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        self.tx.execute(text, &values).await.map_err(failed)
    }
}

impl Tx for Borrowed<'_, '_> {
    async fn query(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        if texts.takes_batches(sql) {
            return self.query_each(sql, &Batch::of_one(params)).await;
        }
        let values: Vec<Wire<'_>> = params.iter().map(|param| Wire::One(*param)).collect();
        self.fetch(texts.text(sql), &values).await
    }

    async fn query_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        self.fetch(texts.text(sql), &columns(batch)).await
    }

    async fn query_list(&mut self, sql: Sql, filter: &ListFilter) -> Result<Rows, Error> {
        let text = filter.insert_into(self.texts.text(sql));
        let params = filter.params();
        let values: Vec<Wire<'_>> = params.iter().map(|param| Wire::One(*param)).collect();
        self.fetch(&text, &values).await
    }

    async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        let texts = Arc::clone(&self.texts);
        if texts.takes_batches(sql) {
            return self.execute_each(sql, &Batch::of_one(params)).await;
        }
        let values: Vec<Wire<'_>> = params.iter().map(|param| Wire::One(*param)).collect();
        self.run(texts.text(sql), &values).await
    }

    async fn execute_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<u64, Error> {
        let texts = Arc::clone(&self.texts);
        self.run(texts.text(sql), &columns(batch)).await
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

/// A parameter on its way.
#[derive(Debug)]
enum Wire<'a> {
    One(Param<'a>),
    Column { batch: &'a Batch<'a>, index: usize },
}

fn columns<'a>(batch: &'a Batch<'a>) -> Vec<Wire<'a>> {
    (0..batch.width()).map(|index| Wire::Column { batch, index }).collect()
}

type Unsent = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Wire<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Unsent> {
        match self {
            Self::One(param) => send_one(*param, kind, out),
            Self::Column { batch, index } => {
                let Kind::Array(element) = kind.kind() else {
                    return Err("a batch where a single value belongs".into());
                };
                let mut bytes = Vec::new();
                encode_array(&mut bytes, element.oid(), batch, *index)?;
                out.extend_from_slice(&bytes);
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Numbers go as the server wants them: it chose the type by the column.
fn send_one(param: Param<'_>, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Unsent> {
    match param {
        Param::Null => return Ok(IsNull::Yes),
        Param::Int(value) if *kind == Type::INT4 => {
            out.extend_from_slice(&i32::try_from(value)?.to_be_bytes());
        }
        Param::Int(value) if *kind == Type::INT2 => {
            out.extend_from_slice(&i16::try_from(value)?.to_be_bytes());
        }
        Param::Int(value) => out.extend_from_slice(&value.to_be_bytes()),
        Param::Text(text) => out.extend_from_slice(text.as_bytes()),
        Param::Bytes(bytes) => out.extend_from_slice(bytes),
    }
    Ok(IsNull::No)
}

fn read_rows(found: &[Row]) -> Result<Rows, Error> {
    let Some(first) = found.first() else { return Ok(Rows::default()) };
    let mut rows = Rows::new(first.len());
    for row in found {
        for (index, column) in row.columns().iter().enumerate() {
            rows.push(read_value(row, index, column.type_())?);
        }
    }
    Ok(rows)
}

fn read_value(row: &Row, index: usize, kind: &Type) -> Result<Value, Error> {
    let value = match *kind {
        Type::INT2 => row.try_get::<_, Option<i16>>(index).map(|v| v.map(|n| Value::Int(n.into()))),
        Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|v| v.map(|n| Value::Int(n.into()))),
        Type::INT8 => row.try_get::<_, Option<i64>>(index).map(|v| v.map(Value::Int)),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index).map(|v| v.map(Value::Bytes)),
        _ => row.try_get::<_, Option<String>>(index).map(|v| v.map(Value::Text)),
    };
    Ok(value.map_err(failed)?.unwrap_or(Value::Null))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn failed(error: tokio_postgres::Error) -> Error {
    Error::unavailable(format!("the database failed: {error}"))
}
