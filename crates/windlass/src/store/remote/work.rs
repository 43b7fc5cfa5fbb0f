//! What a worker asks of a server: claims, heartbeats, reports.
//!
//! Invariant: a job is on the list of every heartbeat from its claim until its report was answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::RemoteStore;
use super::wire::{CallError, Refusal, unreadable};
use crate::Error;
use crate::core::{Event, Next, Settlement, State};
use crate::job::{DELAY_MAX, JobId, Timestamp, WorkerState, format_duration};
use crate::protocol::{json_or_base64, new_job_json, read_leased_job};
use crate::store::{
    Beat, Claims, HeldBy, LogNote, NewWorker, ProgressNote, Served, Settled, WorkerKey,
};

/// Longest wait of one claim, and what its answer may take longer.
const CLAIM_WAIT: Duration = Duration::from_secs(25);
const CLAIM_ALLOWANCE: Duration = Duration::from_secs(10);

/// Bytes of reports in one request: a server takes 10 MiB.
const REPORT_BYTES_MAX: usize = 6 << 20;

/// What is held, by worker and job.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<JobId, HeldJob>>);

#[derive(Debug, Clone)]
pub(super) struct HeldJob {
    worker: i64,
    epoch: i64,
    pub(super) token: String,
    pub(super) namespace: Arc<str>,
    pub(super) checkpoint: Option<Vec<u8>>,
    claimed_at: Timestamp,
    told: Option<(i64, Option<String>)>,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, HeldJob>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, job: JobId, epoch: Option<i64>) -> Option<HeldJob> {
        self.lock().get(&job).filter(|held| epoch.is_none_or(|it| it == held.epoch)).cloned()
    }

    pub(super) fn keep(&self, job: JobId, checkpoint: Option<Vec<u8>>) {
        if let Some(held) = self.lock().get_mut(&job) {
            held.checkpoint = checkpoint;
        }
    }

    fn forget(&self, job: JobId, epoch: i64) {
        let mut all = self.lock();
        if all.get(&job).is_some_and(|held| held.epoch == epoch) {
            all.remove(&job);
        }
    }

    fn forget_worker(&self, worker: i64) {
        self.lock().retain(|_, held| held.worker != worker);
    }

    fn all(&self, worker: i64) -> Vec<(JobId, HeldJob)> {
        let all = self.lock();
        let mine = all.iter().filter(|(_, held)| held.worker == worker);
        mine.map(|(job, held)| (*job, held.clone())).collect()
    }
}

#[derive(Debug, Deserialize)]
struct Registered {
    worker_id: String,
}

#[derive(Debug, Deserialize)]
struct ClaimReply {
    jobs: Vec<Box<RawValue>>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    cancel: Vec<JobId>,
}

#[derive(Debug, Deserialize)]
struct BeatReply {
    #[serde(default)]
    cancel: Vec<JobId>,
    #[serde(default)]
    lost: Vec<JobId>,
    #[serde(default)]
    state: String,
}

#[derive(Debug, Deserialize)]
struct SettleReply {
    items: Vec<Answer>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    state: Option<String>,
    error: Option<Refusal>,
}

/// Raw, so that the bytes of results pass through unchanged.
#[derive(Debug, Serialize)]
struct Items {
    items: Vec<Box<RawValue>>,
}

/// The end of an attempt as it is reported.
#[derive(Debug, Serialize)]
struct Item<'a> {
    id: JobId,
    token: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    enqueue: Vec<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Fault<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<&'a str>,
}

impl RemoteStore {
    pub(super) async fn register_worker(&self, worker: NewWorker) -> Result<i64, Error> {
        let Some(namespace) = worker.namespace else {
            return Err(Error::unsupported("a worker of all namespaces"));
        };
        let body = json!({
            "name": worker.name,
            "queues": worker.queues,
            "types": worker.kinds,
            "concurrency": worker.slots,
            "labels": worker.labels,
            "lease": format_duration(worker.lease),
            "version": worker.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION")),
        });
        let reply = self.wire.answer(self.wire.post(&namespace, "workers", &body)).await?;
        let registered: Registered = parsed(&reply)?;
        let id =
            registered.worker_id.parse().map_err(|_| unreadable("a worker without a number"))?;
        self.workers().insert(id, namespace.into());
        Ok(id)
    }

    /// Waits at the server for the first job.
    pub(super) async fn claim_jobs(
        &self,
        worker: &WorkerKey,
        served: &Served,
        limit: usize,
    ) -> Result<Claims, Error> {
        let body = json!({
            "queues": served.queues,
            "types": served.kinds,
            "limit": limit.clamp(1, 1000),
            "wait": format_duration(CLAIM_WAIT),
        });
        let asked_at = self.clock.now();
        let namespace = self.namespace_of(worker.id);
        let request = self.wire.post(&namespace, &format!("workers/{}/claim", worker.id), &body);
        let reply = match self.wire.json(request.timeout(CLAIM_WAIT + CLAIM_ALLOWANCE)).await {
            Err(error) if error.is_worker_gone() => return Ok(Claims::WorkerExpired),
            reply => reply.map_err(CallError::error)?,
        };
        let reply: ClaimReply = parsed(&reply)?;
        let now = self.clock.now();
        let mut jobs = Vec::with_capacity(reply.jobs.len());
        for json in &reply.jobs {
            let job = read_leased_job(json, now).map_err(|why| unreadable(&why))?;
            jobs.push(self.hold(worker.id, job, now));
        }
        if !reply.cancel.is_empty() || state(&reply.state) != WorkerState::Run {
            self.shared.signals.cancelling.raise();
        }
        // A server that stops, or that asks for quiet, answers early, again and again.
        let more = !jobs.is_empty() || now.since(asked_at) >= CLAIM_WAIT / 2;
        Ok(Claims::Jobs { jobs, more, next_at: None })
    }

    fn hold(
        &self,
        worker: i64,
        job: crate::protocol::LeasedJob,
        claimed_at: Timestamp,
    ) -> crate::store::Claimed {
        let crate::protocol::LeasedJob { claimed, token, checkpoint } = job;
        let (epoch, namespace) = (claimed.run.counts.epoch, Arc::clone(&claimed.namespace));
        let held = HeldJob { worker, epoch, token, namespace, checkpoint, claimed_at, told: None };
        self.held.lock().insert(claimed.run.job, held);
        claimed
    }

    /// Lists what is held, with what handlers told of their progress.
    pub(super) async fn beat(&self, worker: &WorkerKey) -> Result<Beat, Error> {
        let held = self.held.all(worker.id);
        let item = |(job, held): &(JobId, HeldJob)| {
            let mut item = json!({ "id": job, "token": held.token });
            if let Some((thousandths, message)) = &held.told {
                #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
                let percent = *thousandths as f64 / 1000.0;
                item["percent"] = percent.into();
                item["message"] = message.clone().into();
            }
            item
        };
        let body = json!({ "progress": held.iter().map(item).collect::<Vec<_>>() });
        let path = format!("workers/{}/heartbeat", worker.id);
        let request = self.wire.post(&self.namespace_of(worker.id), &path, &body);
        let reply = match self.wire.json(request).await {
            Err(error) if error.is_worker_gone() => {
                let asked = WorkerState::Run;
                return Ok(Beat { alive: false, asked, leases: Vec::new() });
            }
            reply => reply.map_err(CallError::error)?,
        };
        let reply: BeatReply = parsed(&reply)?;
        let leases = held.iter().filter(|(job, _)| !reply.lost.contains(job)).map(|(job, held)| {
            let (epoch, claimed_at) = (held.epoch, held.claimed_at);
            HeldBy { job: *job, epoch, cancelling: reply.cancel.contains(job), claimed_at }
        });
        Ok(Beat { alive: true, asked: state(&reply.state), leases: leases.collect() })
    }

    pub(super) async fn tell_progress(
        &self,
        worker: &WorkerKey,
        notes: Vec<ProgressNote>,
    ) -> Result<(), Error> {
        {
            let mut all = self.held.lock();
            for note in notes {
                if let Some(held) = all.get_mut(&note.job).filter(|it| it.epoch == note.epoch) {
                    held.told = Some((note.thousandths, note.message));
                }
            }
        }
        self.beat(worker).await.map(drop)
    }

    pub(super) async fn log_lines(&self, notes: Vec<LogNote>) -> Result<(), Error> {
        let mut by_job: HashMap<(JobId, i64), Vec<serde_json::Value>> = HashMap::new();
        for LogNote { job, epoch, line } in notes {
            let line = json!({ "text": line.text, "level": line.level.as_str(), "at": line.at });
            by_job.entry((job, epoch)).or_default().push(line);
        }
        for ((job, epoch), lines) in by_job {
            // Lines of a lease that is gone are nobody's.
            let Some(held) = self.held.of(job, Some(epoch)) else { continue };
            let body = json!({ "token": held.token, "data": lines });
            let request = self.wire.post(&held.namespace, &format!("jobs/{job}/logs"), &body);
            match self.wire.send(request).await {
                Err(error) if error.is_lease_lost() => {}
                done => drop(done.map_err(CallError::error)?),
            }
        }
        Ok(())
    }

    /// Reports ends, a few at a time; what was reported before is answered as such.
    pub(super) async fn report_all(
        &self,
        worker: &WorkerKey,
        settlements: &[Settlement],
    ) -> Result<Vec<Settled>, Error> {
        let mut statuses = vec![Settled::Lost; settlements.len()];
        let (mut places, mut items, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (place, settlement) in settlements.iter().enumerate() {
            let Some(held) = self.held.of(settlement.job, Some(settlement.epoch)) else { continue };
            let item = self.item(settlement, &held.token)?;
            if bytes > 0 && bytes + item.get().len() > REPORT_BYTES_MAX {
                self.report(worker, &mut statuses, (&mut places, &mut items)).await?;
                bytes = 0;
            }
            bytes += item.get().len();
            places.push(place);
            items.push(item);
        }
        if !items.is_empty() {
            self.report(worker, &mut statuses, (&mut places, &mut items)).await?;
        }
        for settlement in settlements {
            self.held.forget(settlement.job, settlement.epoch);
        }
        Ok(statuses)
    }

    async fn report(
        &self,
        worker: &WorkerKey,
        statuses: &mut [Settled],
        (places, items): (&mut Vec<usize>, &mut Vec<Box<RawValue>>),
    ) -> Result<(), Error> {
        let path = format!("workers/{}/settle", worker.id);
        let body = Items { items: std::mem::take(items) };
        let request = self.wire.post(&self.namespace_of(worker.id), &path, &body);
        let places = std::mem::take(places);
        let reply = match self.wire.json(request).await {
            // Nobody knows the worker any more, so that it holds nothing.
            Err(error) if error.is_worker_gone() => return Ok(()),
            reply => reply.map_err(CallError::error)?,
        };
        let reply: SettleReply = parsed(&reply)?;
        if reply.items.len() != places.len() {
            return Err(unreadable("a report without its answers"));
        }
        for (place, answer) in places.into_iter().zip(reply.items) {
            let state = || answer.state.as_deref().and_then(|it| it.parse::<State>().ok());
            statuses[place] = match answer.status.as_str() {
                "applied" => Settled::Applied(state().unwrap_or(State::Completed)),
                "already_applied" => Settled::AlreadyApplied(state().unwrap_or(State::Completed)),
                "lease_lost" => Settled::Lost,
                _ => return Err(answer.error.unwrap_or_default().error()),
            };
        }
        Ok(())
    }

    /// What the server is told: how the attempt ended. What follows from it is decided there.
    fn item(&self, settlement: &Settlement, token: &str) -> Result<Box<RawValue>, Error> {
        let now = self.clock.now();
        let mut item = Item {
            id: settlement.job,
            token,
            outcome: "release",
            result: None,
            result_base64: None,
            error: None,
            retry_after: None,
            delay: None,
            enqueue: Vec::new(),
        };
        match (&settlement.failure, &settlement.next) {
            (Some(failure), _) => {
                item.outcome = "fail";
                item.retry_after = failure.retry_after.map(format_duration);
                item.error = Some(Fault {
                    class: Some(failure.class.to_string()),
                    message: &failure.message,
                    backtrace: failure.backtrace.as_deref(),
                });
            }
            (None, Next::Ended { state: State::Completed, result, .. }) => {
                item.outcome = "complete";
                (item.result, item.result_base64) = json_or_base64(result.as_deref());
                let jobs = settlement.follow_ups.iter().flat_map(|it| &it.jobs);
                item.enqueue = jobs.map(|job| new_job_json(job, now)).collect::<Result<_, _>>()?;
            }
            (None, Next::Ended { state: State::Cancelled, detail, .. }) => {
                item.outcome = "cancel";
                let message = detail.as_deref().unwrap_or_default();
                item.error = Some(Fault { class: None, message, backtrace: None });
            }
            (None, Next::Delayed { run_at, .. }) => {
                item.outcome = "snooze";
                item.delay = Some(format_duration(run_at.since(now).min(DELAY_MAX)));
            }
            // Put off beyond its deadline.
            (None, Next::Ended { .. }) if settlement.event == Event::PassDeadline => {
                item.outcome = "snooze";
                item.delay = Some(format_duration(DELAY_MAX));
            }
            (None, Next::Ready | Next::Ended { .. }) => {}
        }
        to_raw_value(&item)
            .map_err(|error| Error::bug(format!("a report cannot be written: {error}")))
    }

    /// Gives back these jobs, or all and the worker goes.
    pub(super) async fn give_back(
        &self,
        worker: &WorkerKey,
        only: Option<Vec<(JobId, i64)>>,
    ) -> Result<usize, Error> {
        let namespace = self.namespace_of(worker.id);
        let Some(only) = only else {
            let released = self.held.all(worker.id).len();
            let path = format!("workers/{}", worker.id);
            let request = self.wire.request(Method::DELETE, &namespace, &path);
            match self.wire.send(request).await {
                Err(error) if !error.is_worker_gone() => return Err(error.error()),
                _ => {}
            }
            self.held.forget_worker(worker.id);
            self.workers().remove(&worker.id);
            return Ok(released);
        };
        let held = only
            .into_iter()
            .filter_map(|(job, epoch)| Some((job, self.held.of(job, Some(epoch))?)));
        let held: Vec<(JobId, HeldJob)> = held.collect();
        let item = |(job, held): &(JobId, HeldJob)| json!({ "id": job, "token": held.token, "outcome": "release" });
        let body = json!({ "items": held.iter().map(item).collect::<Vec<_>>() });
        let path = format!("workers/{}/settle", worker.id);
        self.wire.send(self.wire.post(&namespace, &path, &body)).await.map_err(CallError::error)?;
        for (job, lease) in &held {
            self.held.forget(*job, lease.epoch);
        }
        Ok(held.len())
    }
}

fn state(text: &str) -> WorkerState {
    match text {
        "quiet" => WorkerState::Quiet,
        "terminate" => WorkerState::Terminate,
        _ => WorkerState::Run,
    }
}

pub(super) fn parsed<T: for<'a> Deserialize<'a>>(json: &RawValue) -> Result<T, Error> {
    serde_json::from_str(json.get()).map_err(|error| unreadable(&error.to_string()))
}
