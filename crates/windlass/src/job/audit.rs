//! Who did what: lines that are only ever added.

use std::future::Future;
use std::sync::Arc;

use super::Timestamp;

tokio::task_local! {
    static ACTOR: Arc<Actor>;
}

/// Who asks for what is done meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The id of an API key, or `local` for whoever needs none.
    pub name: String,
    /// The role that allows it.
    pub role: String,
    /// Where the request came from, if it came from somewhere.
    pub ip: Option<String>,
    /// The id of the request, if it was one.
    pub request_id: Option<String>,
}

impl Actor {
    /// Somebody with the database itself in hand, who needs no key.
    pub fn local() -> Self {
        let (name, role) = ("local".to_owned(), "admin".to_owned());
        Self { name, role, ip: None, request_id: None }
    }

    /// Runs `work`. Whatever it changes by hand (a pause, a cancel, settings, keys) leaves a line in the audit,
    /// in the same transaction. What is done outside of any actor's work leaves none.
    pub fn doing<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        ACTOR.scope(Arc::new(self), work)
    }

    /// Whose work this is part of.
    pub(crate) fn current() -> Option<Arc<Self>> {
        ACTOR.try_with(Arc::clone).ok()
    }
}

/// What somebody does: the part of a line that the call itself knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// Empty for what belongs to no namespace.
    pub(crate) namespace: Arc<str>,
    /// Such as `queue.pause`.
    pub(crate) action: &'static str,
    /// The name or id of what it is done to.
    pub(crate) target: String,
    /// What else matters, without payloads.
    pub(crate) detail: String,
}

impl Act {
    pub(crate) fn new(
        namespace: &Arc<str>,
        action: &'static str,
        target: impl Into<String>,
    ) -> Self {
        let namespace = Arc::clone(namespace);
        Self { namespace, action, target: target.into(), detail: String::new() }
    }

    pub(crate) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Grows with time.
    pub id: i64,
    /// When it was done.
    pub at: Timestamp,
    /// In which namespace; empty for what belongs to the whole server.
    pub namespace: String,
    /// Who did it, as in [`Actor`].
    pub actor: String,
    /// The role that allowed it.
    pub role: String,
    /// Where the request came from.
    pub ip: Option<String>,
    /// What was done, such as `queue.pause`.
    pub action: String,
    /// The name or id of what it was done to.
    pub target: String,
    /// The id of the request.
    pub request_id: Option<String>,
    /// What else matters, without payloads; may be empty.
    pub detail: String,
}

/// Which lines of the audit to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those of all namespaces, and of none, instead of the handle's own.
    pub everywhere: bool,
    /// Those of this actor.
    pub actor: Option<String>,
    /// Those of this action.
    pub action: Option<String>,
    /// Those about this target.
    pub target: Option<String>,
    /// Those before the line with this id.
    pub before: Option<i64>,
    /// At most so many, 500 at most.
    pub limit: usize,
}
