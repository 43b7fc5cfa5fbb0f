//! Enqueue: makes jobs durable, in the order given.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::core::{Counts, State};
use crate::job::{
    ATTEMPTS_DEFAULT, Dependency, EventName, Held, JobId, NewJob, OnConflict, ParentEnd, Place,
    RunAt, Timestamp,
};
use crate::store::driver::{BYTES_PER_ROW, Batch, Lane, Param, Tx, Verb, Waits};
use crate::store::effects::{Effects, Measure};
use crate::store::line::NEW;
use crate::store::origin::Origin;
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::store::verb::bundle::join;
use crate::store::verb::enter::{Entry, first_place};
use crate::store::verb::new_rows::NewRows;
use crate::store::verb::unique::{Keys, release};
use crate::store::{Existing, Stored};
use crate::{Error, FieldError, sabotage};

/// Stores checked jobs. With `atomic`, one refused job refuses all.
#[derive(Debug)]
pub(crate) struct Enqueue {
    pub(crate) jobs: Vec<Prepared>,
    pub(crate) namespace_id: i64,
    pub(crate) atomic: bool,
    pub(crate) now: Timestamp,
    /// What queues say for jobs that say nothing.
    pub(crate) settings: Arc<Settings>,
    /// Whether queues that are full refuse: not what was accepted before.
    pub(crate) admits: bool,
    /// Each job's unique key, as its digest and as it is stored.
    pub(crate) uniques: Vec<Option<Uniqueness>>,
    /// The ids of each job's queue and kind.
    pub(crate) pairs: Vec<(i64, i64)>,
    /// An id for each job, the same however often this runs: a repetition cannot store a job twice.
    pub(crate) ids: Vec<JobId>,
}

/// A checked job with its texts written out, so that the transaction is short.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) job: NewJob,
    backoff: Option<String>,
    tags: Option<String>,
    metadata: Option<String>,
    depends_on: Option<String>,
}

impl Prepared {
    /// The names of its queue and kind.
    pub(crate) fn names(&self) -> (&str, &str) {
        (&self.job.queue, &self.job.kind)
    }

    pub(crate) fn new(job: NewJob) -> Result<Self, Error> {
        Self::of(job, Origin::default())
    }

    /// A job that was made for something: the tick of a schedule, a node of a workflow.
    pub(crate) fn of(mut job: NewJob, origin: Origin) -> Result<Self, Error> {
        job.check()?;
        Origin { batch: job.batch, ..origin }.put(&mut job.metadata);
        job.keys.put(&mut job.metadata);
        Ok(Self {
            backoff: job.policy.backoff.as_ref().map(json_text).transpose()?,
            tags: if job.tags.is_empty() { None } else { Some(json_text(&job.tags)?) },
            depends_on: if job.depends_on.is_empty() {
                None
            } else {
                Some(json_text(&job.depends_on)?)
            },
            metadata: if job.metadata.is_empty() { None } else { Some(json_text(&job.metadata)?) },
            job,
        })
    }
}

/// A unique key, as its digest and as it is stored.
pub(crate) type Uniqueness = (Held, String);

/// The unique keys of jobs.
pub(crate) fn uniques(
    namespace_id: i64,
    jobs: &[Prepared],
) -> Result<Vec<Option<Uniqueness>>, Error> {
    let each = jobs.iter().map(|prepared| {
        let NewJob { kind, queue, payload, .. } = &prepared.job;
        let Some(unique) = &prepared.job.unique else { return Ok(None) };
        let place = Place { namespace_id, queue, kind, payload };
        let digest = unique.digest(&place).map_err(|(_, detail)| Error::bug(detail))?;
        let held = Held { digest, unique: unique.clone() };
        let text = json_text(&held)?;
        Ok(Some((held, text)))
    });
    each.collect()
}

/// A job of this batch that is to be inserted.
pub(super) struct New {
    pub(super) index: usize,
    pub(super) id: JobId,
    pub(super) queue_id: i64,
    pub(super) kind_id: i64,
}

/// Who has an idempotency key: the job, and its kind and payload unless it is yet to be inserted.
struct Holder {
    job: JobId,
    stored: Option<(i64, Vec<u8>)>,
}

impl Verb for Enqueue {
    type Reply = Vec<Result<Stored, Error>>;

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let namespace_id = self.namespace_id;
        let all: Vec<New> = self.items().collect();
        let holders = self.take_keys(tx, namespace_id, &all).await?;
        let mut new = Vec::with_capacity(all.len());
        let mut replies = Vec::with_capacity(all.len());
        for item in all {
            let reply = self.answer(&item, &holders)?;
            if matches!(reply, Ok(Stored { existing: None, .. })) {
                new.push(item);
            }
            replies.push(reply);
        }
        self.refuse_orphans(tx, &mut new, &mut replies).await?;
        self.refuse_latecomers(tx, &mut new, &mut replies).await?;
        let keys = self.take_unique(tx, &mut new, &mut replies).await?;
        if self.admits {
            self.check_depth(tx, &mut new, &mut replies).await?;
        }
        let refusal = self.refuse_all_if_atomic(&mut replies);
        let stored: HashSet<JobId> = match &refusal {
            Ok(()) => new.iter().map(|item| item.id).collect(),
            Err(_) => HashSet::new(),
        };
        self.give_keys_back(tx, &holders, &keys, &stored).await?;
        refusal?;
        self.change_holders(tx, keys, &replies).await?;
        self.insert(tx, &new).await?;
        Ok(replies)
    }

    async fn landed<T: Tx>(&self, reply: &Self::Reply, tx: &mut T) -> Result<bool, Error> {
        let mut new = reply.iter().flatten().filter(|stored| stored.existing.is_none());
        let Some(first) = new.next() else { return Ok(false) };
        Ok(!tx.query(Sql::JobGet, &[first.id.as_i64().into()]).await?.is_empty())
    }

    fn weight(&self) -> usize {
        self.jobs.iter().map(|job| 1 + job.job.payload.len() / BYTES_PER_ROW).sum()
    }

    fn waits(&self) -> Waits {
        let changes_others = |held: &Held| held.unique.on_conflict != OnConflict::Keep;
        let uniques = || self.uniques.iter().flatten().map(|(held, _)| held);
        if uniques().any(changes_others) || self.jobs.iter().any(|job| job.job.batch.is_some()) {
            return Waits::Anything;
        }
        // Idempotency keys first, as they are taken first.
        let keys = self.jobs.iter().filter_map(|job| job.job.idempotency_key.as_deref());
        let keys = keys.map(|key| format!("1{key}"));
        let all: Vec<String> =
            keys.chain(uniques().map(|held| format!("2{}", held.digest))).collect();
        Waits::of_keys(all.iter().map(String::as_str))
    }
}

impl Enqueue {
    /// Its jobs, as if none were refused.
    pub(super) fn items(&self) -> impl Iterator<Item = New> + '_ {
        let each = self.pairs.iter().zip(&self.ids).enumerate();
        each.map(|(index, ((queue_id, kind_id), id))| New {
            index,
            id: *id,
            queue_id: *queue_id,
            kind_id: *kind_id,
        })
    }

    /// Takes the keys that are free, and says who has each.
    async fn take_keys<T: Tx>(
        &self,
        tx: &mut T,
        namespace_id: i64,
        all: &[New],
    ) -> Result<HashMap<String, Holder>, Error> {
        let mut firsts: BTreeMap<&str, JobId> = BTreeMap::new();
        for item in all {
            if let Some(key) = self.key_of(item) {
                firsts.entry(key).or_insert(item.id);
            }
        }
        if firsts.is_empty() {
            return Ok(HashMap::new());
        }
        let mut wanted = Batch::with_capacity(3, firsts.len());
        let mut names = Batch::with_capacity(2, firsts.len());
        for (key, id) in &firsts {
            wanted.push([namespace_id.into(), (*key).into(), id.as_i64().into()]);
            names.push([namespace_id.into(), (*key).into()]);
        }
        // A key may belong to a job of the same commit that is not inserted yet.
        Effects::flush(tx).await?;
        tx.execute_each(Sql::IdempotencyAdd, &wanted).await?;
        let rows = tx.query_each(Sql::IdempotencyGet, &names).await?;
        let holders = rows.read(|row| {
            let (key, job) = (row.text()?, JobId::from_i64(row.int()?));
            let stored = row.opt_int()?.zip(row.opt_bytes()?);
            Ok((key, Holder { job, stored }))
        })?;
        Ok(holders.into_iter().collect())
    }

    /// Gives back the keys of jobs that are not stored after all: the transaction may be the
    /// application's, and go on.
    async fn give_keys_back<T: Tx>(
        &self,
        tx: &mut T,
        holders: &HashMap<String, Holder>,
        keys: &Keys,
        stored: &HashSet<JobId>,
    ) -> Result<(), Error> {
        if holders.is_empty() && keys.taken.is_empty() {
            return Ok(());
        }
        let own: HashSet<&JobId> = self.ids.iter().collect();
        let is_refused = |job: &JobId| own.contains(job) && !stored.contains(job);
        for (key, holder) in holders.iter().filter(|(_, holder)| is_refused(&holder.job)) {
            let params =
                [self.namespace_id.into(), key.as_str().into(), holder.job.as_i64().into()];
            tx.execute(Sql::IdempotencyDelete, &params).await?;
        }
        let unique = keys.taken.iter().filter(|(_, job)| is_refused(job));
        release(tx, unique.cloned().collect()).await
    }

    fn key_of(&self, item: &New) -> Option<&str> {
        let key = self.jobs[item.index].job.idempotency_key.as_deref();
        key.filter(|_| !sabotage::on("idempotency_forgotten"))
    }

    /// What to tell the caller of one job: it is new, or an earlier one has its key.
    fn answer(
        &self,
        item: &New,
        holders: &HashMap<String, Holder>,
    ) -> Result<Result<Stored, Error>, Error> {
        let new = Ok(Stored { id: item.id, existing: None, pressure: None });
        let Some(key) = self.key_of(item) else { return Ok(new) };
        let Some(holder) = holders.get(key) else {
            // Given back between the two statements: the next run finds it free.
            return Err(Error::moved(format!("idempotency key `{key}`")));
        };
        if holder.job == item.id {
            return Ok(new);
        }
        let job = &self.jobs[item.index].job;
        let same = match &holder.stored {
            Some((kind_id, payload)) => *kind_id == item.kind_id && *payload == job.payload,
            None => self.same_batch(key, job),
        };
        Ok(existing(holder.job, same, key))
    }

    /// Compares with the earlier job of this batch that took the key.
    fn same_batch(&self, key: &str, job: &NewJob) -> bool {
        let first = self.jobs.iter().map(|prepared| &prepared.job);
        let first = first.into_iter().find(|other| other.idempotency_key.as_deref() == Some(key));
        first.is_some_and(|first| first.kind == job.kind && first.payload == job.payload)
    }

    fn refuse_all_if_atomic(&self, replies: &mut [Result<Stored, Error>]) -> Result<(), Error> {
        let first = replies.iter().position(Result::is_err);
        match first {
            Some(index) if self.atomic => {
                let refused = std::mem::replace(&mut replies[index], Err(Error::bug("refused")));
                match refused {
                    Err(full @ Error::Full { .. }) => Err(full),
                    Err(Error::Invalid(broken)) => {
                        let under = |field: FieldError| field.under(&format!("/jobs/{index}"));
                        Err(Error::Invalid(broken.into_iter().map(under).collect()))
                    }
                    refused => {
                        let detail = refused.err().map(|error| error.to_string());
                        let pointer = format!("/jobs/{index}/idempotency_key");
                        Err(Error::invalid(pointer, detail.unwrap_or_default()))
                    }
                }
            }
            _ => Ok(()),
        }
    }

    async fn insert<T: Tx>(&self, tx: &mut T, new: &[New]) -> Result<(), Error> {
        let mut rows = NewRows::new(new.len());
        for item in new {
            let prepared = &self.jobs[item.index];
            let job = &prepared.job;
            let run_at = self.run_at(item);
            rows.jobs.push(self.job_row(item));
            let priority = Param::Int(i64::from(job.policy.priority.get()));
            let (queue, kind) = (item.queue_id.into(), item.kind_id.into());
            let (id, none) = (Param::Int(item.id.as_i64()), Param::Int(0));
            let state = match run_at.filter(|run_at| *run_at > self.now) {
                run_at if !job.depends_on.is_empty() => {
                    let pending = i64::try_from(job.depends_on.len()).unwrap_or(i64::MAX);
                    let at = run_at.map(Timestamp::as_micros).into();
                    rows.blocked.push([id, pending.into(), at, queue, kind, priority]);
                    for on in &job.depends_on {
                        rows.dependencies.push(edge(on, item.id));
                    }
                    State::Pending
                }
                Some(run_at) => {
                    let reason = Param::Int(crate::Reason::Scheduled.code());
                    let at = run_at.as_micros().into();
                    rows.delayed
                        .push([at, id, reason, queue, kind, priority, none, none, none, none]);
                    State::Delayed
                }
                None => {
                    let entry = self.entry(item);
                    match entry.place {
                        Some(place) => rows.throttled.push(entry.throttled(NEW, place)),
                        None => rows.ready.push(entry.ready()),
                    }
                    State::Pending
                }
            };
            if let Some(limit) = self.limit(item) {
                rows.expiry.push([limit.as_micros().into(), id]);
            }
            let effects = tx.effects();
            effects.count(item.queue_id, item.kind_id, Measure::Enqueues, 1);
            effects.count(item.queue_id, item.kind_id, Measure::In(state), 1);
            effects.tell(EventName::JobCreated, item.id, (item.queue_id, item.kind_id));
        }
        rows.insert(tx).await?;
        let batch = |item: &New| Some((self.jobs[item.index].job.batch?.as_i64(), item.id));
        join(tx, new.iter().filter_map(batch)).await
    }

    /// The job as it enters.
    pub(super) fn entry(&self, item: &New) -> Entry {
        let (keys, priority) = (&self.jobs[item.index].job.keys, self.priority(item));
        Entry {
            job: item.id.as_i64(),
            queue_id: item.queue_id,
            kind_id: item.kind_id,
            priority,
            seq: item.id.as_i64(),
            counts: Counts::default(),
            place: first_place(keys, self.namespace_id, priority, Some(&self.settings)),
        }
    }

    /// The job's unique key, if it is to have one.
    pub(super) fn held(&self, item: &New) -> Option<&Held> {
        self.uniques[item.index].as_ref().map(|(held, _)| held)
    }

    /// When it is to run, if that was said. One that waits for quiet waits at least once.
    pub(super) fn run_at(&self, item: &New) -> Option<Timestamp> {
        let run_at = self.jobs[item.index].job.run_at.map(|when| when.resolve(self.now));
        let on_conflict = self.held(item).map(|held| held.unique.on_conflict);
        let Some(OnConflict::Debounce { quiet, .. }) = on_conflict else { return run_at };
        run_at.or(Some(self.now + quiet))
    }

    /// What it says, for a job that comes from and belongs elsewhere.
    pub(super) fn metadata_of(&self, item: &New, origin: &Origin) -> Result<Option<String>, Error> {
        let mut metadata = self.jobs[item.index].job.metadata.clone();
        Origin::take(&mut metadata);
        origin.put(&mut metadata);
        if metadata.is_empty() { Ok(None) } else { json_text(&metadata).map(Some) }
    }

    /// Its priority.
    pub(super) fn priority(&self, item: &New) -> i64 {
        i64::from(self.jobs[item.index].job.policy.priority.get())
    }

    /// When a look at it is due, if it has a limit.
    pub(super) fn limit(&self, item: &New) -> Option<Timestamp> {
        let job = &self.jobs[item.index].job;
        let deadline = job.deadline.map(|when| when.resolve(self.now));
        [self.start_by(item, job), deadline].into_iter().flatten().min()
    }

    /// What the job says, or its queue: from when it may run.
    pub(super) fn start_by(&self, item: &New, job: &NewJob) -> Option<Timestamp> {
        let resolve = |when: RunAt| when.resolve(self.now);
        let ttl = self.settings.of(item.queue_id).and_then(|kept| kept.settings.ttl);
        let from = job.run_at.map_or(self.now, |when| resolve(when).max(self.now));
        job.start_by.map(resolve).or_else(|| ttl.map(|ttl| from + ttl))
    }

    /// What the job says, or its queue.
    pub(super) fn max_attempts(&self, item: &New) -> u32 {
        let queue = self.settings.of(item.queue_id).map(|kept| &kept.settings);
        let of_queue = || queue.and_then(|queue| queue.retries).map(|n| n.saturating_add(1));
        let of_job = self.jobs[item.index].job.policy.max_attempts;
        of_job.or_else(of_queue).unwrap_or(ATTEMPTS_DEFAULT)
    }

    /// What the job says, or its queue, as it is stored.
    pub(super) fn backoff_text(&self, item: &New) -> Option<&str> {
        let of_queue = || self.settings.of(item.queue_id)?.backoff_text.as_deref();
        self.jobs[item.index].backoff.as_deref().or_else(of_queue)
    }

    /// The columns of its row.
    pub(super) fn job_row<'a>(&'a self, item: &New) -> [Param<'a>; 19] {
        let prepared = &self.jobs[item.index];
        let job = &prepared.job;
        let policy = &job.policy;
        let instant =
            |when: Option<RunAt>| Param::from(when.map(|when| when.resolve(self.now).as_micros()));
        let timeout_ms = i64::try_from(policy.timeout.as_millis()).unwrap_or(i64::MAX);
        [
            item.id.as_i64().into(),
            item.queue_id.into(),
            item.kind_id.into(),
            Param::Int(i64::from(policy.priority.get())),
            self.max_attempts(item).into(),
            policy.max_crashes.into(),
            timeout_ms.into(),
            self.now.as_micros().into(),
            self.run_at(item).map(Timestamp::as_micros).into(),
            self.start_by(item, job).map(Timestamp::as_micros).into(),
            instant(job.deadline),
            self.backoff_text(item).into(),
            job.idempotency_key.as_deref().into(),
            job.correlation_id.as_deref().into(),
            prepared.tags.as_deref().into(),
            prepared.metadata.as_deref().into(),
            job.payload.as_slice().into(),
            self.uniques[item.index].as_ref().map(|(_, text)| text.as_str()).into(),
            prepared.depends_on.as_deref().into(),
        ]
    }
}

/// The columns of a dependency.
pub(super) fn edge<'a>(on: &Dependency, child: JobId) -> [Param<'a>; 4] {
    let any_end = i64::from(on.on == ParentEnd::Any);
    let ignores = i64::from(on.ignores_failure());
    [on.id.as_i64(), child.as_i64(), any_end, ignores].map(Param::Int)
}

fn existing(holder: JobId, same: bool, key: &str) -> Result<Stored, Error> {
    if same {
        return Ok(Stored { id: holder, existing: Some(Existing::Idempotency), pressure: None });
    }
    Err(Error::Conflict {
        code: "idempotency_mismatch",
        message: format!(
            "idempotency key `{key}` belongs to job {holder}, which has another type or payload"
        ),
    })
}

pub(super) fn json_text<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::bug(format!("a map of strings cannot be written: {error}")))
}
