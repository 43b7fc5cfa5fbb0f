//! The verbs of requests that may be sent again, and the request that the running task carries out.

use std::future::Future;
use std::sync::Arc;

use super::driver::{Driver, Param, Verb};
use super::sql_store::SqlStore;
use super::{Reply, verb};

tokio::task_local! {
    /// The request that this task carries out, if it may be sent again.
    static REQUEST: RequestKey;
}

/// A request by its key, and who carries it out.
#[derive(Debug, Clone)]
pub(crate) struct RequestKey {
    pub(crate) namespace_id: i64,
    pub(crate) name: String,
    pub(crate) holder: i64,
}

impl RequestKey {
    pub(super) fn columns(&self) -> [Param<'_>; 3] {
        [self.namespace_id.into(), self.name.as_str().into(), self.holder.into()]
    }

    /// Runs what carries out the request: its effects say so in their transactions.
    pub(crate) async fn carried_out<F: Future>(&self, work: F) -> F::Output {
        REQUEST.scope(self.clone(), work).await
    }
}

/// An answer that is given again to the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReply {
    /// The HTTP status.
    pub status: u16,
    /// Headers, as the server wants them kept.
    pub head: String,
    /// The body; none when it is too large to be kept.
    pub body: Option<Vec<u8>>,
}

/// What is known of a request that has come.
#[derive(Debug)]
pub(crate) enum OpenedRequest {
    /// It is to be carried out.
    New(RequestKey),
    /// It was, with this answer.
    Answered(KeptReply),
    /// It took effect, and its answer was lost.
    Unanswered,
    /// Somebody carries it out.
    UnderWay,
    /// Another request has its key.
    Other,
}

/// As [`Store`](super::Store), for requests that may be sent again.
pub(crate) trait ReplyStore {
    fn open_request(
        &self,
        namespace: &Arc<str>,
        name: &str,
        digest: String,
    ) -> Reply<'_, OpenedRequest>;
    /// Keeps its answer; without one the request may come again, if it took no effect.
    fn close_request(&self, key: RequestKey, reply: Option<KeptReply>) -> Reply<'_, ()>;
}

impl<D: Driver> SqlStore<D> {
    /// Writes what a request asks for.
    pub(super) fn effect<V: Verb>(
        &self,
        verb: V,
    ) -> impl Future<Output = Result<V::Reply, crate::Error>> + Send {
        let request = REQUEST.try_with(Clone::clone).ok();
        self.driver().write(verb::Effect { verb, request })
    }
}

impl<D: Driver> ReplyStore for SqlStore<D> {
    fn open_request(
        &self,
        namespace: &Arc<str>,
        name: &str,
        digest: String,
    ) -> Reply<'_, OpenedRequest> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        let (now, shared) = (self.now(), self.shared());
        Box::pin(async move {
            let holder = crate::core::random_i64()?;
            let verb = verb::OpenRequest { namespace, name, digest, holder, now, shared };
            self.driver().write(verb).await
        })
    }

    fn close_request(&self, key: RequestKey, reply: Option<KeptReply>) -> Reply<'_, ()> {
        Box::pin(self.driver().write(verb::CloseRequest { key, reply }))
    }
}
