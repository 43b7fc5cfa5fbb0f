//! What a client asks of a server: jobs stored, read and steered.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::RemoteStore;
use super::wire::{CallError, Refusal, unreadable};
use super::work::parsed;
use crate::Error;
use crate::job::{AttemptRecord, JobId, JobRecord, JobRef, LogLine, NewJob, format_duration};
use crate::protocol::{new_job_json, read_attempt, read_job_object, read_log_line};
use crate::store::{Existing, ListQuery, Listed, RetryOptions, Stored};

/// Bytes of jobs in one request of a batch that may be divided: a server takes 10 MiB.
const BATCH_BYTES_MAX: usize = 6 << 20;

/// Longest wait for the end of a job in one request, and what the answer may take longer.
const WAIT_MAX: Duration = Duration::from_secs(30);
const WAIT_ALLOWANCE: Duration = Duration::from_secs(10);

/// How long to wait before a server is asked again that did not answer a wait.
const AWAY_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize)]
struct Batch<'a> {
    jobs: &'a [Box<RawValue>],
    atomic: bool,
}

#[derive(Debug, Deserialize)]
struct BatchReply {
    results: Vec<BatchResult>,
}

#[derive(Debug, Deserialize)]
struct BatchResult {
    job: Option<Id>,
    existing: Option<String>,
    error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: JobId,
}

#[derive(Debug, Deserialize)]
struct PageReply {
    jobs: Vec<Box<RawValue>>,
    next_cursor: Option<JobId>,
    #[serde(default = "yes")]
    complete: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
struct AttemptsReply {
    attempts: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct LogReply {
    lines: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct SignalReply {
    new: bool,
}

fn existing(word: &str) -> Existing {
    if word == "unique" { Existing::Unique } else { Existing::Idempotency }
}

fn record(json: &RawValue) -> Result<JobRecord, Error> {
    read_job_object(json).map_err(|why| unreadable(&why))
}

/// The API tells versions of what it shows, which is not all that a version is made of here.
fn unversioned(job: JobRef) -> Result<JobId, Error> {
    match job.version {
        None => Ok(job.id),
        Some(_) => Err(Error::unsupported("a change of a job at a version")),
    }
}

impl RemoteStore {
    pub(super) async fn store_jobs(
        &self,
        namespace: &str,
        jobs: &[NewJob],
        atomic: bool,
    ) -> Result<Vec<Result<Stored, Error>>, Error> {
        let now = self.clock.now();
        let json = |job| new_job_json(job, now);
        let jobs = jobs.iter().map(json).collect::<Result<Vec<_>, Error>>()?;
        if let [job] = &jobs[..] {
            return match self.store_one(namespace, job).await {
                Err(error) if !atomic && !matches!(error, Error::Unavailable { .. }) => {
                    Ok(vec![Err(error)])
                }
                stored => Ok(vec![Ok(stored?)]),
            };
        }
        let mut replies = Vec::with_capacity(jobs.len());
        let mut rest = &jobs[..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at(if atomic { rest.len() } else { fitting(rest) });
            replies.extend(self.store_batch(namespace, part, atomic).await?);
            rest = after;
        }
        Ok(replies)
    }

    async fn store_one(&self, namespace: &str, job: &RawValue) -> Result<Stored, Error> {
        let response = self
            .wire
            .send(self.wire.post(namespace, "jobs", job))
            .await
            .map_err(CallError::error)?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let existing = header("windlass-existing").map(existing);
        let body = response.bytes().await.map_err(|error| unreadable(&error.to_string()))?;
        let stored: Id =
            serde_json::from_slice(&body).map_err(|error| unreadable(&error.to_string()))?;
        Ok(Stored { id: stored.id, existing, pressure: None })
    }

    async fn store_batch(
        &self,
        namespace: &str,
        jobs: &[Box<RawValue>],
        atomic: bool,
    ) -> Result<Vec<Result<Stored, Error>>, Error> {
        let request = self.wire.post(namespace, "jobs/batch", &Batch { jobs, atomic });
        let reply = self.wire.answer(request).await?;
        let reply: BatchReply = parsed(&reply)?;
        if reply.results.len() != jobs.len() {
            return Err(unreadable("a batch without its answers"));
        }
        let each = reply.results.into_iter().map(|result| match result.job {
            Some(job) => {
                let existing = result.existing.as_deref().map(existing);
                Ok(Stored { id: job.id, existing, pressure: None })
            }
            None => Err(result.error.unwrap_or_default().error()),
        });
        Ok(each.collect())
    }

    pub(super) async fn read_jobs(
        &self,
        namespace: &str,
        jobs: &[JobId],
    ) -> Result<Vec<JobRecord>, Error> {
        let mut found = Vec::with_capacity(jobs.len());
        for job in jobs {
            match self.wire.answer(self.wire.get(namespace, &format!("jobs/{job}"))).await {
                Ok(json) => found.push(record(&json)?),
                Err(Error::NotFound { what }) if what.starts_with("job") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    pub(super) async fn read_page(
        &self,
        namespace: &str,
        query: &ListQuery,
    ) -> Result<Listed, Error> {
        let mut pairs = conditions(query);
        // A page is asked for with one job more, to know of the next.
        let limit = query.limit.saturating_sub(1).clamp(1, 500);
        pairs.push(("limit", limit.to_string()));
        let request = self.wire.get(namespace, "jobs").query(&pairs);
        let reply: PageReply = parsed(&self.wire.answer(request).await?)?;
        let mut jobs = reply.jobs.iter().map(|json| record(json)).collect::<Result<Vec<_>, _>>()?;
        if !reply.complete {
            return Ok(Listed { jobs, stopped_at: reply.next_cursor });
        }
        // One that is beyond the page says that there is more.
        let beyond = jobs.last().filter(|_| reply.next_cursor.is_some()).cloned();
        jobs.extend(beyond);
        Ok(Listed { jobs, stopped_at: None })
    }

    pub(super) async fn cancel_job(
        &self,
        namespace: &str,
        job: JobRef,
        (reason, force): (Option<String>, bool),
    ) -> Result<JobRecord, Error> {
        let job = unversioned(job)?;
        let body = match reason {
            Some(reason) => json!({ "force": force, "reason": reason }),
            None => json!({ "force": force }),
        };
        let request = self.wire.post(namespace, &format!("jobs/{job}/cancel"), &body);
        record(&self.wire.answer(request).await?)
    }

    pub(super) async fn retry_job(
        &self,
        namespace: &str,
        job: JobRef,
        options: &RetryOptions,
    ) -> Result<JobRecord, Error> {
        let job = unversioned(job)?;
        let mut body = json!({ "reset_attempts": options.reset_attempts });
        if !options.delay.is_zero() {
            body["delay"] = format_duration(options.delay).into();
        }
        if let Some(priority) = options.priority {
            body["priority"] = priority.get().into();
        }
        let request = self.wire.post(namespace, &format!("jobs/{job}/retry"), &body);
        record(&self.wire.answer(request).await?)
    }

    pub(super) async fn delete_job(
        &self,
        namespace: &str,
        job: JobRef,
        force: bool,
    ) -> Result<(), Error> {
        let path = format!("jobs/{}", unversioned(job)?);
        let request = self.wire.request(Method::DELETE, namespace, &path);
        let request = request.query(&[("force", force)]);
        self.wire.send(request).await.map(drop).map_err(CallError::error)
    }

    pub(super) async fn read_attempts(
        &self,
        namespace: &str,
        job: JobId,
    ) -> Result<Vec<AttemptRecord>, Error> {
        let request = self.wire.get(namespace, &format!("jobs/{job}/attempts"));
        let reply: AttemptsReply = parsed(&self.wire.answer(request).await?)?;
        let attempts = reply.attempts.iter().map(|json| read_attempt(json));
        attempts.collect::<Result<_, _>>().map_err(|why| unreadable(&why))
    }

    pub(super) async fn read_log(
        &self,
        namespace: &str,
        job: JobId,
    ) -> Result<Vec<LogLine>, Error> {
        let request = self.wire.get(namespace, &format!("jobs/{job}/logs"));
        let reply: LogReply = parsed(&self.wire.answer(request).await?)?;
        let lines = reply.lines.iter().map(|json| read_log_line(json));
        lines.collect::<Result<_, _>>().map_err(|why| unreadable(&why))
    }

    pub(super) async fn give_signal(
        &self,
        namespace: &str,
        job: JobId,
        (name, payload): (&str, &[u8]),
    ) -> Result<bool, Error> {
        #[derive(Serialize)]
        struct Signal<'a> {
            name: &'a str,
            payload: &'a RawValue,
        }
        let payload = serde_json::from_slice(payload);
        let payload: &RawValue =
            payload.map_err(|error| Error::invalid("/payload", format!("is no JSON: {error}")))?;
        let path = format!("jobs/{job}/signals");
        let request = self.wire.post(namespace, &path, &Signal { name, payload });
        let reply: SignalReply = parsed(&self.wire.answer(request).await?)?;
        Ok(reply.new)
    }

    /// Waits at the server for the end of a job; whoever waits looks at the job then.
    pub(super) async fn wait_at_server(&self, namespace: Arc<str>, job: JobId, at_most: Duration) {
        let wait = at_most.min(WAIT_MAX);
        let request = self
            .wire
            .get(&namespace, &format!("jobs/{job}/wait"))
            .query(&[("timeout", format_duration(wait))])
            .timeout(wait + WAIT_ALLOWANCE);
        if self.wire.send(request).await.is_err() {
            self.clock.sleep(at_most.min(AWAY_WAIT)).await;
        }
    }
}

/// How many jobs of these go into one request.
fn fitting(jobs: &[Box<RawValue>]) -> usize {
    let mut bytes = 0;
    let fits = |size: &usize| {
        bytes += size;
        bytes <= BATCH_BYTES_MAX
    };
    jobs.iter().map(|job| job.get().len()).take_while(fits).count().max(1)
}

fn conditions(query: &ListQuery) -> Vec<(&'static str, String)> {
    let mut pairs: Vec<(&'static str, String)> = Vec::new();
    pairs.extend(query.states.iter().map(|it| ("state", it.to_string())));
    pairs.extend(query.reasons.iter().map(|it| ("reason", it.to_string())));
    pairs.extend(query.kinds.iter().map(|it| ("type", it.clone())));
    pairs.extend(query.queues.iter().map(|it| ("queue", it.clone())));
    pairs.extend(query.priorities.iter().map(|it| ("priority", it.get().to_string())));
    pairs.extend(query.tags.iter().map(|(key, value)| ("tag", format!("{key}:{value}"))));
    pairs.extend(query.fingerprints.iter().map(|it| ("fingerprint", it.clone())));
    pairs.extend(query.correlation_ids.iter().map(|it| ("correlation_id", it.clone())));
    let member = if query.is_workflow { "workflow_id" } else { "batch_id" };
    pairs.extend(query.bundle.map(|id| (member, id.to_string())));
    let instants = [
        ("created_after", query.created_after),
        ("created_before", query.created_before),
        ("updated_after", query.updated_after),
        ("updated_before", query.updated_before),
    ];
    pairs.extend(instants.into_iter().filter_map(|(name, at)| Some((name, at?.to_string()))));
    pairs.extend(query.text.iter().map(|text| ("q", text.clone())));
    pairs.extend(query.cursor.map(|cursor| ("cursor", cursor.to_string())));
    pairs.extend(query.ascending.then(|| ("order", "asc".to_owned())));
    pairs
}
