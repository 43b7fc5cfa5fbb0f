//! How the latest jobs of a kind went: what a page draws beside one of them.

use std::sync::Arc;

use crate::Error;
use crate::core::State;
use crate::job::{JobId, RunRecord, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Tx, Verb};
use crate::store::rows::instant;
use crate::store::statements::Sql;

/// Reads how those of the newest `limit` jobs of a kind ended that have ended.
#[derive(Debug)]
pub(crate) struct ReadRuns {
    pub(crate) namespace: Arc<str>,
    pub(crate) kind: String,
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ReadRuns {
    type Reply = Vec<RunRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<RunRecord>, Error> {
        let catalog = &self.shared.catalog;
        let namespace_id = catalog.namespace(tx, &self.namespace).await?;
        let own =
            catalog.pairs(tx, |pair| pair.namespace_id == namespace_id && *pair.kind == *self.kind);
        // A type has one id, whatever queues its jobs are in.
        let Some(kind_id) = own.await?.first().map(|pair| pair.kind_id) else {
            return Ok(Vec::new());
        };
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::KindRuns, &[kind_id.into(), limit.into()]).await?;
        let mut runs = rows.read(|row| {
            let (job, code) = (JobId::from_i64(row.int()?), row.int()?);
            let state = State::from_code(code)
                .ok_or_else(|| Error::bug(format!("a row holds {code} as the state of a job")))?;
            let started_at = instant(row)?;
            let finished_at = Timestamp::from_micros(row.int()?);
            Ok(RunRecord { job, state, started_at, finished_at })
        })?;
        runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.job));
        Ok(runs)
    }
}
