//! Parents: the jobs that a job waited for, by id and by name.

use std::collections::BTreeMap;

use crate::Error;
use crate::core::State;
use crate::job::JobId;
use crate::store::driver::{Batch, Param, Tx, Verb};
use crate::store::origin::Origin;
use crate::store::rows::{JobRow, read_json};
use crate::store::statements::Sql;

/// Reads what a job waited for.
#[derive(Debug)]
pub(crate) struct ReadParents {
    pub(crate) job: JobId,
}

/// A job that another one waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParentOf {
    pub(crate) job: JobId,
    /// Its name in its workflow.
    pub(crate) node: Option<String>,
}

impl Verb for ReadParents {
    type Reply = Vec<ParentOf>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<ParentOf>, Error> {
        let rows = tx.query(Sql::JobGet, &[self.job.as_i64().into()]).await?;
        let Some(row) = rows.first(JobRow::read)? else { return Ok(Vec::new()) };
        let parents: Vec<JobId> = row.record.depends_on.iter().map(|on| on.id).collect();
        let found = brief(tx, &parents).await?;
        Ok(found.into_iter().map(|Brief { job, node, .. }| ParentOf { job, node }).collect())
    }
}

/// What there is to know of a job without its payload and result.
pub(super) struct Brief {
    pub(super) job: JobId,
    pub(super) node: Option<String>,
    pub(super) ended: Option<State>,
}

/// Reads jobs by id; those that are gone are left out.
pub(super) async fn brief<T: Tx>(tx: &mut T, jobs: &[JobId]) -> Result<Vec<Brief>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let ids = jobs.iter().map(|job| Param::Int(job.as_i64())).collect();
    tx.query_each(Sql::JobMetadata, &Batch::of_rows(1, ids)).await?.read(|row| {
        let job = JobId::from_i64(row.int()?);
        let mut metadata: BTreeMap<String, String> = read_json(row)?;
        let ended = row.opt_int()?.and_then(State::from_code);
        Ok(Brief { job, node: Origin::take(&mut metadata).node, ended })
    })
}
