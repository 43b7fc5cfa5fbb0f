//! What people change of jobs that are stored: one at a time, or many in an operation.

use std::collections::{BTreeMap, HashMap};

use super::Queue;
use crate::job::{JobEdit, JobId, JobRecord, JobRef, Timestamp};
use crate::store::{DeadLetter, Operation, OperationId, OperationRecord, OperationState, Target};
use crate::{Error, JobFilter};

/// Operations on a page.
const PAGE_MAX: usize = 500;

/// Jobs that a preview counts, and shows.
const PREVIEW_MAX: usize = 100_000;
const PREVIEW_PAGE: usize = 10_000;
const SAMPLE_MAX: usize = 10;

/// Dead letters that are looked at for groups, the latest first.
const DEAD_MAX: usize = 5_000;

/// Jobs that an operation would be done to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OperationPreview {
    /// How many there are, up to 100,000.
    pub count: u64,
    /// Whether these are all.
    pub complete: bool,
    /// The first ten by id.
    pub sample: Vec<JobRecord>,
}

/// Dead letters by what they died of, the largest group first.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeadGroups {
    /// The groups.
    pub groups: Vec<DeadGroup>,
    /// Whether all dead letters were looked at; otherwise only the latest 5,000.
    pub complete: bool,
}

/// Dead letters of one type whose last failures are of one class and alike but for numbers and ids.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadGroup {
    /// What they have in common; [`JobFilter::fingerprint`] finds them.
    pub fingerprint: String,
    /// The type.
    pub kind: String,
    /// Class of the last failure, as [`AttemptRecord::class`](crate::AttemptRecord::class) has it.
    pub error_class: String,
    /// Message of the latest of them, its first 2,048 characters.
    pub message: String,
    /// The queues they are in.
    pub queues: Vec<String>,
    /// How many there are.
    pub count: u64,
    /// When the first of them died.
    pub first_at: Timestamp,
    /// When the latest of them died.
    pub last_at: Timestamp,
    /// The latest of them.
    pub sample: JobId,
}

impl Queue {
    /// Changes a job that waits or has ended, and returns it. One that could run now goes behind those
    /// of its queue, kind and priority.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is running, has ended and is given a time, or is not of the
    /// version that was named; [`Error::Invalid`]
    /// naming each broken rule; [`Error::NotFound`].
    pub async fn edit(&self, job: impl Into<JobRef>, edit: JobEdit) -> Result<JobRecord, Error> {
        edit.check()?;
        self.store().edit(&self.namespace, job.into(), edit).await
    }

    /// Begins to do something to many jobs and returns at once: any process with a worker carries it out,
    /// step by step, and takes up where another one was killed. Jobs stored later are not touched.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, a filter that names nothing among them;
    /// [`Error::NotFound`] for an unknown namespace; [`Error::Unavailable`].
    pub async fn start_operation(&self, operation: Operation) -> Result<OperationRecord, Error> {
        operation.check()?;
        self.store().begin_operation(&self.namespace, operation).await
    }

    /// Says what an operation would be done to, and does nothing.
    ///
    /// # Errors
    /// As [`start_operation`](Self::start_operation).
    pub async fn preview_operation(
        &self,
        operation: &Operation,
    ) -> Result<OperationPreview, Error> {
        operation.check()?;
        let (ids, complete) = match &operation.target.0 {
            Target::Jobs(jobs) => (jobs.clone(), true),
            Target::Filter(_) => self.find_all(operation).await?,
        };
        let mut sample = self.get_many(ids.iter().take(SAMPLE_MAX).copied().collect()).await?;
        for job in &mut sample {
            job.payload.clear();
        }
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        Ok(OperationPreview { count, complete, sample })
    }

    async fn find_all(&self, operation: &Operation) -> Result<(Vec<JobId>, bool), Error> {
        let mut ids = Vec::new();
        let mut query = operation.query(self.clock().now()).unwrap_or_default();
        query.limit = PREVIEW_PAGE;
        loop {
            let found = self.store().find(&self.namespace, query.clone()).await?;
            ids.extend(found.jobs);
            match found.next {
                None => return Ok((ids, true)),
                Some(_) if ids.len() >= PREVIEW_MAX => return Ok((ids, false)),
                next => query.cursor = next,
            }
        }
    }

    /// Reads one operation, with the first 100 of its failures.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such operation.
    pub async fn operation(&self, id: OperationId) -> Result<OperationRecord, Error> {
        self.store().operation(&self.namespace, id).await
    }

    /// Reads up to 500 operations, the latest first, from before one on. They are kept for 30 days after
    /// their end.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn operations(
        &self,
        before: Option<OperationId>,
    ) -> Result<Vec<OperationRecord>, Error> {
        self.store().operations(&self.namespace, before, PAGE_MAX).await
    }

    /// Stops an operation: nothing more is done after this returns, and what was done stays done.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has already ended, [`Error::NotFound`].
    pub async fn cancel_operation(&self, id: OperationId) -> Result<OperationRecord, Error> {
        self.store().cancel_operation(&self.namespace, id).await
    }

    /// Carries out an operation in this process to its end, and returns it. Processes with a worker do this
    /// by themselves; both may do it at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such operation; [`Error::Unavailable`], after which it
    /// may be part of the way.
    pub async fn carry_out(&self, id: OperationId) -> Result<OperationRecord, Error> {
        loop {
            let record = self.operation(id).await?;
            if matches!(record.state, OperationState::Completed | OperationState::Cancelled) {
                return Ok(record);
            }
            let next_at = self.store().operate(Some(id)).await?.next;
            let now = self.clock().now();
            self.clock().sleep(next_at.map_or_else(Default::default, |at| at.since(now))).await;
        }
    }

    /// Groups dead letters by what they died of.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn dead_groups(&self) -> Result<DeadGroups, Error> {
        let dead = self.store().dead(&self.namespace, DEAD_MAX).await?;
        let mut groups: BTreeMap<String, DeadGroup> = BTreeMap::new();
        let mut known = HashMap::new();
        for letter in dead.letters {
            // Many say the same word for word.
            let said = (letter.kind.clone(), letter.class.clone(), letter.message.clone());
            let fingerprint = known.entry(said).or_insert_with(|| letter.fingerprint()).clone();
            match groups.get_mut(&fingerprint) {
                Some(group) => group.add(letter),
                None => drop(groups.insert(fingerprint.clone(), letter.into_group(fingerprint))),
            }
        }
        let mut groups: Vec<DeadGroup> = groups.into_values().collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then(b.last_at.cmp(&a.last_at)));
        Ok(DeadGroups { groups, complete: dead.complete })
    }
}

impl DeadGroup {
    /// Letters come the latest first.
    fn add(&mut self, letter: DeadLetter) {
        self.count += 1;
        self.first_at = self.first_at.min(letter.at);
        self.last_at = self.last_at.max(letter.at);
        if let Err(place) = self.queues.binary_search(&letter.queue) {
            self.queues.insert(place, letter.queue);
        }
    }
}

impl DeadLetter {
    fn into_group(self, fingerprint: String) -> DeadGroup {
        DeadGroup {
            fingerprint,
            kind: self.kind,
            error_class: self.class.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
            queues: vec![self.queue],
            count: 1,
            first_at: self.at,
            last_at: self.at,
            sample: self.job,
        }
    }
}

impl JobFilter {
    /// Jobs that have this tag; several of one key mean any of them, and each key
    /// that is named has to be met.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.tags.push((key.into(), value.into()));
        self
    }

    /// Dead letters of this [`fingerprint`](JobRecord::fingerprint); several mean any of them.
    #[must_use]
    pub fn fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.query.fingerprints.push(fingerprint.into());
        self
    }
}
