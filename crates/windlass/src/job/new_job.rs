//! A job as it is asked for: kind, payload bytes and options, checked before anything is stored.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::trace::{TRACEPARENT, TRACESTATE};
use super::{
    ATTEMPTS_MAX, Backoff, BatchId, CRASHES_MAX, DELAY_MAX, DEPENDENCIES_MAX, Dependency, Job,
    JobId, KEY_BYTES_MAX, Keys, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, Place, Policy, Priority,
    TAG_KEY_BYTES_MAX, TAG_VALUE_BYTES_MAX, TAGS_MAX, TIMEOUT_MAX, Timestamp, TraceContext, Unique,
};
use crate::{Error, FieldError};

/// Keys of metadata that begin like this are not the caller's.
const METADATA_RESERVED: &str = "windlass.";

/// A job to be enqueued, by the name of its kind.
///
/// Programs with types use [`Queue::enqueue`](crate::Queue::enqueue), which makes one of these.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) policy: Policy,
    pub(crate) run_at: Option<RunAt>,
    pub(crate) start_by: Option<RunAt>,
    pub(crate) deadline: Option<RunAt>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) unique: Option<Unique>,
    pub(crate) depends_on: Vec<Dependency>,
    pub(crate) batch: Option<BatchId>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) keys: Keys,
}

/// An instant, or a span counted from the moment the job is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunAt {
    At(Timestamp),
    In(Duration),
}

impl RunAt {
    pub(crate) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::In(span) => now + span,
        }
    }
}

impl NewJob {
    /// A job of `kind` in queue `default`, with these payload bytes (JSON by convention).
    pub fn new(kind: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: kind.into(),
            queue: "default".to_owned(),
            payload: payload.into(),
            policy: Policy::default(),
            run_at: None,
            start_by: None,
            deadline: None,
            idempotency_key: None,
            unique: None,
            depends_on: Vec::new(),
            batch: None,
            correlation_id: None,
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
            keys: Keys::default(),
        }
    }

    /// The job `job`, with its kind's queue and policy.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the payload cannot be written as JSON.
    pub fn of<J: Job>(job: &J) -> Result<Self, Error> {
        let payload = to_json(job, "/payload")?;
        let mut new = Self::new(J::KIND, payload).queue(J::QUEUE);
        new.policy = J::policy();
        Ok(new)
    }

    /// Input, byte for byte.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The same job with another input.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// The queue it goes into.
    pub fn queue_name(&self) -> &str {
        &self.queue
    }

    /// Puts the job into this queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Sets the priority (default 2, normal).
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.policy.priority = priority;
        self
    }

    /// Runs no earlier than `delay` after it was stored.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.run_at = Some(RunAt::In(delay));
        self
    }

    /// Runs no earlier than this instant; one in the past means at once.
    #[must_use]
    pub fn at(mut self, instant: impl Into<Timestamp>) -> Self {
        self.run_at = Some(RunAt::At(instant.into()));
        self
    }

    /// Longest run of one attempt (default 30 minutes).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.policy.timeout = timeout;
        self
    }

    /// No attempt starts later than this; by then the job ends `failed (expired)` (default: the
    /// queue's `ttl`, else never).
    #[must_use]
    pub fn start_by(mut self, instant: impl Into<Timestamp>) -> Self {
        self.start_by = Some(RunAt::At(instant.into()));
        self
    }

    /// Like [`start_by`](Self::start_by), counted from the moment the job is stored.
    #[must_use]
    pub const fn start_within(mut self, span: Duration) -> Self {
        self.start_by = Some(RunAt::In(span));
        self
    }

    /// End of the job's whole life, attempts and waits included: `dead_letter (deadline)`.
    #[must_use]
    pub fn deadline(mut self, instant: impl Into<Timestamp>) -> Self {
        self.deadline = Some(RunAt::At(instant.into()));
        self
    }

    /// Like [`deadline`](Self::deadline), counted from the moment the job is stored.
    #[must_use]
    pub const fn deadline_in(mut self, span: Duration) -> Self {
        self.deadline = Some(RunAt::In(span));
        self
    }

    /// Attempts before the job becomes a dead letter (default: what the queue says, else 20).
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.policy.max_attempts = Some(attempts);
        self
    }

    /// Lost leases before quarantine (default 3, 1 to 100).
    #[must_use]
    pub const fn max_crashes(mut self, crashes: u32) -> Self {
        self.policy.max_crashes = crashes;
        self
    }

    /// The wait between attempts (default: what the queue says).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = Some(backoff);
        self
    }

    /// Same key, same job: a second enqueue returns the first job while that is kept.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Runs after `job` has completed ([`Dependency::on`]).
    #[must_use]
    pub fn after(self, job: JobId) -> Self {
        self.depends_on(Dependency::on(job))
    }

    /// Waits for another job (at most 1,000 of them).
    #[must_use]
    pub fn depends_on(mut self, dependency: Dependency) -> Self {
        self.depends_on.push(dependency);
        self
    }

    /// Makes the job a member of a batch that has not ended.
    #[must_use]
    pub const fn batch(mut self, batch: BatchId) -> Self {
        self.batch = Some(batch);
        self
    }

    /// Is stored only if no live job has the same unique key.
    #[must_use]
    pub fn unique(mut self, unique: Unique) -> Self {
        self.unique = Some(unique);
        self
    }

    /// A string of the caller's that ties jobs, logs and requests together.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// Adds a tag to filter by.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Adds an entry that is handed to the handler and otherwise left alone.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Runs beside other jobs with this key only as far as the limit of this name allows: the key is the name
    /// of a [`Limit`](crate::Limit), or its name, a colon and anything; without such a limit it changes
    /// nothing. 1 to 128 printable ASCII characters without spaces.
    #[must_use]
    pub fn concurrency_key(mut self, key: impl Into<String>) -> Self {
        self.keys.concurrency = Some(key.into());
        self
    }

    /// Starts only as often as the limit of this name allows; the key is made like
    /// [`concurrency_key`](Self::concurrency_key).
    #[must_use]
    pub fn rate_key(mut self, key: impl Into<String>) -> Self {
        self.keys.rate = Some(key.into());
        self
    }

    /// Takes turns with jobs of other keys, where its queue is [`fair`](crate::QueueSettings::fair). 1 to 128
    /// printable ASCII characters without spaces.
    #[must_use]
    pub fn fairness_key(mut self, key: impl Into<String>) -> Self {
        self.keys.fairness = Some(key.into());
        self
    }

    /// Makes the job part of a trace: `traceparent` and `tracestate` are handed to the handler as
    /// metadata.
    #[must_use]
    pub fn trace(mut self, trace: &TraceContext) -> Self {
        self.metadata.insert(TRACEPARENT.to_owned(), trace.traceparent().to_owned());
        match trace.tracestate() {
            Some(state) => self.metadata.insert(TRACESTATE.to_owned(), state.to_owned()),
            None => self.metadata.remove(TRACESTATE),
        };
        self
    }

    /// Makes it part of a trace unless it is of one.
    pub(crate) fn trace_unless_set(self, trace: Option<&TraceContext>) -> Self {
        match trace {
            Some(trace) if !self.metadata.contains_key(TRACEPARENT) => self.trace(trace),
            _ => self,
        }
    }

    /// Checks every bound and names each broken one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        let mut refuse = |pointer: &str, detail: String| {
            broken.push(FieldError::new(pointer, detail));
        };
        for (pointer, name) in [("/type", &self.kind), ("/queue", &self.queue)] {
            if let Err(detail) = check_name(name) {
                refuse(pointer, detail);
            }
        }
        if self.payload.len() > PAYLOAD_BYTES_MAX {
            let bytes = self.payload.len();
            refuse("/payload", format!("is {bytes} bytes long (at most {PAYLOAD_BYTES_MAX})"));
        }
        self.check_policy(&mut refuse);
        self.check_times(&mut refuse);
        self.check_texts(&mut refuse);
        self.keys.check(&mut refuse);
        self.check_unique(&mut refuse);
        self.check_dependencies(&mut refuse);
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }

    fn check_policy(&self, refuse: &mut impl FnMut(&str, String)) {
        let policy = &self.policy;
        if let Some(attempts) = policy.max_attempts
            && !(1..=ATTEMPTS_MAX).contains(&attempts)
        {
            refuse("/max_attempts", format!("is {attempts} (1 to {ATTEMPTS_MAX} allowed)"));
        }
        if !(1..=CRASHES_MAX).contains(&policy.max_crashes) {
            let crashes = policy.max_crashes;
            refuse("/max_crashes", format!("is {crashes} (1 to {CRASHES_MAX} allowed)"));
        }
        if policy.timeout < Duration::from_millis(1) || policy.timeout > TIMEOUT_MAX {
            refuse("/timeout", "must be between 1 ms and 7 days".to_owned());
        }
        if let Some(Err((member, detail))) = policy.backoff.as_ref().map(Backoff::check) {
            refuse(&format!("/backoff/{member}"), detail);
        }
    }

    fn check_times(&self, refuse: &mut impl FnMut(&str, String)) {
        let spans =
            [("/delay", self.run_at), ("/start_by", self.start_by), ("/deadline", self.deadline)];
        for (pointer, when) in spans {
            match when {
                Some(RunAt::In(span)) if span > DELAY_MAX => {
                    refuse(pointer, "is longer than 366 days".to_owned());
                }
                Some(RunAt::At(instant)) if !instant.is_plausible() => {
                    refuse(pointer, format!("is {instant} (years 2000 to 2200 allowed)"));
                }
                _ => {}
            }
        }
    }

    fn check_dependencies(&self, refuse: &mut impl FnMut(&str, String)) {
        let count = self.depends_on.len();
        if count > DEPENDENCIES_MAX {
            refuse("/depends_on", format!("names {count} jobs (at most {DEPENDENCIES_MAX})"));
        }
        let mut seen = HashSet::with_capacity(count);
        for (index, dependency) in self.depends_on.iter().enumerate() {
            if !seen.insert(dependency.id) {
                refuse(&format!("/depends_on/{index}"), "is named twice".to_owned());
            }
        }
    }

    fn check_unique(&self, refuse: &mut impl FnMut(&str, String)) {
        let Some(unique) = &self.unique else { return };
        let (queue, kind, payload) = (&self.queue, &self.kind, &self.payload);
        let place = Place { namespace_id: 0, queue, kind, payload };
        if let Err((member, detail)) = unique.check().and_then(|()| unique.digest(&place)) {
            refuse(&format!("/unique/{member}"), detail);
        }
    }

    fn check_texts(&self, refuse: &mut impl FnMut(&str, String)) {
        let keys = [
            ("/idempotency_key", &self.idempotency_key),
            ("/correlation_id", &self.correlation_id),
        ];
        for (pointer, key) in keys {
            if let Some(Err(detail)) = key.as_deref().map(check_text) {
                refuse(pointer, detail);
            }
        }
        if self.metadata.keys().any(|key| key.starts_with(METADATA_RESERVED)) {
            let detail = format!("has a key that begins with `{METADATA_RESERVED}` (reserved)");
            refuse("/metadata", detail);
        }
        for (pointer, map) in [("/tags", &self.tags), ("/metadata", &self.metadata)] {
            if map.len() > TAGS_MAX {
                refuse(pointer, format!("has {} entries (at most {TAGS_MAX})", map.len()));
            }
            for (key, value) in map {
                if !(1..=TAG_KEY_BYTES_MAX).contains(&key.len())
                    || value.len() > TAG_VALUE_BYTES_MAX
                {
                    let detail = format!(
                        "has a key of {} and a value of {} bytes (1 to {TAG_KEY_BYTES_MAX} and at \
                         most {TAG_VALUE_BYTES_MAX} allowed)",
                        key.len(),
                        value.len()
                    );
                    refuse(pointer, detail);
                }
            }
        }
    }
}

/// Checks a text that people choose freely; the sentence says what is allowed.
pub(crate) fn check_text(text: &str) -> Result<(), String> {
    if !(1..=KEY_BYTES_MAX).contains(&text.len()) {
        return Err(format!("must be 1 to {KEY_BYTES_MAX} bytes long"));
    }
    check_storable(text)
}

/// Checks that every database can store a text.
pub(crate) fn check_storable(text: &str) -> Result<(), String> {
    match text.contains('\0') {
        true => Err("holds a NUL character, which not every database can store".to_owned()),
        false => Ok(()),
    }
}

/// Checks a kind, queue or namespace name: 1 to 128 letters, digits and `._:-`.
///
/// # Errors
/// A sentence that says what is allowed.
pub fn check_name(name: &str) -> Result<(), String> {
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
        let bytes = name.len();
        return Err(format!("is {bytes} bytes long (1 to {NAME_BYTES_MAX} allowed)"));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    if name.bytes().all(allowed) {
        Ok(())
    } else {
        Err("may only contain letters, digits and . _ : -".to_owned())
    }
}

/// Writes `value` as JSON bytes, or names `pointer` as unwritable.
pub(crate) fn to_json<T: Serialize>(value: &T, pointer: &str) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value)
        .map_err(|error| Error::invalid(pointer, format!("cannot be written as JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_rule_is_named() {
        let job = NewJob::new("no spaces", vec![0; PAYLOAD_BYTES_MAX + 1])
            .queue("")
            .max_attempts(0)
            .max_crashes(101)
            .timeout(Duration::ZERO)
            .delay(DELAY_MAX + Duration::from_secs(1))
            .idempotency_key("")
            .tag("", "x")
            .backoff(Backoff::default().jitter(f64::NAN));

        let Err(Error::Invalid(broken)) = job.check() else { panic!("accepted") };

        let pointers: Vec<_> = broken.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/type",
                "/queue",
                "/payload",
                "/max_attempts",
                "/max_crashes",
                "/timeout",
                "/backoff/jitter",
                "/delay",
                "/idempotency_key",
                "/tags"
            ]
        );
    }
}
