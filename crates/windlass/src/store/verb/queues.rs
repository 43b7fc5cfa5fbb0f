//! Queues as things with settings: read, list, create, change, delete.

use std::sync::Arc;

use crate::Error;
use crate::job::{Act, JobId, QueueRecord, QueueSettings, Timestamp};
use crate::store::driver::{Param, Row, Tx, Verb, Waits};
use crate::store::line::queue_line;
use crate::store::settings::{self, Kept, Settings, keep_column};
use crate::store::statements::Sql;
use crate::store::{Expected, QueuePage, Shared};

/// Reads every setting and pause.
#[derive(Debug)]
pub(crate) struct ReadSettings {
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ReadSettings {
    type Reply = Arc<Settings>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Arc<Settings>, Error> {
        self.shared.settings.at(tx, None).await
    }
}

/// A queue as its row says.
#[derive(Debug)]
pub(super) struct QueueRow {
    pub(super) id: i64,
    name: String,
    is_deleted: bool,
    kept: Kept,
}

impl QueueRow {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: row.int()?,
            name: row.text()?,
            is_deleted: row.opt_int()?.is_some_and(|deleted| deleted != 0),
            kept: Kept::read(row)?.unwrap_or_default(),
        })
    }

    /// The row of a queue's name, whether it was deleted or not.
    pub(super) async fn find<T: Tx>(
        tx: &mut T,
        namespace_id: i64,
        name: &str,
    ) -> Result<Option<Self>, Error> {
        tx.query(Sql::QueueFind, &[namespace_id.into(), name.into()]).await?.first(Self::read)
    }

    /// The row of a queue that is there.
    pub(super) async fn locate<T: Tx>(
        tx: &mut T,
        namespace_id: i64,
        name: &str,
    ) -> Result<Self, Error> {
        match Self::find(tx, namespace_id, name).await? {
            Some(row) if !row.is_deleted || is_used(tx, row.id).await? => Ok(row),
            _ => Err(Error::not_found(format!("queue `{name}`"))),
        }
    }

    /// Writes settings under the next version.
    async fn write<T: Tx>(
        &self,
        tx: &mut T,
        settings: &QueueSettings,
        is_deleted: bool,
    ) -> Result<(), Error> {
        let backoff = settings.backoff.as_ref().map(json).transpose()?;
        let ttl = settings.ttl.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        let retention = &settings.retention;
        let rate = settings.rate.as_ref().map(json).transpose()?;
        let fair = settings.fair.as_ref().map(json).transpose()?;
        let params: [Param<'_>; 14] = [
            self.id.into(),
            (self.kept.version + 1).into(),
            i64::from(is_deleted).into(),
            ttl.into(),
            settings.retries.map(|retries| retries.saturating_add(1)).into(),
            backoff.as_deref().into(),
            settings.max_depth.into(),
            keep_column(retention.completed).into(),
            keep_column(retention.failed).into(),
            keep_column(retention.dead_letter).into(),
            keep_column(retention.cancelled).into(),
            settings.concurrency.into(),
            rate.as_deref().into(),
            fair.as_deref().into(),
        ];
        tx.execute(Sql::QueueSettingRemove, &[self.id.into()]).await?;
        tx.execute(Sql::QueueSettingAdd, &params).await?;
        if settings.concurrency.is_some() || settings.rate.is_some() {
            // What claims of the queue lock.
            let line = queue_line(self.id);
            let bucket = [line.as_str().into(), Param::Int(0), Param::Int(0), Param::Null];
            tx.execute(Sql::BucketPut, &bucket).await?;
        }
        Ok(())
    }

    /// Raises the version without a change of settings.
    pub(super) async fn raise_version<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        self.write(tx, &self.kept.settings, false).await
    }

    fn record(self, namespace: &str, all: &Settings, now: Timestamp) -> QueueRecord {
        let of_queue = all.pauses(now).filter(|pause| pause.queue_id == self.id);
        let (mut paused, mut paused_kinds) = (None, Vec::new());
        for pause in of_queue {
            match &pause.kind {
                Some(kind) => paused_kinds.push((kind.clone(), pause.record.clone())),
                None => paused = Some(pause.record.clone()),
            }
        }
        paused_kinds.sort_by(|(one, _), (other, _)| one.cmp(other));
        QueueRecord {
            name: self.name,
            namespace: namespace.to_owned(),
            settings: self.kept.settings,
            version: self.kept.version,
            paused,
            paused_kinds,
        }
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::bug(format!("a setting cannot be written: {error}")))
}

pub(super) async fn is_used<T: Tx>(tx: &mut T, queue_id: i64) -> Result<bool, Error> {
    Ok(!tx.query(Sql::QueueUsed, &[queue_id.into()]).await?.is_empty())
}

/// Reads queues by name.
#[derive(Debug)]
pub(crate) struct ListQueues {
    pub(crate) namespace: Arc<str>,
    pub(crate) page: QueuePage,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ListQueues {
    type Reply = Vec<QueueRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<QueueRecord>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let limit = i64::try_from(self.page.limit).unwrap_or(i64::MAX);
        let rows = match &self.page.only {
            Some(name) => QueueRow::locate(tx, namespace_id, name).await.map(|row| vec![row])?,
            None => {
                let after = self.page.after.as_str().into();
                let params = [namespace_id.into(), after, limit.into()];
                tx.query(Sql::QueueList, &params).await?.read(QueueRow::read)?
            }
        };
        let all = self.shared.settings.at(tx, None).await?;
        Ok(rows.into_iter().map(|row| row.record(&self.namespace, &all, self.now)).collect())
    }
}

/// Since when the first of the jobs of a queue that can run has been able to.
#[derive(Debug)]
pub(crate) struct OldestPending {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for OldestPending {
    type Reply = Option<Timestamp>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Option<Timestamp>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = QueueRow::locate(tx, namespace_id, &self.name).await?;
        let rows = tx.query(Sql::QueueOldest, &[row.id.into()]).await?;
        let seq = rows.first(|row: &mut Row<'_>| Row::opt_int(row))?.flatten();
        Ok(seq.map(|seq| JobId::from_i64(seq).made_at()))
    }
}

/// Creates a queue, or changes its settings.
#[derive(Debug)]
pub(crate) struct PutQueue {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) settings: QueueSettings,
    pub(crate) expected: Expected,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for PutQueue {
    type Reply = QueueRecord;

    fn act(&self) -> Option<Act> {
        let action = match self.expected {
            Expected::New => "queue.create",
            Expected::Any | Expected::Version(_) => "queue.change",
        };
        Some(Act::new(&self.namespace, action, &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<QueueRecord, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        settings::touch(tx).await?;
        let row = match self.expected {
            Expected::New => self.make(tx, namespace_id).await?,
            Expected::Any => QueueRow::locate(tx, namespace_id, &self.name).await?,
            Expected::Version(version) => {
                let row = QueueRow::locate(tx, namespace_id, &self.name).await?;
                check_version(&row, version)?;
                row
            }
        };
        row.write(tx, &self.settings, false).await?;
        let all = settings::remember(tx).await?;
        let row = QueueRow::locate(tx, namespace_id, &self.name).await?;
        Ok(row.record(&self.namespace, &all, self.now))
    }

    async fn landed<T: Tx>(&self, reply: &QueueRecord, tx: &mut T) -> Result<bool, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = QueueRow::find(tx, namespace_id, &self.name).await?;
        Ok(row.is_some_and(|row| row.kept.version >= reply.version))
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl PutQueue {
    /// A queue of this name that was not there before.
    async fn make<T: Tx>(&self, tx: &mut T, namespace_id: i64) -> Result<QueueRow, Error> {
        let name = self.name.as_str();
        if QueueRow::locate(tx, namespace_id, name).await.is_ok() {
            return Err(Error::conflict(format!("queue `{name}` exists already")));
        }
        tx.execute(Sql::QueueAdd, &[namespace_id.into(), name.into()]).await?;
        let row = QueueRow::find(tx, namespace_id, name).await?;
        row.ok_or_else(|| Error::bug(format!("queue `{name}` was made and is not there")))
    }
}

fn check_version(row: &QueueRow, expected: i64) -> Result<(), Error> {
    let (name, version) = (&row.name, row.kept.version);
    if version == expected {
        return Ok(());
    }
    Err(Error::Conflict {
        code: "precondition_failed",
        message: format!("queue `{name}` has changed: it has version {version}, not {expected}"),
    })
}

/// Deletes a queue without jobs: its settings and pauses go, and it is no longer listed.
#[derive(Debug)]
pub(crate) struct RemoveQueue {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) expected: Option<i64>,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for RemoveQueue {
    type Reply = ();

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "queue.delete", &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        settings::touch(tx).await?;
        let row = QueueRow::locate(tx, namespace_id, &self.name).await?;
        if let Some(version) = self.expected {
            check_version(&row, version)?;
        }
        if is_used(tx, row.id).await? {
            let name = &self.name;
            return Err(Error::conflict(format!(
                "queue `{name}` holds jobs: purge it first, or delete it with force"
            )));
        }
        // Its id stays: other processes may be about to store a job under it, and that is not lost.
        row.write(tx, &QueueSettings::default(), true).await?;
        let all = self.shared.settings.at(tx, None).await?;
        for pause in all.pauses(Timestamp::from_micros(0)).filter(|it| it.queue_id == row.id) {
            let params = [pause.namespace_id, pause.queue_id, pause.kind_id].map(Param::Int);
            tx.execute(Sql::PauseRemove, &params).await?;
        }
        settings::remember(tx).await?;
        Ok(())
    }

    async fn landed<T: Tx>(&self, (): &(), tx: &mut T) -> Result<bool, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = QueueRow::find(tx, namespace_id, &self.name).await?;
        Ok(row.is_none_or(|row| row.is_deleted))
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}
