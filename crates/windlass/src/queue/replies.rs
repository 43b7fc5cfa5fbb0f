//! Requests that may be sent again, by their keys: carried out once, answered alike.

use std::future::Future;

use super::Queue;
use crate::Error;
use crate::job::{Actor, check_text, digest};
use crate::runtime::detached;
use crate::store::{KeptReply, OpenedRequest, RequestKey};

/// A request with a key of its sender's, for which no answer is known yet.
#[derive(Debug)]
#[must_use = "a request that is not answered stays under way for a minute"]
pub struct Request {
    queue: Queue,
    key: RequestKey,
}

/// What is known of a request with a key.
#[derive(Debug)]
pub enum Opened {
    /// It is to be carried out.
    New(Request),
    /// It was carried out, and was answered so.
    Answered(KeptReply),
}

impl Queue {
    /// Asks whether a request was sent before: `key` is its sender's, unique in the namespace for 24 hours,
    /// and `content` all that makes two requests the same.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the key is not 1 to 256 bytes long; [`Error::Conflict`] with code
    /// `idempotency_mismatch` when another request has the key, and with code `conflict` while the request is
    /// under way elsewhere or when its answer was lost; [`Error::NotFound`] for an unknown namespace.
    pub async fn open_request(&self, key: &str, content: &[&[u8]]) -> Result<Opened, Error> {
        check_text(key).map_err(|detail| Error::invalid("/idempotency_key", detail))?;
        let digest = digest(content.iter().copied());
        match self.store().open_request(&self.namespace, key, digest).await? {
            OpenedRequest::New(key) => Ok(Opened::New(Request { queue: self.clone(), key })),
            OpenedRequest::Answered(reply) => Ok(Opened::Answered(reply)),
            OpenedRequest::Other => Err(Error::Conflict {
                code: "idempotency_mismatch",
                message: format!("the idempotency key `{key}` belongs to a different request"),
            }),
            OpenedRequest::UnderWay => Err(Error::conflict(format!(
                "the request with the idempotency key `{key}` is under way; try again"
            ))),
            OpenedRequest::Unanswered => Err(Error::conflict(format!(
                "the request with the idempotency key `{key}` took effect, but its answer was lost"
            ))),
        }
    }
}

impl Request {
    /// Carries the request out, in a task of its own that goes on when nobody waits any more: whatever `work`
    /// stores with this library is stored together with the fact that the request took effect, so that it
    /// never takes effect twice. The answer that `work` returns is kept for 24 hours; without one the request
    /// may be sent again, unless it took effect.
    ///
    /// # Panics
    /// When `work` does.
    pub async fn answer<T: Send + 'static>(
        self,
        work: impl Future<Output = (Option<KeptReply>, T)> + Send + 'static,
    ) -> T {
        let Self { queue, key } = self;
        let actor = Actor::current();
        let done = detached(async move {
            let work = key.carried_out(work);
            let (reply, value) = match actor {
                Some(actor) => Actor::clone(&actor).doing(work).await,
                None => work.await,
            };
            if let Err(error) = queue.store().close_request(key, reply).await {
                tracing::warn!(%error, "the answer to a request is not kept");
            }
            value
        });
        done.await
    }
}
