//! The verbs of sessions.

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::{Reply, verb};
use crate::job::{ApiKey, SESSION_LASTS, SessionRecord, session_digest};

/// As [`Store`](super::Store), for sessions of people who signed in with a key.
pub(crate) trait SessionStore {
    /// Opens the session of this name for a key; says no where the key does not count.
    fn open_session(&self, key: &ApiKey, id: &str) -> Reply<'_, bool>;
    /// The session, if it and its key count.
    fn session(&self, id: &str) -> Reply<'_, Option<SessionRecord>>;
    fn end_session(&self, id: &str) -> Reply<'_, ()>;
}

impl<D: Driver> SessionStore for SqlStore<D> {
    fn open_session(&self, key: &ApiKey, id: &str) -> Reply<'_, bool> {
        let (key, now) = (key.clone(), self.now());
        let verb =
            verb::OpenSession { digest: session_digest(id), key, now, until: now + SESSION_LASTS };
        Box::pin(self.driver().write(verb))
    }

    fn session(&self, id: &str) -> Reply<'_, Option<SessionRecord>> {
        Box::pin(
            self.driver().read(verb::FindSession { digest: session_digest(id), now: self.now() }),
        )
    }

    fn end_session(&self, id: &str) -> Reply<'_, ()> {
        Box::pin(self.driver().write(verb::EndSession { digest: session_digest(id) }))
    }
}
