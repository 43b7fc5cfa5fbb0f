//! What people change of jobs that are stored.

use super::Queue;
use crate::Error;
use crate::job::{JobEdit, JobId, JobRecord};

impl Queue {
    /// Changes a job that waits or has ended, and returns it. One that could run now goes behind those
    /// of its queue, kind and priority.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is running, or has ended and is given a time; [`Error::Invalid`]
    /// naming each broken rule; [`Error::NotFound`].
    pub async fn edit(&self, job: JobId, edit: JobEdit) -> Result<JobRecord, Error> {
        edit.check()?;
        self.store().edit(&self.namespace, job, edit).await
    }
}
