//! What the jobs that a job waited for have left it.

use serde::de::DeserializeOwned;

use super::context::Ctx;
use crate::core::State;
use crate::{Error, JobId};

/// A job that another one waited for: by the name of its node in their workflow, or by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// The node's name.
    Node(String),
    /// The job's id.
    Job(JobId),
}

impl From<&str> for Parent {
    fn from(name: &str) -> Self {
        Self::Node(name.to_owned())
    }
}

impl From<JobId> for Parent {
    fn from(id: JobId) -> Self {
        Self::Job(id)
    }
}

impl<S> Ctx<S> {
    /// Reads the output of a job that this one waited for; none when it did not complete (and this one runs
    /// all the same), or was deleted since. Members of a workflow are kept at least until that has ended.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)] struct Ship { order: i64 }
    /// # impl windlass::Job for Ship { const KIND: &'static str = "ship"; type Output = (); }
    /// async fn ship(job: Ship, ctx: windlass::Ctx) -> windlass::Result {
    ///     let receipt: Option<String> = ctx.parent("charge").await?;
    ///     // ..
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] when this job waited for no such job, or a named one was deleted;
    /// [`Error::Invalid`] when the output is no `T`; [`Error::Unavailable`].
    pub async fn parent<T: DeserializeOwned>(
        &self,
        which: impl Into<Parent>,
    ) -> Result<Option<T>, Error> {
        let which = which.into();
        let info = self.info();
        let parents = self.store.parents(info.id).await?;
        let is_meant = |id: JobId, node: Option<&str>| match &which {
            Parent::Node(name) => node == Some(name),
            Parent::Job(job) => id == *job,
        };
        let found = parents.iter().find(|parent| is_meant(parent.job, parent.node.as_deref()));
        let Some(found) = found else {
            let name = match which {
                Parent::Node(name) => format!("node `{name}`"),
                Parent::Job(id) => format!("job {id}"),
            };
            return Err(Error::not_found(format!("{name} among what job {} waited for", info.id)));
        };
        let jobs = self.store.get(&info.namespace, vec![found.job]).await?;
        let ended = jobs.into_iter().next().filter(|job| job.state == State::Completed);
        let Some(job) = ended else { return Ok(None) };
        let output = serde_json::from_slice(job.result.as_deref().unwrap_or(b"null"));
        let refused = |error| Error::invalid("/parent", format!("cannot be read: {error}"));
        output.map(Some).map_err(refused)
    }
}
