//! Queues and namespaces as things: settings, pauses, purges, retention.

use super::Queue;
use crate::core::State;
use crate::job::{
    KindRecord, PauseOptions, PauseRecord, PauseScope, QueueRecord, QueueSettings, check_name,
};
use crate::store::{Expected, PurgeBatch, QueuePage};
use crate::upkeep::prune_all;
use crate::{Error, FieldError, Timestamp};

/// Queues, kinds or namespaces on a page.
const PAGE_MAX: usize = 500;

/// Jobs in one transaction of a purge: each may bring its payload along.
const PURGE_MAX: usize = 50;

/// How often a queue is purged again before it is deleted by force: others may go on storing jobs.
const PURGES_MAX: usize = 10;

impl Queue {
    /// Reads up to 500 queues of this namespace, by name, after the name `after` (empty for the first).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn queues(&self, after: &str) -> Result<Vec<QueueRecord>, Error> {
        let page = QueuePage { only: None, after: after.to_owned(), limit: PAGE_MAX };
        self.store().queues(&self.namespace, page).await
    }

    /// Reads one queue.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such queue.
    pub async fn queue(&self, name: &str) -> Result<QueueRecord, Error> {
        let page = QueuePage { only: Some(name.to_owned()), after: String::new(), limit: 1 };
        let mut found = self.store().queues(&self.namespace, page).await?;
        found.pop().ok_or_else(|| Error::not_found(format!("queue `{name}`")))
    }

    /// Since when the first of the jobs of a queue that can run has been able to; none when there are
    /// none.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such queue.
    pub async fn oldest_pending(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        self.store().oldest_pending(&self.namespace, name).await
    }

    /// Creates a queue with these settings. One that is not created is made, with defaults, by its
    /// first job.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it exists, [`Error::Invalid`] naming each broken rule.
    pub async fn create_queue(
        &self,
        name: &str,
        settings: QueueSettings,
    ) -> Result<QueueRecord, Error> {
        self.put_queue(name, settings, Expected::New).await
    }

    /// Replaces the settings of a queue; with `version`, only those of that version. Other processes go
    /// by them within a second.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] naming each broken rule, [`Error::Conflict`] with code
    /// `precondition_failed` when the version is another.
    pub async fn configure_queue(
        &self,
        name: &str,
        settings: QueueSettings,
        version: Option<i64>,
    ) -> Result<QueueRecord, Error> {
        let expected = version.map_or(Expected::Any, Expected::Version);
        self.put_queue(name, settings, expected).await
    }

    async fn put_queue(
        &self,
        name: &str,
        settings: QueueSettings,
        expected: Expected,
    ) -> Result<QueueRecord, Error> {
        check_queue(name, &settings)?;
        self.store().put_queue(&self.namespace, name, settings, expected).await
    }

    /// Deletes a queue with its settings and pauses; one that holds jobs only with `force`, and then with
    /// all of them, also those that run: what their workers report is refused.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it holds jobs and `force` is false, or when it is
    /// given new ones all the time; with code `precondition_failed` when `version` is not its version.
    pub async fn delete_queue(
        &self,
        name: &str,
        force: bool,
        version: Option<i64>,
    ) -> Result<(), Error> {
        let remove = || self.store().remove_queue(&self.namespace, name, version);
        for _ in 0..PURGES_MAX {
            match remove().await {
                Err(Error::Conflict { code: "conflict", .. }) if force => {}
                done => return done,
            }
            self.purge_queue(name, &State::ALL).await?;
        }
        remove().await
    }

    /// Deletes the jobs of a queue that are in these states, with their history, and says how many; running
    /// ones are cut off. Jobs that change their state meanwhile may stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such queue; [`Error::Unavailable`], after which some
    /// may be deleted.
    pub async fn purge_queue(&self, name: &str, states: &[State]) -> Result<usize, Error> {
        let mut deleted = 0;
        let mut after = None;
        loop {
            let batch = PurgeBatch { states: states.to_vec(), after, limit: PURGE_MAX };
            let purged = self.store().purge(&self.namespace, name, batch).await?;
            deleted += purged.deleted;
            after = purged.next;
            if after.is_none() {
                return Ok(deleted);
            }
        }
    }

    /// Pauses a queue or a kind: no claim that begins after this returns takes a job of it, in any
    /// process, until someone resumes it or its end comes. What runs goes on. A second pause takes the
    /// place of the first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such queue or kind, [`Error::Invalid`].
    pub async fn pause(
        &self,
        scope: PauseScope,
        options: PauseOptions,
    ) -> Result<PauseRecord, Error> {
        let now = self.clock().now();
        options.check(now)?;
        let PauseOptions { until, reason, by } = options.clone();
        self.store().change_pause(&self.namespace, scope, Some(options)).await?;
        Ok(PauseRecord { since: now, until, reason, by })
    }

    /// Ends the pause of exactly this scope; false when there was none.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such queue or kind.
    pub async fn resume(&self, scope: PauseScope) -> Result<bool, Error> {
        self.store().change_pause(&self.namespace, scope, None).await
    }

    /// Reads up to 500 kinds of this namespace, by name, after the name `after` (empty for the first).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn kinds(&self, after: &str) -> Result<Vec<KindRecord>, Error> {
        let page = QueuePage { only: None, after: after.to_owned(), limit: PAGE_MAX };
        self.store().kinds(&self.namespace, page).await
    }

    /// Deletes every job of the whole database that its queue keeps no longer, and says how many. Processes
    /// with a worker do this by themselves.
    ///
    /// # Errors
    /// [`Error::Unavailable`], after which some may be deleted.
    pub async fn prune(&self) -> Result<usize, Error> {
        prune_all(self).await
    }

    /// Reads the names of up to 500 namespaces after the name `after` (empty for the first).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn namespaces(&self, after: &str) -> Result<Vec<String>, Error> {
        let page = QueuePage { only: None, after: after.to_owned(), limit: PAGE_MAX };
        self.store().namespaces(page).await
    }

    /// Creates a namespace.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it exists, [`Error::Invalid`] when the name is not a name.
    pub async fn create_namespace(&self, name: &str) -> Result<(), Error> {
        check_name(name).map_err(|detail| Error::invalid("/name", detail))?;
        self.store().add_namespace(name).await
    }

    /// Deletes a namespace; one that holds queues or schedules only with `force`, and then with all of them
    /// and their jobs. A process that has just enqueued in it may do so for another second; what it stores then is
    /// found by nobody.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it holds queues and `force` is false, or for `default`,
    /// which always exists.
    pub async fn delete_namespace(&self, name: &str, force: bool) -> Result<(), Error> {
        if name == "default" {
            return Err(Error::conflict("namespace `default` always exists"));
        }
        if force {
            let inside = self.in_namespace(name)?;
            inside.delete_schedules().await?;
            loop {
                let queues = inside.queues("").await?;
                if queues.is_empty() {
                    break;
                }
                for queue in queues {
                    inside.delete_queue(&queue.name, true, None).await?;
                }
            }
        }
        self.store().remove_namespace(name).await
    }

    async fn delete_schedules(&self) -> Result<(), Error> {
        loop {
            let schedules = self.schedules("").await?;
            if schedules.is_empty() {
                return Ok(());
            }
            for schedule in schedules {
                self.delete_schedule(&schedule.name, None).await?;
            }
        }
    }
}

/// Checks name and settings, and names each broken rule.
pub(super) fn check_queue(name: &str, settings: &QueueSettings) -> Result<(), Error> {
    let mut broken = match settings.check() {
        Err(Error::Invalid(broken)) => broken,
        Err(error) => return Err(error),
        Ok(()) => Vec::new(),
    };
    if let Err(detail) = check_name(name) {
        broken.insert(0, FieldError::new("/name", detail));
    }
    if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
}
