//! Limits as things: made, changed, removed, read.

use super::Queue;
use crate::job::{Limit, LimitRecord, check_name};
use crate::store::QueuePage;
use crate::{Error, FieldError};

/// Limits on a page.
const PAGE_MAX: usize = 500;

impl Queue {
    /// Reads up to 500 limits of this namespace, by name, after the name `after` (empty for the first).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn limits(&self, after: &str) -> Result<Vec<LimitRecord>, Error> {
        let page = QueuePage { only: None, after: after.to_owned(), limit: PAGE_MAX };
        self.store().limits(&self.namespace, page).await
    }

    /// Reads one limit.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such limit.
    pub async fn limit(&self, name: &str) -> Result<LimitRecord, Error> {
        let page = QueuePage { only: Some(name.to_owned()), after: String::new(), limit: 1 };
        let mut found = self.store().limits(&self.namespace, page).await?;
        found.pop().ok_or_else(|| Error::not_found(format!("limit `{name}`")))
    }

    /// Makes a limit, or replaces what it was; with `version`, only that of this version. It holds for jobs
    /// that wait already; jobs that run are not stopped, but while there are too many no other starts.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, [`Error::Conflict`] with code `precondition_failed` when the
    /// version is another, or for more than 1,000 limits in a namespace.
    pub async fn set_limit(
        &self,
        name: &str,
        limit: Limit,
        version: Option<i64>,
    ) -> Result<LimitRecord, Error> {
        check_limit(name, &limit)?;
        self.store().put_limit(&self.namespace, name, limit, version).await
    }

    /// Deletes a limit: jobs with such keys are not limited any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] with code `precondition_failed` when `version` is not its version.
    pub async fn delete_limit(&self, name: &str, version: Option<i64>) -> Result<(), Error> {
        self.store().remove_limit(&self.namespace, name, version).await
    }
}

fn check_limit(name: &str, limit: &Limit) -> Result<(), Error> {
    let mut broken = Vec::new();
    if let Err(detail) = check_name(name) {
        broken.push(FieldError::new("/name", detail));
    } else if name.contains(':') {
        broken
            .push(FieldError::new("/name", "must not contain a colon: it ends the name in a key"));
    }
    if let Err(Error::Invalid(more)) = limit.check() {
        broken.extend(more);
    }
    if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
}
