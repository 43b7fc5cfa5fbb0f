//! A database opened directly, answering with the objects a server would.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use windlass::protocol::{
    ExplainObject, JobObject, LogObject, ObservedStats, PageObject, Refusal, StatsObject, document,
    read_job,
};
use windlass::{JobFilter, JobId, Queue, RetryOptions};

use super::{JobRequest, ListRequest, Missing, RetryRequest, unreadable};
use crate::exit::{Exit, Failure};
use crate::output::Object;

/// A database.
#[derive(Debug)]
pub(crate) struct Database {
    queue: Queue,
}

impl Database {
    pub(super) async fn open(
        url: &str,
        namespace: &str,
        missing: Missing,
    ) -> Result<Self, Failure> {
        if url.starts_with("memory:") {
            return Err(Failure::usage("a database in memory lives only inside of its process")
                .hint("name a file, as in sqlite:./data/windlass.db"));
        }
        match missing {
            Missing::Refuse => refuse_missing(url)?,
            Missing::Create => make_folder(url)?,
        }
        let queue = Queue::builder().namespace(namespace).open(url).await?;
        Ok(Self { queue })
    }

    pub(crate) const fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) async fn submit(&self, job: JobRequest) -> Result<Object, Failure> {
        let body = serde_json::to_vec(&job).map_err(|error| unreadable(&error))?;
        let job = document(&body)
            .and_then(|body| read_job(body, None))
            .map_err(|refusal| refused(&refusal))?;
        let enqueued = self.queue.enqueue_new(job).await?;
        self.get(enqueued.id()).await
    }

    pub(super) async fn get(&self, job: JobId) -> Result<Object, Failure> {
        object(&JobObject(&self.queue.get(job).await?))
    }

    pub(super) async fn explain(&self, job: JobId) -> Result<Object, Failure> {
        object(&ExplainObject::from(&self.queue.explain(job).await?))
    }

    pub(super) async fn logs(&self, job: JobId) -> Result<Object, Failure> {
        object(&LogObject::from(self.queue.logs(job).await?.as_slice()))
    }

    pub(super) async fn list(&self, wanted: &ListRequest) -> Result<Object, Failure> {
        let mut filter = JobFilter::new().limit(wanted.limit.unwrap_or(0));
        filter = wanted.filter.state.iter().fold(filter, |filter, state| filter.state(*state));
        filter = wanted.filter.kind.iter().fold(filter, JobFilter::kind);
        filter = wanted.filter.queue.iter().fold(filter, JobFilter::queue);
        if let Some(workflow) = wanted.filter.workflow {
            filter = filter.workflow(workflow);
        }
        if let Some(batch) = wanted.filter.batch {
            filter = filter.batch(batch);
        }
        if let Some(cursor) = wanted.cursor {
            filter = filter.after(cursor);
        }
        if wanted.is_ascending {
            filter = filter.oldest_first();
        }
        object(&PageObject::from(&self.queue.list(filter).await?))
    }

    pub(super) async fn cancel(
        &self,
        job: JobId,
        reason: Option<&str>,
        force: bool,
    ) -> Result<Object, Failure> {
        let job = if force {
            self.queue.cancel_by_force(job, reason).await?
        } else {
            self.queue.cancel(job, reason).await?
        };
        object(&JobObject(&job))
    }

    pub(super) async fn retry(&self, job: JobId, how: &RetryRequest) -> Result<Object, Failure> {
        let options = RetryOptions {
            reset_attempts: how.reset_attempts,
            delay: how.delay.unwrap_or_default(),
            priority: how.priority,
        };
        object(&JobObject(&self.queue.retry(job, options).await?))
    }

    pub(super) async fn delete(&self, job: JobId, force: bool) -> Result<(), Failure> {
        Ok(self.queue.delete(job, force).await?)
    }

    pub(super) async fn stats(&self) -> Result<Object, Failure> {
        let stats = self.queue.stats().await?;
        let observed = ObservedStats::default().with(&self.queue.rates().await?);
        object(&StatsObject::new(&stats, observed, self.queue.clock().now()))
    }

    /// The job once it has ended, nothing when `slice` ran out first.
    pub(super) async fn wait(
        &self,
        job: JobId,
        slice: Duration,
    ) -> Result<Option<Object>, Failure> {
        let job = self.queue.wait(job, slice).await?;
        if job.state.is_terminal() { object(&JobObject(&job)).map(Some) } else { Ok(None) }
    }

    pub(super) async fn close(self) {
        self.queue.close().await;
    }
}

/// Makes the folder of a file that may be made.
pub(crate) fn make_folder(url: &str) -> Result<(), Failure> {
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    let Some(folder) = path.and_then(|path| Path::new(path).parent()) else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        Failure::new(Exit::Failure, format!("cannot make the folder `{folder}`: {error}"))
    })
}

/// Refuses a file that is not there: opening it would make an empty database of a typing error.
pub(crate) fn refuse_missing(url: &str) -> Result<(), Failure> {
    let Some(path) = url.strip_prefix("sqlite:") else { return Ok(()) };
    let path = path.strip_prefix("//").unwrap_or(path);
    if Path::new(path).exists() {
        return Ok(());
    }
    Err(Failure::new(Exit::Unreachable, format!("there is no database at `{path}`"))
        .hint("`windlass serve` makes one, and so does the first `windlass submit`"))
}

pub(super) fn refused(refusal: &Refusal) -> Failure {
    Failure::usage(refusal.message())
}

pub(super) fn object(value: &impl Serialize) -> Result<Object, Failure> {
    serde_json::to_string(value).and_then(Object::parse).map_err(|error| unreadable(&error))
}
