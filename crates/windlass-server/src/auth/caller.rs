//! Who sent a request, and what that allows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use windlass::{KeyRates, KeyRecord, NewKey, Queue, Role};

use crate::app::{App, Shared};
use crate::dashboard::session_of;
use crate::problem::Problem;
use crate::request::header_text;

/// Who sent a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// None where no key is needed: somebody on this machine, who may do everything.
    key: Option<Arc<KeyRecord>>,
    ip: IpAddr,
    /// Whether the request itself brought the key along, which no page of another site can make a browser do.
    is_deliberate: bool,
}

impl Caller {
    pub(super) const fn local(ip: IpAddr) -> Self {
        Self { key: None, ip, is_deliberate: false }
    }

    pub(super) const fn with_key(key: Arc<KeyRecord>, ip: IpAddr) -> Self {
        Self { key: Some(key), ip, is_deliberate: true }
    }

    /// The same caller, known by what a browser sends by itself.
    pub(super) fn by_session(self) -> Self {
        Self { is_deliberate: false, ..self }
    }

    /// Whether the request itself brought the key along.
    pub(crate) const fn is_deliberate(&self) -> bool {
        self.is_deliberate
    }

    /// Whether the caller signed in, and so can sign out.
    pub(crate) const fn is_signed_in(&self) -> bool {
        self.key.is_some() && !self.is_deliberate
    }

    /// What names the caller's session, where one is signed in.
    pub(crate) fn session<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.is_signed_in().then(|| session_of(headers)).flatten()
    }

    /// The key's id; none where no key is needed.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.id.as_str())
    }

    /// The key's id, or `local`.
    pub(crate) fn name(&self) -> &str {
        self.key.as_ref().map_or("local", |key| &key.id)
    }

    pub(crate) fn role(&self) -> Role {
        self.key.as_ref().map_or(Role::Admin, |key| key.role)
    }

    /// How often the key may ask, as far as it says so itself.
    pub(super) fn rates(&self) -> KeyRates {
        self.key.as_ref().map_or(KeyRates::NONE, |key| key.rates)
    }

    pub(crate) const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Whether the key is bound to namespaces.
    pub(crate) fn has_namespaces(&self) -> bool {
        self.key.as_ref().is_some_and(|key| !key.namespaces.is_empty())
    }

    /// Whether the key is bound to queues.
    pub(crate) fn has_queues(&self) -> bool {
        self.key.as_ref().is_some_and(|key| !key.queues.is_empty())
    }

    pub(crate) fn allows_namespace(&self, name: &str) -> bool {
        self.key.as_ref().is_none_or(|key| key.allows_namespace(name))
    }

    pub(crate) fn allows_queue(&self, name: &str) -> bool {
        self.key.as_ref().is_none_or(|key| key.allows_queue(name))
    }

    /// Answers for a queue of others as for one that does not exist.
    pub(crate) fn check_queue(
        &self,
        name: &str,
        missing: impl FnOnce() -> String,
    ) -> Result<(), Problem> {
        if self.allows_queue(name) { Ok(()) } else { Err(Problem::not_found(missing())) }
    }

    /// Refuses to store something in a queue that the key is not for.
    pub(crate) fn check_target(&self, queue: &str) -> Result<(), Problem> {
        if self.allows_queue(queue) {
            return Ok(());
        }
        Err(Problem::forbidden(format!(
            "the key is bound to queues, and `{queue}` is none of them"
        )))
    }

    /// Those of the queues asked for that the key is for; when none is asked for, all of them that there are. An empty
    /// answer means no queue, not all of them.
    pub(crate) async fn own_queues(
        &self,
        queue: &Queue,
        asked: Vec<String>,
    ) -> Result<Vec<String>, Problem> {
        if !asked.is_empty() {
            return Ok(asked.into_iter().filter(|name| self.allows_queue(name)).collect());
        }
        let (mut own, mut after) = (Vec::new(), String::new());
        loop {
            let page = queue.queues(&after).await?;
            let Some(last) = page.last() else { return Ok(own) };
            after.clone_from(&last.name);
            own.extend(page.into_iter().map(|it| it.name).filter(|name| self.allows_queue(name)));
        }
    }

    /// The queue in the namespace that the request names, or in the only one of its key.
    pub(crate) fn queue_of(&self, app: &App, headers: &HeaderMap) -> Result<Queue, Problem> {
        let queue = app.queue()?;
        let named = header_text(headers, "windlass-namespace")?;
        let only = match self.key.as_ref().map(|key| key.namespaces.as_slice()) {
            Some([only]) => Some(only.as_str()),
            _ => None,
        };
        let name = named.or(only).unwrap_or_else(|| queue.namespace());
        let queue = queue.in_namespace(name);
        let queue = queue.map_err(|error| Problem::unreadable(error.to_string()))?;
        if self.allows_namespace(name) {
            return Ok(queue);
        }
        // As the database says it of one that does not exist.
        Err(Problem::not_found(format!("namespace `{name}` not found")))
    }

    /// Whether this caller may look at a key, change it or make one like it: nobody gives more than they have.
    pub(crate) fn has_all_of(&self, namespaces: &[String], queues: &[String]) -> bool {
        let Some(key) = &self.key else { return true };
        let is_within = |own: &[String], asked: &[String], has: &dyn Fn(&String) -> bool| {
            own.is_empty() || (!asked.is_empty() && asked.iter().all(has))
        };
        is_within(&key.namespaces, namespaces, &|name| key.namespaces.contains(name))
            && is_within(&key.queues, queues, &|pattern| {
                key.queues.contains(pattern)
                    || (!pattern.contains('*') && key.allows_queue(pattern))
            })
    }

    /// Refuses a key that would allow more than the caller has.
    pub(crate) fn check_grant(&self, new: &NewKey) -> Result<(), Problem> {
        if self.has_all_of(&new.namespaces, &new.queues) {
            return Ok(());
        }
        let detail = "a key may not be for more namespaces or queues than the one that makes it";
        Err(Problem::forbidden(detail))
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        // The gate has put it there; whoever gets here otherwise gets nothing.
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthorized)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use windlass::Timestamp;

    use super::*;

    fn caller(namespaces: &[&str], queues: &[&str]) -> Caller {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyRecord {
            id: "abcdefghijkl".to_owned(),
            role: Role::Admin,
            namespaces: own(namespaces),
            queues: own(queues),
            label: String::new(),
            created_at: Timestamp::from_micros(0),
            created_by: "local".to_owned(),
            expires_at: None,
            revoked_at: None,
            used_at: None,
            old_until: None,
            rates: KeyRates::NONE,
        };
        Caller::with_key(Arc::new(key), Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let bound = caller(&["a", "b"], &["mail.*", "sms"]);

        assert!(bound.has_all_of(&all(&["a"]), &all(&["mail.de", "sms", "mail.*"])));
        for (namespaces, queues) in [
            (&["a", "c"][..], &["sms"][..]),
            (&[], &["sms"]),
            (&["a"], &[]),
            (&["a"], &["*"]),
            (&["a"], &["mail.*", "s*"]),
        ] {
            assert!(!bound.has_all_of(&all(namespaces), &all(queues)), "{namespaces:?} {queues:?}");
        }
        assert!(caller(&[], &[]).has_all_of(&[], &[]));
    }
}
