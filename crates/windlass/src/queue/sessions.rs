//! Sessions of people who signed in with an API key, for whoever shows them pages.

use super::Queue;
use crate::Error;
use crate::job::{ApiKey, SessionRecord, random_session};

impl Queue {
    /// Opens a session that stands for `key` for [`SESSION_LASTS`](crate::SESSION_LASTS), and returns what names it: 43
    /// characters for the browser alone, of which the database keeps a digest. None where the key does not count.
    ///
    /// A key has at most [`SESSIONS_OF_KEY_MAX`](crate::SESSIONS_OF_KEY_MAX) sessions: beyond it the oldest ends. A
    /// session ends with the secret that opened it: when the key is revoked or expires, and with the overlap of a
    /// rotation.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_session(&self, key: &ApiKey) -> Result<Option<String>, Error> {
        let id = random_session()?;
        let is_open = self.store().open_session(key, &id).await?;
        Ok(is_open.then_some(id))
    }

    /// Reads the session that `id` names; none for whatever does not count (no session, expired, ended, of a key
    /// that has ended).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn session(&self, id: &str) -> Result<Option<SessionRecord>, Error> {
        self.store().session(id).await
    }

    /// Ends the session that `id` names, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_session(&self, id: &str) -> Result<(), Error> {
        self.store().end_session(id).await
    }
}
