//! PostgreSQL through sqlx.

use std::sync::Arc;

use sqlx::SqlSafeStr as _;
use sqlx::postgres::{PgConnection, Postgres};

use super::sealed::Enlist;
use super::{Dialect, Done, Work};
use crate::Error;
use crate::store::postgres::PgTx;

impl Enlist for PgConnection {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        let texts = match &work.dialect {
            Dialect::Postgres(texts) => Arc::clone(texts),
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            other => return other.mismatch("PostgreSQL"),
        };
        work.run(&mut PgTx::new(self, texts, "".into_sql_str())).await
    }
}

impl Enlist for sqlx::Transaction<'_, Postgres> {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        (**self).enlist(work).await
    }
}
