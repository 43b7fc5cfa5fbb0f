//! Requests that may be sent again: known by their keys, answered once.
//!
//! Invariant: while a row says that a request took effect, nobody carries it out again.

use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::job::Timestamp;
use crate::store::driver::{Lane, Row, Tx, Verb, Waits};
use crate::store::rows::instant;
use crate::store::statements::Sql;
use crate::store::{KeptReply, OpenedRequest, RequestKey, Shared};

/// How long an answer is kept, and a request that was never answered is known.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long a request that took no effect so far may take before another process carries it out.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Rows a trim looks at.
const TRIM_MAX: i64 = 500;

/// Asks whether a request is new.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) digest: String,
    /// Who carries it out if it is new: a number of this call alone.
    pub(crate) holder: i64,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

/// What is known of a request.
struct Known {
    digest: String,
    holder: i64,
    at: Timestamp,
    until_at: Timestamp,
    marked: bool,
    reply: Option<KeptReply>,
}

impl Verb for OpenRequest {
    type Reply = OpenedRequest;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<OpenedRequest, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let key = RequestKey { namespace_id, name: self.name.clone(), holder: self.holder };
        let until = self.now + UNDER_WAY;
        let (id, name, digest) =
            (namespace_id.into(), self.name.as_str().into(), self.digest.as_str().into());
        let (now, until) = (self.now.as_micros().into(), until.as_micros().into());
        let holder = self.holder.into();
        tx.execute(Sql::ReplyOpen, &[id, name, digest, holder, now, until]).await?;
        let rows = tx.query(Sql::ReplyGet, &[id, name]).await?;
        let Some(known) = rows.first(Known::read)? else {
            return Err(Error::moved(format!("the request `{}`", self.name)));
        };
        if known.holder == self.holder {
            return Ok(OpenedRequest::New(key));
        }
        let is_over = self.now.since(known.at) >= KEPT;
        let is_left = known.reply.is_none() && !known.marked && known.until_at <= self.now;
        if is_over || is_left {
            let params = [id, name, digest, holder, now, until, known.holder.into()];
            return match tx.execute(Sql::ReplyTake, &params).await? {
                0 => Err(Error::moved(format!("the request `{}`", self.name))),
                _ => Ok(OpenedRequest::New(key)),
            };
        }
        if known.digest != self.digest {
            return Ok(OpenedRequest::Other);
        }
        Ok(match known.reply {
            Some(reply) => OpenedRequest::Answered(reply),
            None if known.marked && known.until_at <= self.now => OpenedRequest::Unanswered,
            None => OpenedRequest::UnderWay,
        })
    }

    /// Each of its locks is one that nobody else holds while waiting for another.
    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl Known {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let (digest, holder) = (row.text()?, row.int()?);
        let broken = || Error::bug("a request has no time");
        let at = instant(row)?.ok_or_else(broken)?;
        let until_at = instant(row)?.ok_or_else(broken)?;
        let marked = row.int()? != 0;
        let status = row.opt_int()?;
        let (head, body) = (row.opt_text()?, row.opt_bytes()?);
        let reply = status.map(|status| KeptReply {
            status: u16::try_from(status).unwrap_or_default(),
            head: head.unwrap_or_default(),
            body,
        });
        Ok(Self { digest, holder, at, until_at, marked, reply })
    }
}

/// Keeps the answer to a request; without one it took no effect, and may come again.
#[derive(Debug)]
pub(crate) struct CloseRequest {
    pub(crate) key: RequestKey,
    pub(crate) reply: Option<KeptReply>,
}

impl Verb for CloseRequest {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let [id, name, holder] = self.key.columns();
        match &self.reply {
            Some(reply) => {
                let status = i64::from(reply.status).into();
                let (head, body) = (reply.head.as_str().into(), reply.body.as_deref().into());
                tx.execute(Sql::ReplyKeep, &[id, name, holder, status, head, body]).await?;
            }
            None => drop(tx.execute(Sql::ReplyForget, &[id, name, holder]).await?),
        }
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Forgets answers that are kept no longer.
pub(super) async fn trim<T: Tx>(tx: &mut T, now: Timestamp) -> Result<(), Error> {
    let before = (now - KEPT).as_micros();
    let old = tx.query(Sql::ReplyEdge, &[before.into(), TRIM_MAX.into()]).await?.ints()?;
    if let Some(last) = old.last() {
        tx.execute(Sql::ReplyTrim, &[(*last).into()]).await?;
    }
    Ok(())
}

/// A verb that a request may ask for twice: says in its own transaction that the request took effect.
#[derive(Debug)]
pub(crate) struct Effect<V> {
    pub(crate) verb: V,
    pub(crate) request: Option<RequestKey>,
}

impl<V: Verb> Verb for Effect<V> {
    type Reply = V::Reply;

    const LANE: Lane = V::LANE;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<V::Reply, Error> {
        // First, so that a verb that could be a transaction by itself sees that it is not alone.
        if let Some(key) = &self.request {
            tx.execute(Sql::ReplyMark, &key.columns()).await?;
        }
        self.verb.run(tx).await
    }

    async fn landed<T: Tx>(&self, reply: &V::Reply, tx: &mut T) -> Result<bool, Error> {
        self.verb.landed(reply, tx).await
    }

    fn weight(&self) -> usize {
        self.verb.weight()
    }

    fn waits(&self) -> Waits {
        if self.request.is_some() { Waits::Anything } else { self.verb.waits() }
    }
}
