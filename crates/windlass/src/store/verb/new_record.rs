//! A new job as it will be read back, known before it is written: nobody has to look for it then.

use std::time::Duration;

use super::enqueue::{Enqueue, New};
use super::inspect::tell_unserved;
use crate::core::{Reason, State};
use crate::job::JobRecord;
use crate::store::ServingWorker;
use crate::store::rows::{blank, of_json, take_reserved};

impl Enqueue {
    /// The jobs as they will be stored, by their places; none for those in which other jobs have a say.
    pub(crate) fn records(
        &self,
        namespace: &str,
        workers: &[ServingWorker],
    ) -> Vec<Option<Box<JobRecord>>> {
        let each = self.items().map(|item| {
            let mut record = self.record(&item, namespace)?;
            tell_unserved(&mut record, self.namespace_id, workers);
            Some(Box::new(record))
        });
        each.collect()
    }

    fn record(&self, item: &New, namespace: &str) -> Option<JobRecord> {
        let job = &self.jobs[item.index].job;
        if !job.depends_on.is_empty() || job.unique.is_some() {
            return None;
        }
        let run_at = self.run_at(item);
        let (state, reason) = match run_at {
            Some(run_at) if run_at > self.now => (State::Delayed, Reason::Scheduled),
            _ if self.entry(item).place.is_some() => return None,
            _ => (State::Pending, Reason::Ready),
        };
        let mut record = JobRecord {
            kind: job.kind.clone(),
            state,
            reason: Some(reason),
            namespace: namespace.to_owned(),
            queue: job.queue.clone(),
            priority: job.policy.priority,
            payload: job.payload.clone(),
            max_attempts: self.max_attempts(item),
            max_crashes: job.policy.max_crashes,
            tags: job.tags.clone(),
            metadata: job.metadata.clone(),
            correlation_id: job.correlation_id.clone(),
            idempotency_key: job.idempotency_key.clone(),
            // Stored in whole milliseconds.
            timeout: Duration::from_millis(u64::try_from(job.policy.timeout.as_millis()).ok()?),
            start_by: self.start_by(item, job),
            deadline: job.deadline.map(|when| when.resolve(self.now)),
            backoff: of_json(self.backoff_text(item)),
            scheduled_at: run_at,
            ..blank(item.id, self.now)
        };
        take_reserved(&mut record);
        Some(record)
    }
}
