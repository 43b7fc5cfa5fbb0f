//! API keys and the audit, for whoever stands between strangers and this database.

use std::time::Duration;

use super::Queue;
use crate::job::{
    ApiKey, AuditFilter, AuditRecord, Digests, KEY_OVERLAP_MAX, KeyEdit, KeyRecord, NewKey, Role,
};
use crate::{Error, FieldError};

/// Keys, or lines of the audit, on a page.
const PAGE_MAX: usize = 500;

/// The id that is looked up for what is no key: nobody can have it.
const NOBODY: &str = "000000000000";

impl Queue {
    /// Makes an API key. Its secret is in the second part and nowhere else.
    ///
    /// Keys belong to the whole database, whatever the namespace of this handle.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, [`Error::Unavailable`].
    pub async fn create_key(&self, new: NewKey) -> Result<(KeyRecord, ApiKey), Error> {
        new.check(self.clock().now())?;
        let key = ApiKey::random()?;
        let kept = self.store().add_key(key.clone(), new, false).await?;
        let record = kept.ok_or_else(|| Error::bug("a key was not kept"))?;
        Ok((record, key))
    }

    /// Keeps `key` as the first one, of role admin, unless there are keys already; says whether it did.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bring_first_key(&self, key: ApiKey) -> Result<bool, Error> {
        let new = NewKey { label: "first".to_owned(), ..NewKey::new(Role::Admin) };
        Ok(self.store().add_key(key, new, true).await?.is_some())
    }

    /// Says whose key this is; none for whatever does not count (no key, another secret, expired, revoked),
    /// in the same way and with the same work. With a secret that was rotated away, `expires_at` is at the latest
    /// when the overlap ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn authenticate(&self, presented: &str) -> Result<Option<KeyRecord>, Error> {
        let now = self.clock().now();
        let parsed = ApiKey::parse(presented);
        let found = self.store().find_key(parsed.as_ref().map_or(NOBODY, ApiKey::id)).await?;
        let (record, digests) = found
            .map_or_else(|| (None, Digests::of_nobody()), |row| (Some(row.record), row.digests));
        let digest = parsed.map_or([1; 32], |key| key.digest());
        let is_right = digests.accept(&digest, now);
        let mut record = record.filter(|record| is_right && record.is_live(now));
        if let (Some(record), Some(end)) = (&mut record, digests.end_of(&digest)) {
            record.expires_at = Some(record.expires_at.map_or(end, |at| at.min(end)));
        }
        Ok(record)
    }

    /// Whether any key was ever made.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn has_keys(&self) -> Result<bool, Error> {
        self.store().has_keys().await
    }

    /// Reads up to 500 keys by id, after the id `after` (empty for the first), revoked ones included.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn keys(&self, after: &str) -> Result<Vec<KeyRecord>, Error> {
        self.store().keys(after, PAGE_MAX).await
    }

    /// Reads one key.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key.
    pub async fn key(&self, id: &str) -> Result<KeyRecord, Error> {
        let found = self.store().find_key(id).await?;
        found.map(|row| row.record).ok_or_else(|| Error::not_found(format!("key `{id}`")))
    }

    /// Changes what a key is called and how often it may ask; its secret and what it allows stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key, [`Error::Invalid`] naming each broken rule.
    pub async fn change_key(&self, id: &str, edit: KeyEdit) -> Result<KeyRecord, Error> {
        edit.check()?;
        self.store().change_key(id, edit).await
    }

    /// Gives a key another secret. The one it has works for another `overlap`, at most 31 days; one from before
    /// that ends now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when the key has expired or was revoked, [`Error::Invalid`] for a
    /// longer overlap.
    pub async fn rotate_key(
        &self,
        id: &str,
        overlap: Duration,
    ) -> Result<(KeyRecord, ApiKey), Error> {
        if overlap > KEY_OVERLAP_MAX {
            let error = FieldError::new("/overlap", "is longer than 31 days");
            return Err(Error::Invalid(vec![error]));
        }
        let key = ApiKey::with_id(id.to_owned())?;
        let record = self.store().rotate_key(key.clone(), overlap).await?;
        Ok((record, key))
    }

    /// Revokes a key, for ever. It stays in the list.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key.
    pub async fn revoke_key(&self, id: &str) -> Result<KeyRecord, Error> {
        self.store().revoke_key(id).await
    }

    /// Notes that a key is used, unless that was noted within `every`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn note_key_use(&self, id: &str, every: Duration) -> Result<(), Error> {
        self.store().note_use(id, every).await
    }

    /// Leaves a line in the audit of a request that was refused to the actor at work
    /// ([`Actor::doing`](crate::Actor::doing)): what was asked for, and what stood against it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn note_refused(&self, target: &str, detail: &str) -> Result<(), Error> {
        self.store().note_refused(&self.namespace, target, detail).await
    }

    /// Deletes up to `limit` lines of the audit that are kept no longer, and says how many there were.
    pub(crate) async fn trim_audit(&self, limit: usize) -> Result<usize, Error> {
        match self.audit_kept {
            Some(kept) => self.store().trim_audit(kept, limit).await,
            None => Ok(0),
        }
    }

    /// Reads lines of the audit, the latest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRecord>, Error> {
        let limit = filter.limit.min(PAGE_MAX);
        self.store().audit(&self.namespace, AuditFilter { limit, ..filter }).await
    }
}
