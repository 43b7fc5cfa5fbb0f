//! The audit: lines beside what they tell of, in the same transaction.

use std::sync::Arc;

use crate::Error;
use crate::job::{Act, Actor, AuditFilter, AuditRecord, Timestamp};
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
