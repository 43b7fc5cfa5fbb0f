//! MySQL and MariaDB through sqlx.

use std::sync::Arc;

use sqlx::mysql::{MySql, MySqlConnection};

use super::sealed::Enlist;
use super::{Dialect, Done, Work};
use crate::Error;
use crate::store::mysql::MySqlTx;

impl Enlist for MySqlConnection {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        let texts = match &work.dialect {
            Dialect::MySql(texts) => Arc::clone(texts),
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            other => return other.mismatch("MySQL"),
        };
        work.run(&mut MySqlTx::new(self, texts, "")).await
    }
}

impl Enlist for sqlx::Transaction<'_, MySql> {
    async fn enlist(&mut self, work: Work) -> Result<Done, Error> {
        (**self).enlist(work).await
    }
}
