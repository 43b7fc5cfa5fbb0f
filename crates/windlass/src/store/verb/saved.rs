//! What handlers keep with their jobs: stored while the lease stands, read by later attempts.

use std::sync::Arc;

use crate::Error;
use crate::job::{JobId, Timestamp};
use crate::store::driver::{BYTES_PER_ROW, Batch, Lane, Tx, Verb, Waits};
use crate::store::rows::instant;
use crate::store::statements::Sql;
use crate::store::verb::locate;
use crate::store::{Fence, Part, Saved, Shared};

/// Keeps something with a job; false when the lease is lost, and then nothing is kept.
#[derive(Debug)]
pub(crate) struct Save {
    pub(crate) fence: Fence,
    pub(crate) part: Part,
    pub(crate) item: Saved,
    pub(crate) now: Timestamp,
}

impl Verb for Save {
    type Reply = bool;

    const LANE: Lane = Lane::Settle;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let Fence { job, epoch, worker } = &self.fence;
        let item = &self.item;
        let params = [
            job.as_i64().into(),
            (*epoch).into(),
            worker.id.into(),
            worker.nonce.into(),
            self.part.code().into(),
            item.name.as_str().into(),
            item.place.into(),
            item.due_at.map(Timestamp::as_micros).into(),
            self.now.as_micros().into(),
            item.data.as_deref().into(),
        ];
        Ok(tx.execute(Sql::SavedPut, &params).await? > 0)
    }

    fn weight(&self) -> usize {
        1 + self.item.data.as_ref().map_or(0, Vec::len) / BYTES_PER_ROW
    }

    fn waits(&self) -> Waits {
        Waits::of_jobs(std::iter::once(self.fence.job))
    }
}

/// Reads what is kept with a job, by place.
#[derive(Debug)]
pub(crate) struct ReadSaved {
    /// Where the job has to be, for those who only know its id.
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) job: JobId,
    pub(crate) part: Part,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ReadSaved {
    type Reply = Vec<Saved>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Saved>, Error> {
        if let Some(namespace) = &self.namespace {
            let namespace_id = self.shared.catalog.namespace(tx, namespace).await?;
            locate(tx, namespace_id, self.job).await?;
        }
        list(tx, self.job, self.part).await
    }
}

/// Reads the checkpoints of jobs that were just claimed, as far as there are any.
#[derive(Debug)]
pub(crate) struct ReadCheckpoints {
    pub(crate) jobs: Vec<JobId>,
}

impl Verb for ReadCheckpoints {
    type Reply = Vec<(JobId, Vec<u8>)>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let mut batch = Batch::with_capacity(2, self.jobs.len());
        for job in &self.jobs {
            batch.push([job.as_i64().into(), Part::Checkpoint.code().into()]);
        }
        let rows = tx.query_each(Sql::CheckpointGet, &batch).await?;
        let rows = rows.read(|row| Ok((JobId::from_i64(row.int()?), row.opt_bytes()?)))?;
        Ok(rows.into_iter().filter_map(|(job, data)| Some((job, data?))).collect())
    }
}

/// What is kept of one part with a job, by place.
pub(super) async fn list<T: Tx>(tx: &mut T, job: JobId, part: Part) -> Result<Vec<Saved>, Error> {
    let rows = tx.query(Sql::SavedList, &[job.as_i64().into(), part.code().into()]).await?;
    rows.read(|row| {
        Ok(Saved {
            name: row.text()?,
            place: row.count()?,
            due_at: instant(row)?,
            data: row.opt_bytes()?,
        })
    })
}
