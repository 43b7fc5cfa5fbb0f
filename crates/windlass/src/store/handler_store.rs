//! The verbs of running handlers: what they keep with their jobs and write down.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::{Reply, WorkerKey, verb};
use crate::job::{JobId, LogLine, Timestamp};

/// The lease under which a handler stores something.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    pub(crate) job: JobId,
    pub(crate) epoch: i64,
    pub(crate) worker: WorkerKey,
}

/// What something kept with a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Checkpoint,
    /// A step: done (with data, or with neither data nor time), or waiting until a time.
    Step,
    Signal,
}

impl Part {
    /// As it is stored.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Checkpoint => 0,
            Self::Step => 1,
            Self::Signal => 2,
        }
    }
}

/// Something kept with a job; its name is unique within its part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) name: String,
    pub(crate) place: u32,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) data: Option<Vec<u8>>,
}

/// A line of a running job's log.
#[derive(Debug, Clone)]
pub(crate) struct LogNote {
    pub(crate) job: JobId,
    pub(crate) epoch: i64,
    pub(crate) line: LogLine,
}

/// As [`Store`](super::Store), for running handlers and those who look at what they leave.
pub(crate) trait HandlerStore {
    /// Keeps something with a job, in place of what has the same name; false when the lease is lost.
    fn save(&self, fence: &Fence, part: Part, item: Saved) -> Reply<'_, bool>;
    /// What is kept with a job, by place; with a namespace, the job has to be in it.
    fn saved(&self, namespace: Option<&Arc<str>>, job: JobId, part: Part) -> Reply<'_, Vec<Saved>>;
    /// Adds lines to the logs of jobs that the worker holds, as far as they have room.
    fn add_lines(&self, worker: &WorkerKey, notes: Vec<LogNote>) -> Reply<'_, ()>;
    fn log(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<LogLine>>;
    /// Gives a signal to a job that has not ended; false when it has one of that name.
    fn signal(
        &self,
        namespace: &Arc<str>,
        job: JobId,
        name: &str,
        payload: Vec<u8>,
    ) -> Reply<'_, bool>;
}

impl<D: Driver> HandlerStore for SqlStore<D> {
    fn save(&self, fence: &Fence, part: Part, item: Saved) -> Reply<'_, bool> {
        let fence = fence.clone();
        Box::pin(self.driver().write(verb::Save { fence, part, item, now: self.now() }))
    }

    fn saved(&self, namespace: Option<&Arc<str>>, job: JobId, part: Part) -> Reply<'_, Vec<Saved>> {
        let (namespace, shared) = (namespace.cloned(), self.shared());
        Box::pin(self.driver().read(verb::ReadSaved { namespace, job, part, shared }))
    }

    fn add_lines(&self, worker: &WorkerKey, notes: Vec<LogNote>) -> Reply<'_, ()> {
        Box::pin(self.driver().write(verb::AddLines { worker: worker.clone(), notes }))
    }

    fn log(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<LogLine>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver().read(verb::ReadLog { namespace, job, shared }))
    }

    fn signal(
        &self,
        namespace: &Arc<str>,
        job: JobId,
        name: &str,
        payload: Vec<u8>,
    ) -> Reply<'_, bool> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        Box::pin(async move {
            let now = self.now();
            self.ids().ready(self.driver(), now).await?;
            let (shared, ids) = (self.shared(), Arc::clone(self.ids()));
            let verb = verb::Signal { namespace, job, name, payload, now, shared, ids };
            self.act(verb).await
        })
    }
}
