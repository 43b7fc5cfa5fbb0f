//! The verbs about API keys and the audit.

use std::sync::Arc;
use std::time::Duration;

use super::Reply;
use super::driver::{Driver, Verb};
use super::sql_store::SqlStore;
use super::verb::{self, KeyRow};
use crate::Error;
use crate::job::{Actor, ApiKey, AuditFilter, AuditRecord, KeyEdit, KeyRecord, NewKey};

/// As [`Store`](super::Store), for API keys and the audit.
pub(crate) trait KeyStore {
    /// Keeps a key; with `is_first` only if there is none so far, and says so with none.
    fn add_key(&self, key: ApiKey, new: NewKey, is_first: bool) -> Reply<'_, Option<KeyRecord>>;
    fn find_key(&self, id: &str) -> Reply<'_, Option<KeyRow>>;
    fn keys(&self, after: &str, limit: usize) -> Reply<'_, Vec<KeyRecord>>;
    fn has_keys(&self) -> Reply<'_, bool>;
    fn change_key(&self, id: &str, edit: KeyEdit) -> Reply<'_, KeyRecord>;
    fn rotate_key(&self, key: ApiKey, overlap: Duration) -> Reply<'_, KeyRecord>;
    fn revoke_key(&self, id: &str) -> Reply<'_, KeyRecord>;
    /// Notes that a key is used, unless that was noted within `every`.
    fn note_use(&self, id: &str, every: Duration) -> Reply<'_, ()>;
    /// Leaves a line of a request that was refused.
    fn note_refused(&self, namespace: &Arc<str>, target: &str, detail: &str) -> Reply<'_, ()>;
    fn audit(&self, namespace: &Arc<str>, filter: AuditFilter) -> Reply<'_, Vec<AuditRecord>>;
    /// Deletes up to `limit` lines that are older than `kept`, and says how many there were.
    fn trim_audit(&self, kept: Duration, limit: usize) -> Reply<'_, usize>;
}

impl<D: Driver> SqlStore<D> {
    /// Runs a call by which somebody steers something, and leaves a line in the audit when it is known who.
    pub(super) async fn act<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        let line = match (Actor::current(), verb.act()) {
            (Some(actor), Some(act)) => {
                let at = self.now();
                let id = self.next_id(at).await?.as_i64();
                Some(verb::Line { id, at, actor, act })
            }
            _ => None,
        };
        self.effect(verb::Audited { verb, line }).await
    }
}

impl<D: Driver> KeyStore for SqlStore<D> {
    fn add_key(&self, key: ApiKey, new: NewKey, is_first: bool) -> Reply<'_, Option<KeyRecord>> {
        let by = Actor::current().map_or_else(|| Actor::local().name, |actor| actor.name.clone());
        Box::pin(self.act(verb::AddKey { key, new, by, is_first, now: self.now() }))
    }

    fn note_refused(&self, namespace: &Arc<str>, target: &str, detail: &str) -> Reply<'_, ()> {
        let (namespace, target) = (Arc::clone(namespace), target.to_owned());
        Box::pin(self.act(verb::NoteRefused { namespace, target, detail: detail.to_owned() }))
    }

    fn find_key(&self, id: &str) -> Reply<'_, Option<KeyRow>> {
        Box::pin(self.driver().read(verb::FindKey { id: id.to_owned() }))
    }

    fn keys(&self, after: &str, limit: usize) -> Reply<'_, Vec<KeyRecord>> {
        Box::pin(self.driver().read(verb::ListKeys { after: after.to_owned(), limit }))
    }

    fn has_keys(&self) -> Reply<'_, bool> {
        Box::pin(self.driver().read(verb::HasKeys))
    }

    fn change_key(&self, id: &str, edit: KeyEdit) -> Reply<'_, KeyRecord> {
        Box::pin(self.act(verb::ChangeKey { id: id.to_owned(), edit }))
    }

    fn rotate_key(&self, key: ApiKey, overlap: Duration) -> Reply<'_, KeyRecord> {
        let now = self.now();
        Box::pin(self.act(verb::RotateKey { key, until: now + overlap, now }))
    }

    fn revoke_key(&self, id: &str) -> Reply<'_, KeyRecord> {
        Box::pin(self.act(verb::RevokeKey { id: id.to_owned(), now: self.now() }))
    }

    fn note_use(&self, id: &str, every: Duration) -> Reply<'_, ()> {
        let now = self.now();
        let unless_since = now - every;
        Box::pin(self.driver().write(verb::NoteUse { id: id.to_owned(), now, unless_since }))
    }

    fn audit(&self, namespace: &Arc<str>, filter: AuditFilter) -> Reply<'_, Vec<AuditRecord>> {
        let namespace = Arc::clone(namespace);
        Box::pin(self.driver().read(verb::ListAudit { namespace, filter }))
    }

    fn trim_audit(&self, kept: Duration, limit: usize) -> Reply<'_, usize> {
        let before = self.now() - kept;
        Box::pin(self.driver().write(verb::TrimAudit { before, limit }))
    }
}
