//! Batches as they are asked for.

use super::digest::digest;
use super::schedule::check_template;
use super::{CallbackOn, NewJob, check_text};
use crate::{Error, FieldError};

/// A batch to be opened with [`Queue::open_batch`](crate::Queue::open_batch): jobs that are counted
/// together, and jobs that are made when those have ended.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), windlass::Error> {
/// use windlass::{NewBatch, NewJob, Queue};
///
/// let queue = Queue::open("memory:").await?;
/// let letters = NewBatch::new("letters of May").on_complete(NewJob::new("report", "5"));
/// let batch = queue.open_batch(letters).await?.id();
/// for customer in ["1", "2"] {
///     queue.enqueue_new(NewJob::new("letter", customer).batch(batch)).await?;
/// }
/// queue.commit_batch(batch).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NewBatch {
    pub(crate) description: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) callbacks: Vec<(CallbackOn, NewJob)>,
}

impl NewBatch {
    /// A batch without callbacks; the description (1 to 256 bytes) is for people.
    pub fn new(description: impl Into<String>) -> Self {
        let (description, callbacks) = (description.into(), Vec::new());
        Self { description, idempotency_key: None, callbacks }
    }

    /// Same key, same batch: opening it again returns the first one while that is kept.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Makes this job, once, when the batch was committed and all its jobs have completed, be it after
    /// retries by hand.
    #[must_use]
    pub fn on_success(self, job: NewJob) -> Self {
        self.callback(CallbackOn::Success, job)
    }

    /// Makes this job, once, when the batch was committed and all its jobs have ended.
    #[must_use]
    pub fn on_complete(self, job: NewJob) -> Self {
        self.callback(CallbackOn::Complete, job)
    }

    /// Makes this job, once, when the first job failed or became a dead letter.
    #[must_use]
    pub fn on_first_failure(self, job: NewJob) -> Self {
        self.callback(CallbackOn::FirstFailure, job)
    }

    pub(crate) fn callback(mut self, on: CallbackOn, job: NewJob) -> Self {
        self.callbacks.retain(|(known, _)| *known != on);
        self.callbacks.push((on, job));
        self.callbacks.sort_by_key(|(on, _)| *on);
        self
    }

    /// What has to be the same for the same key.
    pub(crate) fn digest(&self, callbacks: Option<&str>) -> String {
        digest([self.description.as_bytes(), callbacks.unwrap_or_default().as_bytes()])
    }

    /// Names each broken rule.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        let texts = [
            ("/description", Some(&self.description)),
            ("/idempotency_key", self.idempotency_key.as_ref()),
        ];
        for (pointer, text) in texts {
            if let Some(Err(detail)) = text.map(|text| check_text(text)) {
                broken.push(FieldError::new(pointer, detail));
            }
        }
        for (on, job) in &self.callbacks {
            let mut of_job = check_template(job);
            let members = [
                ("/unique", job.unique.is_some()),
                ("/depends_on", !job.depends_on.is_empty()),
                ("/batch_id", job.batch.is_some()),
            ];
            for (pointer, _) in members.into_iter().filter(|(_, is_given)| *is_given) {
                of_job.push(FieldError::new(pointer, "is not for a callback"));
            }
            let under = |field: FieldError| field.under(&format!("/{}", on.as_str()));
            broken.extend(of_job.into_iter().map(under));
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}
