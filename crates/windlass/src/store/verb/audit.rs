//! The audit: lines beside what they tell of, in the same transaction.

use std::sync::Arc;

use crate::Error;
use crate::job::{Act, Actor, AuditFilter, AuditRecord, JobId, Timestamp};
use crate::store::driver::{Lane, Param, Row, Tx, Verb, Waits};
use crate::store::statements::Sql;

/// A call, and the line that says who asked for it.
#[derive(Debug)]
pub(crate) struct Audited<V> {
    pub(crate) verb: V,
    /// None when nobody in particular did.
    pub(crate) line: Option<Line>,
}

/// A line to be written.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) actor: Arc<Actor>,
    pub(crate) act: Act,
}

impl Line {
    async fn write<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let Self { id, at, actor, act } = self;
        let params = [
            (*id).into(),
            at.as_micros().into(),
            (&*act.namespace).into(),
            actor.name.as_str().into(),
            actor.role.as_str().into(),
            actor.ip.as_deref().into(),
            act.action.into(),
            act.target.as_str().into(),
            actor.request_id.as_deref().into(),
            act.detail.as_str().into(),
        ];
        tx.execute(Sql::AuditInsert, &params).await?;
        Ok(())
    }
}

impl<V: Verb> Verb for Audited<V> {
    type Reply = V::Reply;

    const LANE: Lane = V::LANE;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<V::Reply, Error> {
        let reply = self.verb.run(tx).await?;
        if let Some(line) = &self.line {
            line.write(tx).await?;
        }
        Ok(reply)
    }

    async fn landed<T: Tx>(&self, reply: &V::Reply, tx: &mut T) -> Result<bool, Error> {
        match &self.line {
            // The line is there if and only if the rest is.
            Some(line) => Ok(!tx.query(Sql::AuditGet, &[line.id.into()]).await?.is_empty()),
            None => self.verb.landed(reply, tx).await,
        }
    }

    fn weight(&self) -> usize {
        self.verb.weight() + usize::from(self.line.is_some())
    }

    fn waits(&self) -> Waits {
        self.verb.waits()
    }
}

/// Nothing but a line: somebody asked for what they may not do.
#[derive(Debug)]
pub(crate) struct NoteRefused {
    pub(crate) namespace: Arc<str>,
    pub(crate) target: String,
    pub(crate) detail: String,
}

impl Verb for NoteRefused {
    type Reply = ();

    async fn run<T: Tx>(&self, _: &mut T) -> Result<(), Error> {
        Ok(())
    }

    fn act(&self) -> Option<Act> {
        let act = Act::new(&self.namespace, "request.refused", self.target.as_str());
        Some(act.detail(self.detail.as_str()))
    }
}

/// Deletes up to `limit` lines from before an instant, the oldest first, and says how many there were.
#[derive(Debug)]
pub(crate) struct TrimAudit {
    pub(crate) before: Timestamp,
    pub(crate) limit: usize,
}

impl Verb for TrimAudit {
    type Reply = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        // Ids are made when the line is, and begin with that time.
        let before = JobId::from_parts(JobId::ms_at(self.before).max(0), 0, 0).as_i64();
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let old = tx.query(Sql::AuditEdge, &[before.into(), limit.into()]).await?.ints()?;
        if let Some(last) = old.last() {
            tx.execute(Sql::AuditTrim, &[(*last).into()]).await?;
        }
        Ok(old.len())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

/// Reads lines, the latest first.
#[derive(Debug)]
pub(crate) struct ListAudit {
    pub(crate) namespace: Arc<str>,
    pub(crate) filter: AuditFilter,
}

impl Verb for ListAudit {
    type Reply = Vec<AuditRecord>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<AuditRecord>, Error> {
        let filter = &self.filter;
        let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let (actor, action, target) =
            (text(&filter.actor), text(&filter.action), text(&filter.target));
        let rest: [Param<'_>; 5] = [
            filter.before.unwrap_or(i64::MAX).into(),
            actor.as_str().into(),
            action.as_str().into(),
            target.as_str().into(),
            i64::try_from(filter.limit).unwrap_or(i64::MAX).into(),
        ];
        let rows = if filter.everywhere {
            tx.query(Sql::AuditListAll, &rest).await?
        } else {
            let namespace: Param<'_> = (&*self.namespace).into();
            let params: Vec<Param<'_>> = [namespace].into_iter().chain(rest).collect();
            tx.query(Sql::AuditList, &params).await?
        };
        rows.read(line)
    }
}

fn line(row: &mut Row<'_>) -> Result<AuditRecord, Error> {
    Ok(AuditRecord {
        id: row.int()?,
        at: Timestamp::from_micros(row.int()?),
        namespace: row.text()?,
        actor: row.text()?,
        role: row.text()?,
        ip: row.opt_text()?,
        action: row.text()?,
        target: row.text()?,
        request_id: row.opt_text()?,
        detail: row.text()?,
    })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::queue::Queue;
    use crate::runtime::Clock;

    #[tokio::test]
    async fn a_trim_takes_the_oldest_and_no_more_than_it_may() {
        let clock = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000));
        let builder = Queue::builder().clock(clock.clone());
        let queue = builder.audit_retention(Duration::from_secs(60)).open("memory:").await.unwrap();
        for target in ["a", "b", "c"] {
            Actor::local().doing(queue.note_refused(target, "")).await.unwrap();
            clock.advance(Duration::from_secs(1));
        }
        clock.advance(Duration::from_secs(58));

        assert_eq!(queue.trim_audit(1).await.unwrap(), 1);
        let left = queue.audit(AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap();
        let left: Vec<&str> = left.iter().map(|line| line.target.as_str()).collect();
        assert_eq!(left, ["c", "b"]);
        assert_eq!(queue.trim_audit(10).await.unwrap(), 0);
    }
}
