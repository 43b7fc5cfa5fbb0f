//! Pause: no claim that begins after its commit takes a job of what is paused. What runs goes on.

use std::sync::Arc;

use super::queues::QueueRow;
use crate::Error;
use crate::job::{Act, EventName, KindRecord, PauseOptions, PauseScope, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Param, Tx, Verb, Waits};
use crate::store::notes::Note;
use crate::store::settings;
use crate::store::statements::Sql;

/// Pauses, or ends a pause; says whether that changed anything.
#[derive(Debug)]
pub(crate) struct ChangePause {
    pub(crate) namespace: Arc<str>,
    pub(crate) scope: PauseScope,
    /// None ends the pause.
    pub(crate) pause: Option<PauseOptions>,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ChangePause {
    type Reply = bool;

    fn act(&self) -> Option<Act> {
        let (actions, target) = match &self.scope {
            PauseScope::Queue(queue) => (["queue.pause", "queue.resume"], queue.clone()),
            PauseScope::Kind(kind) => (["type.pause", "type.resume"], kind.clone()),
            PauseScope::KindInQueue { queue, kind } => {
                (["queue.pause", "queue.resume"], format!("{queue}/{kind}"))
            }
        };
        let action = actions[usize::from(self.pause.is_none())];
        let reason = self.pause.as_ref().and_then(|pause| pause.reason.as_deref());
        Some(Act::new(&self.namespace, action, target).detail(reason.unwrap_or_default()))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        settings::touch(tx).await?;
        let (queue, kind) = match &self.scope {
            PauseScope::Queue(queue) => (Some(queue), None),
            PauseScope::Kind(kind) => (None, Some(kind)),
            PauseScope::KindInQueue { queue, kind } => (Some(queue), Some(kind)),
        };
        let queue = match queue {
            Some(name) => Some(QueueRow::locate(tx, namespace_id, name).await?),
            None => None,
        };
        let kind_id = match kind {
            Some(name) => {
                let params = [namespace_id.into(), name.as_str().into()];
                let id = tx.query(Sql::KindGet, &params).await?.first_int()?;
                id.ok_or_else(|| Error::not_found(format!("type `{name}`")))?
            }
            None => 0,
        };
        let queue_id = queue.as_ref().map_or(0, |queue| queue.id);
        let place = [namespace_id, queue_id, kind_id].map(Param::Int);
        let ended = tx.execute(Sql::PauseRemove, &place).await? > 0;
        if let Some(pause) = &self.pause {
            let [namespace_id, queue_id, kind_id] = place;
            let until = pause.until.map(Timestamp::as_micros);
            let (reason, by) = (pause.reason.as_deref(), pause.by.as_deref());
            let (now, until) = (self.now.as_micros().into(), until.into());
            let row = [namespace_id, queue_id, kind_id, now, until, reason.into(), by.into()];
            tx.execute(Sql::PauseAdd, &row).await?;
        } else if ended {
            tx.effects().ready();
        }
        let changed = ended || self.pause.is_some();
        if changed {
            tx.effects().note(|| self.note(namespace_id));
        }
        if let Some(queue) = queue {
            queue.raise_version(tx).await?;
        }
        settings::remember(tx).await?;
        Ok(changed)
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl ChangePause {
    fn note(&self, namespace_id: i64) -> Note {
        let (queue, kind) = match &self.scope {
            PauseScope::Queue(queue) => (Some(queue), None),
            PauseScope::Kind(kind) => (None, Some(kind)),
            PauseScope::KindInQueue { queue, kind } => (Some(queue), Some(kind)),
        };
        let pause = self.pause.as_ref();
        let name = if pause.is_some() { EventName::QueuePaused } else { EventName::QueueResumed };
        let data = serde_json::json!({
            "queue": queue,
            "type": kind,
            "reason": pause.and_then(|pause| pause.reason.as_deref()),
            "until": pause.and_then(|pause| pause.until),
            "by": pause.and_then(|pause| pause.by.as_deref()),
        });
        Note::of(name, Some(namespace_id), &data)
    }
}

/// Reads the kinds of a namespace by name.
#[derive(Debug)]
pub(crate) struct ListKinds {
    pub(crate) namespace: Arc<str>,
    pub(crate) after: String,
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ListKinds {
    type Reply = Vec<KindRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<KindRecord>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let params = [namespace_id.into(), self.after.as_str().into(), limit.into()];
        let rows = tx.query(Sql::KindList, &params).await?;
        let rows = rows.read(|row| Ok((row.int()?, row.text()?)))?;
        let all = self.shared.settings.at(tx, None).await?;
        let paused = |id: i64| {
            let of_kind = |it: &&settings::Pause| it.queue_id == 0 && it.kind_id == id;
            all.pauses(self.now).find(of_kind).map(|pause| pause.record.clone())
        };
        Ok(rows.into_iter().map(|(id, name)| KindRecord { name, paused: paused(id) }).collect())
    }
}
