//! Handlers by kind, with their types erased once, here.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::context::Ctx;
use super::layer::Layer;
use crate::job::{
    Ending, Failure, FailureClass, IntoOutcome, Job, JobError, Outcome, PAYLOAD_BYTES_MAX,
};

/// A running handler.
pub(super) type Work = Pin<Box<dyn Future<Output = Ending> + Send>>;

/// A handler without its types: payload in, ending out.
pub(super) type Erased<S> = Arc<dyn Fn(Vec<u8>, Ctx<S>) -> Work + Send + Sync>;

/// Chooses the wait after a failed attempt, by its number (from 1) and its error message.
pub(super) type BackoffFn = Arc<dyn Fn(u32, &str) -> Duration + Send + Sync>;

/// Options of one handler in one worker.
#[derive(Clone, Default)]
pub struct HandlerOptions {
    pub(super) concurrency: Option<usize>,
    pub(super) queue: Option<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) backoff: Option<BackoffFn>,
    pub(super) undecodable: Undecodable,
    pub(super) layers: Vec<Layer>,
}

/// What becomes of a job whose payload is not what its handler takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Undecodable {
    /// It ends `dead_letter (undecodable)`, for people to look at.
    #[default]
    DeadLetter,
    /// It is a failed attempt like others: a newer release of the handler may run the next one.
    Retry,
    /// It ends `cancelled`, with the error as its reason.
    Cancel,
}

impl Undecodable {
    pub(super) fn apply(self, ending: Ending) -> Ending {
        match (self, ending) {
            (Self::Retry, Ending::Fail(failure)) if failure.class == FailureClass::Undecodable => {
                Ending::Fail(Failure { class: FailureClass::Retryable, ..failure })
            }
            (Self::Cancel, Ending::Fail(failure)) if failure.class == FailureClass::Undecodable => {
                Ending::Cancel { reason: failure.message }
            }
            (_, ending) => ending,
        }
    }
}

impl HandlerOptions {
    /// Runs at most this many jobs of the kind at a time in this worker.
    #[must_use]
    pub const fn concurrency(mut self, slots: usize) -> Self {
        self.concurrency = Some(slots);
        self
    }

    /// Runs jobs of the kind from this queue only, whatever queues the worker serves (default: those).
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// What becomes of a job whose payload cannot be decoded (default: a dead letter).
    #[must_use]
    pub const fn undecodable(mut self, policy: Undecodable) -> Self {
        self.undecodable = policy;
        self
    }

    /// Longest run of one attempt here, whatever the job says.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Chooses the wait after a failed attempt, by its number (from 1) and its error message.
    #[must_use]
    pub fn backoff(
        mut self,
        choose: impl Fn(u32, &str) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.backoff = Some(Arc::new(choose));
        self
    }
}

impl fmt::Debug for HandlerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerOptions")
            .field("concurrency", &self.concurrency)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A registered handler.
pub(super) struct Registered<S> {
    pub(super) run: Erased<S>,
    pub(super) options: HandlerOptions,
}

/// Handlers by kind.
pub(super) struct Registry<S> {
    pub(super) handlers: BTreeMap<String, Registered<S>>,
    /// The handler of every kind; then there is no other.
    pub(super) any: Option<Registered<S>>,
    pub(super) twice: Vec<String>,
}

impl<S> Registry<S> {
    pub(super) const fn new() -> Self {
        Self { handlers: BTreeMap::new(), any: None, twice: Vec::new() }
    }

    pub(super) fn add(&mut self, kind: &str, run: Erased<S>, options: HandlerOptions) {
        if self.handlers.insert(kind.to_owned(), Registered { run, options }).is_some() {
            self.twice.push(kind.to_owned());
        }
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Registered<S>> {
        self.handlers.get(kind).or(self.any.as_ref())
    }

    /// What is wrong with the handlers as a whole.
    pub(super) fn faults(&self) -> Vec<String> {
        let twice = self.twice.iter().map(|kind| format!("has two handlers for kind `{kind}`"));
        let beside = self.any.is_some() && !self.handlers.is_empty();
        let beside = beside.then(|| "has a handler of every kind, and others beside it".to_owned());
        let none = self.is_empty();
        let none = none.then(|| "is empty: a worker needs at least one handler".to_owned());
        twice.chain(beside).chain(none).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handlers.is_empty() && self.any.is_none()
    }
}

/// Erases the types of a typed handler.
pub(super) fn erase<S, J, F, Fut, R, E>(handler: F) -> Erased<S>
where
    S: Send + Sync + 'static,
    J: Job,
    F: Fn(J, Ctx<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    R: IntoOutcome<J::Output>,
    E: Into<JobError>,
{
    let handler = Arc::new(handler);
    Arc::new(move |payload, ctx| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let job: J = match serde_json::from_slice(&payload) {
                Ok(job) => job,
                Err(error) => return undecodable(J::KIND, &error),
            };
            drop(payload);
            match handler(job, ctx).await {
                Ok(value) => match value.into_outcome() {
                    Outcome::Complete(output) => completed(serde_json::to_vec(&output)),
                    other => unfinished(other),
                },
                Err(error) => error.into().into_ending(),
            }
        })
    })
}

/// Erases the types of a handler that takes and returns bytes.
pub(super) fn erase_raw<S, F, Fut, E>(handler: F) -> Erased<S>
where
    S: Send + Sync + 'static,
    F: Fn(Vec<u8>, Ctx<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
    E: Into<JobError>,
{
    let handler = Arc::new(handler);
    Arc::new(move |payload, ctx| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            match handler(payload, ctx).await {
                Ok(result) => completed(Ok(result)),
                Err(error) => error.into().into_ending(),
            }
        })
    })
}

fn unfinished<T>(outcome: Outcome<T>) -> Ending {
    match outcome {
        Outcome::Snooze(delay) => Ending::Snooze { delay, rate_limited: false },
        Outcome::Cancel(reason) => Ending::Cancel { reason },
        Outcome::Complete(_) => Ending::Complete { result: None },
    }
}

/// A completion, unless the output cannot be stored: the work is done, so trying again would only
/// do it twice.
fn completed(output: Result<Vec<u8>, serde_json::Error>) -> Ending {
    let refused = match output {
        Ok(bytes) if bytes.len() <= PAYLOAD_BYTES_MAX => {
            let result = (bytes != b"null").then_some(bytes);
            return Ending::Complete { result };
        }
        Ok(bytes) => {
            format!("the output is {} bytes long (at most {PAYLOAD_BYTES_MAX})", bytes.len())
        }
        Err(error) => format!("the output cannot be written as JSON: {error}"),
    };
    Ending::Fail(Failure::new(FailureClass::Permanent, refused))
}

fn undecodable(kind: &str, error: &serde_json::Error) -> Ending {
    let message = format!("the payload is not a `{kind}`: {error}");
    Ending::Fail(Failure::new(FailureClass::Undecodable, message))
}
