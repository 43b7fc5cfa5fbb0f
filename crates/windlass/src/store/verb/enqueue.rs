//! Enqueue: makes jobs durable, in the order given.

use std::collections::HashMap;
use std::sync::Arc;

use crate::core::State;
use crate::job::{Backoff, JobId, NewJob, Timestamp};
use crate::store::driver::{Batch, Param, Tx, Verb};
use crate::store::effects::Measure;
use crate::store::ids::Ids;
use crate::store::statements::Sql;
use crate::store::{Shared, Stored};
use crate::{Error, FieldError, sabotage};

/// Stores checked jobs. With `atomic`, one refused job refuses all.
#[derive(Debug)]
pub(crate) struct Enqueue {
    pub(crate) jobs: Vec<Prepared>,
    pub(crate) namespace: Arc<str>,
    pub(crate) atomic: bool,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<Ids>,
}

/// A checked job with its texts written out, so that the transaction is short.
#[derive(Debug)]
pub(crate) struct Prepared {
    job: NewJob,
    backoff: Option<String>,
    tags: Option<String>,
    metadata: Option<String>,
}

impl Prepared {
    pub(crate) fn new(job: NewJob) -> Result<Self, Error> {
        job.check()?;
        let plain = job.policy.backoff == Backoff::default();
        Ok(Self {
            backoff: if plain { None } else { Some(json_text(&job.policy.backoff)?) },
            tags: if job.tags.is_empty() { None } else { Some(json_text(&job.tags)?) },
            metadata: if job.metadata.is_empty() { None } else { Some(json_text(&job.metadata)?) },
            job,
        })
    }
}

/// A job of this batch that is to be inserted.
struct New {
    index: usize,
    id: JobId,
    queue_id: i64,
    kind_id: i64,
}

impl Verb for Enqueue {
    type Reply = Vec<Result<Stored, Error>>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let mut new: Vec<New> = Vec::with_capacity(self.jobs.len());
        let mut replies = Vec::with_capacity(self.jobs.len());
        let mut keys: HashMap<&str, usize> = HashMap::new();
        for (index, prepared) in self.jobs.iter().enumerate() {
            let job = &prepared.job;
            let pair = self.shared.catalog.pair(tx, namespace_id, &job.queue, &job.kind).await?;
            let id = self.ids.next(self.now)?;
            let key = job.idempotency_key.as_deref();
            let existing = match key.filter(|_| !sabotage::on("idempotency_forgotten")) {
                None => None,
                Some(key) => match keys.get(key) {
                    Some(first) => Some(self.same_batch(&new[*first], job)),
                    None => self.take_key(tx, namespace_id, (key, job), id, pair.1).await?,
                },
            };
            if existing.is_none() {
                if let Some(key) = job.idempotency_key.as_deref() {
                    keys.insert(key, new.len());
                }
                new.push(New { index, id, queue_id: pair.0, kind_id: pair.1 });
            }
            replies.push(existing.unwrap_or(Ok(Stored { id, is_new: true })));
        }
        self.refuse_all_if_atomic(&mut replies)?;
        self.insert(tx, &new).await?;
        Ok(replies)
    }

    fn weight(&self) -> usize {
        self.jobs.len()
    }
}

impl Enqueue {
    /// Takes an idempotency key, or finds who has it.
    async fn take_key<T: Tx>(
        &self,
        tx: &mut T,
        namespace_id: i64,
        (key, job): (&str, &NewJob),
        id: JobId,
        kind_id: i64,
    ) -> Result<Option<Result<Stored, Error>>, Error> {
        let params = [namespace_id.into(), key.into(), id.as_i64().into()];
        if !tx.query(Sql::IdempotencyAdd, &params).await?.is_empty() {
            return Ok(None);
        }
        let rows = tx.query(Sql::IdempotencyGet, &[namespace_id.into(), key.into()]).await?;
        let holder = rows.first(|row| Ok((row.int()?, row.int()?, row.bytes()?)))?;
        let (holder, same_kind, payload) = match holder {
            Some((holder, kind, payload)) => (JobId::from_i64(holder), kind == kind_id, payload),
            None => return Err(Error::bug(format!("idempotency key `{key}` belongs to no job"))),
        };
        Ok(Some(existing(holder, same_kind && payload == job.payload, key)))
    }

    /// The answer to a key that an earlier job of the same batch took.
    fn same_batch(&self, first: &New, job: &NewJob) -> Result<Stored, Error> {
        let other = &self.jobs[first.index].job;
        let same = other.kind == job.kind && other.payload == job.payload;
        existing(first.id, same, job.idempotency_key.as_deref().unwrap_or_default())
    }

    fn refuse_all_if_atomic(&self, replies: &mut [Result<Stored, Error>]) -> Result<(), Error> {
        let first = replies.iter().position(Result::is_err);
        match first {
            Some(index) if self.atomic => {
                let refused = std::mem::replace(&mut replies[index], Err(Error::bug("refused")));
                let detail = refused.err().map(|error| error.to_string()).unwrap_or_default();
                let pointer = format!("/jobs/{index}/idempotency_key");
                Err(Error::Invalid(vec![FieldError::new(pointer, detail)]))
            }
            _ => Ok(()),
        }
    }

    async fn insert<T: Tx>(&self, tx: &mut T, new: &[New]) -> Result<(), Error> {
        let mut jobs = Batch::with_capacity(17, new.len());
        let mut ready = Batch::with_capacity(9, new.len());
        let mut delayed = Batch::with_capacity(10, 0);
        let mut expiry = Batch::with_capacity(2, 0);
        for item in new {
            let prepared = &self.jobs[item.index];
            let job = &prepared.job;
            let run_at = job.run_at.map(|when| when.resolve(self.now));
            jobs.push(self.job_row(item, prepared));
            let priority = Param::Int(i64::from(job.policy.priority.get()));
            let (queue, kind) = (item.queue_id.into(), item.kind_id.into());
            let (id, none) = (Param::Int(item.id.as_i64()), Param::Int(0));
            let state = match run_at.filter(|run_at| *run_at > self.now) {
                Some(run_at) => {
                    let reason = Param::Int(crate::Reason::Scheduled.code());
                    let at = run_at.as_micros().into();
                    delayed.push([at, id, reason, queue, kind, priority, none, none, none, none]);
                    State::Delayed
                }
                None => {
                    ready.push([queue, kind, priority, id, id, none, none, none, none]);
                    State::Pending
                }
            };
            let limits = [job.start_by, job.deadline];
            if let Some(limit) = limits.iter().flatten().map(|when| when.resolve(self.now)).min() {
                expiry.push([limit.as_micros().into(), id]);
            }
            let effects = tx.effects();
            effects.count(item.queue_id, item.kind_id, Measure::Enqueues, 1);
            effects.count(item.queue_id, item.kind_id, Measure::In(state), 1);
        }
        if jobs.is_empty() {
            return Ok(());
        }
        tx.execute_each(Sql::JobInsert, &jobs).await?;
        if !ready.is_empty() {
            tx.execute_each(Sql::ReadyInsert, &ready).await?;
            tx.effects().ready();
        }
        if !delayed.is_empty() {
            tx.execute_each(Sql::DelayedInsert, &delayed).await?;
            tx.effects().delayed();
        }
        if !expiry.is_empty() {
            tx.execute_each(Sql::ExpiryInsert, &expiry).await?;
        }
        Ok(())
    }

    fn job_row<'a>(&self, item: &New, prepared: &'a Prepared) -> [Param<'a>; 17] {
        let job = &prepared.job;
        let policy = &job.policy;
        let instant = |when: Option<crate::job::RunAt>| {
            Param::from(when.map(|when| when.resolve(self.now).as_micros()))
        };
        let timeout_ms = i64::try_from(policy.timeout.as_millis()).unwrap_or(i64::MAX);
        [
            item.id.as_i64().into(),
            item.queue_id.into(),
            item.kind_id.into(),
            Param::Int(i64::from(policy.priority.get())),
            policy.max_attempts.into(),
            policy.max_crashes.into(),
            timeout_ms.into(),
            self.now.as_micros().into(),
            instant(job.run_at),
            instant(job.start_by),
            instant(job.deadline),
            prepared.backoff.as_deref().into(),
            job.idempotency_key.as_deref().into(),
            job.correlation_id.as_deref().into(),
            prepared.tags.as_deref().into(),
            prepared.metadata.as_deref().into(),
            job.payload.as_slice().into(),
        ]
    }
}

fn existing(holder: JobId, same: bool, key: &str) -> Result<Stored, Error> {
    if same {
        return Ok(Stored { id: holder, is_new: false });
    }
    Err(Error::Conflict {
        code: "idempotency_mismatch",
        message: format!(
            "idempotency key `{key}` belongs to job {holder}, which has another type or payload"
        ),
    })
}

fn json_text<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::bug(format!("a map of strings cannot be written: {error}")))
}
