//! Operations: what is done to many jobs, one after another, and how far that has come.

use std::time::Duration;

use super::list_query::ListQuery;
use super::types::RetryOptions;
use crate::core::State;
use crate::job::{BATCH_JOBS_MAX, DELAY_MAX, JobEdit, JobId, Priority, RunAt, Timestamp};
use crate::{Error, FieldError};

/// Jobs a second that an operation may be paced at.
const RATE_RANGE: (f64, f64) = (0.001, 10_000.0);

/// What to do to which jobs; [`Queue::start_operation`](crate::Queue::start_operation) begins it.
///
/// ```
/// use windlass::{JobFilter, Operation, RetryOptions, State};
///
/// let dead = JobFilter::new().state(State::DeadLetter).kind("mail");
/// let replay = Operation::retry(dead, RetryOptions::default()).rate(10.0);
/// # let _ = replay;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub(crate) deed: Deed,
    pub(crate) target: OperationTarget,
    pub(crate) rate: Option<f64>,
}

/// The jobs of an operation: those that a [`JobFilter`](crate::JobFilter) finds, or these.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationTarget(pub(crate) Target);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Filter(Box<ListQuery>),
    /// In their order, each once.
    Jobs(Vec<JobId>),
}

/// What is done to each job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    Retry(RetryOptions),
    Cancel { reason: Option<String>, force: bool },
    Delete { force: bool },
    Move(String),
    SetPriority(Priority),
    Reschedule(RunAt),
}

impl<T: IntoIterator<Item = JobId>> From<T> for OperationTarget {
    fn from(jobs: T) -> Self {
        let mut jobs: Vec<JobId> = jobs.into_iter().collect();
        jobs.sort_unstable();
        jobs.dedup();
        Self(Target::Jobs(jobs))
    }
}

impl Operation {
    pub(crate) const fn new(deed: Deed, target: OperationTarget) -> Self {
        Self { deed, target, rate: None }
    }

    /// Retries jobs. A filter that names no state means `failed`, `dead_letter` and `cancelled` ones.
    pub fn retry(jobs: impl Into<OperationTarget>, options: RetryOptions) -> Self {
        Self::new(Deed::Retry(options), jobs.into())
    }

    /// Cancels jobs; a filter that names no state means those that have not ended. Running ones are asked
    /// to stop.
    pub fn cancel(jobs: impl Into<OperationTarget>, reason: Option<&str>) -> Self {
        let reason = reason.map(|text| crate::job::truncated(text.to_owned()));
        Self::new(Deed::Cancel { reason, force: false }, jobs.into())
    }

    /// Deletes jobs with their history; a filter that names no state means those that do not run.
    pub fn delete(jobs: impl Into<OperationTarget>) -> Self {
        Self::new(Deed::Delete { force: false }, jobs.into())
    }

    /// Cancels or deletes running jobs at once, too.
    #[must_use]
    pub fn by_force(mut self) -> Self {
        if let Deed::Cancel { force, .. } | Deed::Delete { force } = &mut self.deed {
            *force = true;
        }
        self
    }

    /// Moves jobs to another queue; a filter that names no state means those that wait.
    pub fn move_to(jobs: impl Into<OperationTarget>, queue: impl Into<String>) -> Self {
        Self::new(Deed::Move(queue.into()), jobs.into())
    }

    /// Changes the priority of jobs; a filter that names no state means those that wait.
    pub fn set_priority(jobs: impl Into<OperationTarget>, priority: Priority) -> Self {
        Self::new(Deed::SetPriority(priority), jobs.into())
    }

    /// Lets jobs that wait run no earlier than this.
    pub fn reschedule(jobs: impl Into<OperationTarget>, at: impl Into<Timestamp>) -> Self {
        Self::new(Deed::Reschedule(RunAt::At(at.into())), jobs.into())
    }

    /// Does at most so many jobs a second, 0.001 to 10,000 (default: as fast as it goes).
    #[must_use]
    pub const fn rate(mut self, jobs_per_second: f64) -> Self {
        self.rate = Some(jobs_per_second);
        self
    }

    /// The word of the API: `retry`, `cancel`, `delete`, `move`, `set_priority` or `reschedule`.
    pub const fn action(&self) -> &'static str {
        match self.deed {
            Deed::Retry(_) => "retry",
            Deed::Cancel { .. } => "cancel",
            Deed::Delete { .. } => "delete",
            Deed::Move(_) => "move",
            Deed::SetPriority(_) => "set_priority",
            Deed::Reschedule(_) => "reschedule",
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        match &self.target.0 {
            Target::Filter(query) if query.is_empty() => {
                let detail = "names nothing, which would mean every job: name a state, type, queue, \
                              priority, tag, fingerprint, correlation_id, workflow, batch or time";
                broken.push(FieldError::new("/filter", detail));
            }
            Target::Jobs(jobs) if !(1..=BATCH_JOBS_MAX).contains(&jobs.len()) => {
                let detail = format!("names {} jobs (1 to {BATCH_JOBS_MAX} allowed)", jobs.len());
                broken.push(FieldError::new("/ids", detail));
            }
            Target::Filter(_) | Target::Jobs(_) => {}
        }
        let (least, most) = RATE_RANGE;
        if self.rate.is_some_and(|rate| !(least..=most).contains(&rate)) {
            let detail = format!("must be {least} to {most} jobs a second");
            broken.push(FieldError::new("/rate", detail));
        }
        match (&self.deed, self.edit()) {
            (Deed::Retry(options), _) if options.delay > DELAY_MAX => {
                broken.push(FieldError::new("/params/delay", "is longer than 366 days"));
            }
            (_, Some(edit)) => {
                if let Err(Error::Invalid(found)) = edit.check() {
                    broken.extend(found.into_iter().map(|error| error.under("/params")));
                }
            }
            _ => {}
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }

    /// What is changed of each job, if that is what is done.
    pub(crate) fn edit(&self) -> Option<JobEdit> {
        let edit = JobEdit::new();
        match &self.deed {
            Deed::Move(queue) => Some(edit.queue(queue)),
            Deed::SetPriority(priority) => Some(edit.priority(*priority)),
            Deed::Reschedule(at) => Some(JobEdit { run_at: Some(*at), ..edit }),
            Deed::Retry(_) | Deed::Cancel { .. } | Deed::Delete { .. } => None,
        }
    }

    /// The filter as it is carried out, for jobs stored up to `until`; none where jobs are named.
    pub(crate) fn query(&self, until: Timestamp) -> Option<ListQuery> {
        let Target::Filter(query) = &self.target.0 else { return None };
        let mut query = ListQuery::clone(query);
        if query.states.is_empty() {
            query.states = self.states();
        }
        let until = until + Duration::from_micros(1);
        query.created_before = Some(query.created_before.map_or(until, |at| at.min(until)));
        query.ascending = true;
        Some(query)
    }

    /// The states a filter means that names none.
    fn states(&self) -> Vec<State> {
        use State::{
            Cancelled, Completed, DeadLetter, Delayed, Failed, Pending, Retrying, Running,
        };
        match self.deed {
            Deed::Retry(_) => vec![Failed, DeadLetter, Cancelled],
            Deed::Cancel { .. } => vec![Pending, Delayed, Retrying, Running],
            Deed::Delete { force: true } => State::ALL.to_vec(),
            Deed::Delete { force: false } => {
                vec![Pending, Delayed, Retrying, Completed, Failed, DeadLetter, Cancelled]
            }
            Deed::Move(_) | Deed::SetPriority(_) | Deed::Reschedule(_) => {
                vec![Pending, Delayed, Retrying]
            }
        }
    }
}

/// The id of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(i64);

impl OperationId {
    pub(crate) const fn from_i64(value: i64) -> Self {
        Self(value)
    }

    pub(crate) const fn as_i64(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for OperationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for OperationId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<JobId>() {
            Ok(id) => Ok(Self(id.as_i64())),
            Err(detail) => Err(detail.replace("a job id", "the id of an operation")),
        }
    }
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// It finds out how many jobs there are.
    Counting,
    /// It is doing.
    Running,
    /// It came to the last job.
    Completed,
    /// Someone stopped it: what was done stays done.
    Cancelled,
}

impl OperationState {
    const ALL: [Self; 4] = [Self::Counting, Self::Running, Self::Completed, Self::Cancelled];

    /// The public word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counting => "counting",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// True once nothing more happens.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Counting => 1,
            Self::Running => 2,
            Self::Completed => 3,
            Self::Cancelled => 4,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// An operation and how far it has come.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OperationRecord {
    /// The id.
    pub id: OperationId,
    /// What is done to which jobs.
    pub operation: Operation,
    /// Where it stands.
    pub state: OperationState,
    /// Jobs found; grows while it is counting.
    pub matched: u64,
    /// Jobs it was done to.
    pub done: u64,
    /// Jobs that were left as they were.
    pub failed: u64,
    /// Why, for the first 100 of them; where one operation is read by its id.
    pub failures: Vec<OperationFailure>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Why an operation left a job as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationFailure {
    /// The job.
    pub job: JobId,
    /// What stood in the way.
    pub detail: String,
}
