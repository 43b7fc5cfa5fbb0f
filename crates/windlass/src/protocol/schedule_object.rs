//! Schedules as the API shows them and as they are stored.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::job_object::json_or_base64;
use super::{PauseObject, Refusal};
use crate::job::{
    Backoff, JobId, NewJob, RunAt, Schedule, ScheduleRecord, TickRecord, Timestamp, Timing,
    format_duration,
};

/// What a schedule is like.
#[derive(Debug, Serialize)]
struct Definition<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    custom: bool,
    timezone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Timestamp>,
    jitter: String,
    catch_up: String,
    overlap: &'static str,
    run_on_start: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Template<'a>>,
}

/// The job of a schedule.
#[derive(Debug, Serialize)]
pub(super) struct Template<'a> {
    r#type: &'a str,
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    priority: u8,
    timeout: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    max_crashes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<&'a Backoff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_within: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_in: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fairness_key: Option<&'a str>,
}

/// A schedule with where it stands.
#[derive(Debug, Serialize)]
pub struct ScheduleObject<'a> {
    name: &'a str,
    namespace: &'a str,
    version: i64,
    source: &'static str,
    #[serde(flatten)]
    definition: Definition<'a>,
    paused: Option<PauseObject<'a>>,
    created_at: Timestamp,
    next_tick: Option<Timestamp>,
    next_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
}

/// A tick of the past.
#[derive(Debug, Serialize)]
pub struct TickObject {
    tick: Timestamp,
    state: &'static str,
    at: Timestamp,
    job_id: Option<JobId>,
}

/// Ticks to come: `{spec, timezone, ticks}`.
#[derive(Debug, Serialize)]
pub struct PreviewObject<'a> {
    spec: String,
    timezone: &'a str,
    ticks: &'a [Timestamp],
}

impl<'a> PreviewObject<'a> {
    /// The next ticks of a schedule.
    pub fn new(schedule: &'a Schedule, ticks: &'a [Timestamp]) -> Self {
        let spec = match &schedule.timing {
            Timing::Cron(text) => text.clone(),
            Timing::Every(period) => format!("every {}", format_duration(*period)),
            Timing::Custom => "custom".to_owned(),
        };
        Self { spec, timezone: &schedule.timezone, ticks }
    }
}

impl<'a> From<&'a ScheduleRecord> for ScheduleObject<'a> {
    fn from(record: &'a ScheduleRecord) -> Self {
        Self {
            name: &record.name,
            namespace: &record.namespace,
            version: record.version,
            source: record.source.as_str(),
            definition: Definition::from(&record.schedule),
            paused: record.paused.as_ref().map(PauseObject::from),
            created_at: record.created_at,
            next_tick: record.next_tick,
            next_at: record.next_at,
            last_at: record.last_tick,
        }
    }
}

impl From<&TickRecord> for TickObject {
    fn from(record: &TickRecord) -> Self {
        let TickRecord { tick, end, at, job } = record;
        Self { tick: *tick, state: end.as_str(), at: *at, job_id: *job }
    }
}

impl<'a> From<&'a Schedule> for Definition<'a> {
    fn from(schedule: &'a Schedule) -> Self {
        let (cron, interval) = match &schedule.timing {
            Timing::Cron(text) => (Some(text.as_str()), None),
            Timing::Every(period) => (None, Some(format_duration(*period))),
            Timing::Custom => (None, None),
        };
        Self {
            cron,
            interval,
            custom: schedule.timing == Timing::Custom,
            timezone: &schedule.timezone,
            start: schedule.start,
            end: schedule.end,
            jitter: format_duration(schedule.jitter),
            catch_up: schedule.catch_up.to_string(),
            overlap: schedule.overlap.as_str(),
            run_on_start: schedule.run_on_start,
            job: schedule.job.as_ref().map(Template::from),
        }
    }
}

impl<'a> From<&'a NewJob> for Template<'a> {
    fn from(job: &'a NewJob) -> Self {
        let (payload, payload_base64) = json_or_base64(Some(&job.payload));
        let span = |when: Option<RunAt>| match when {
            Some(RunAt::In(span)) => Some(format_duration(span)),
            Some(RunAt::At(_)) | None => None,
        };
        Self {
            r#type: &job.kind,
            queue: &job.queue,
            payload,
            payload_base64,
            priority: job.policy.priority.get(),
            timeout: format_duration(job.policy.timeout),
            max_attempts: job.policy.max_attempts,
            max_crashes: job.policy.max_crashes,
            backoff: job.policy.backoff.as_ref(),
            delay: span(job.run_at),
            start_within: span(job.start_by),
            deadline_in: span(job.deadline),
            correlation_id: job.correlation_id.as_deref(),
            tags: &job.tags,
            metadata: &job.metadata,
            concurrency_key: job.keys.concurrency.as_deref(),
            rate_key: job.keys.rate.as_deref(),
            fairness_key: job.keys.fairness.as_deref(),
        }
    }
}

#[cfg(feature = "remote")]
impl Template<'_> {
    /// Without the spans that only the jobs of schedules have.
    pub(super) fn without_spans(self) -> Self {
        Self { start_within: None, deadline_in: None, ..self }
    }
}

/// A schedule as it is stored.
pub(crate) fn definition(schedule: &Schedule) -> Result<String, Refusal> {
    serde_json::to_string(&Definition::from(schedule))
        .map_err(|error| Refusal::Unreadable(format!("a schedule cannot be written: {error}")))
}
