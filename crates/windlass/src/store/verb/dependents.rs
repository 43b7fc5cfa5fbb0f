//! Dependents: which jobs still wait for one.

use std::sync::Arc;

use crate::Error;
use crate::job::{DEPENDENCIES_MAX, JobId};
use crate::store::Shared;
use crate::store::driver::{Tx, Verb};
use crate::store::statements::Sql;
use crate::store::verb::locate;

/// Reads the first of the jobs that wait for one.
#[derive(Debug)]
pub(crate) struct Dependents {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Dependents {
    type Reply = Vec<JobId>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<JobId>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        locate(tx, namespace_id, self.job).await?;
        let limit = i64::try_from(DEPENDENCIES_MAX).unwrap_or(i64::MAX);
        let params = [self.job.as_i64().into(), limit.into()];
        let children = tx.query(Sql::DependencyChildren, &params).await?.ints()?;
        Ok(children.into_iter().map(JobId::from_i64).collect())
    }
}
