//! Schedules as things: made, changed, paused, deleted, read. Ticks are fired in `fire.rs`.
//!
//! Invariant: whoever changes or fires a schedule takes its turn first, so that a pause or a change that has
//! committed holds for every tick after it.

use std::sync::Arc;

use crate::Error;
use crate::job::{
    Act, JobId, PauseOptions, PauseRecord, Schedule, ScheduleRecord, ScheduleSource, TickEnd,
    TickRecord, Timestamp,
};
use crate::protocol::{definition, read_definition};
use crate::store::driver::{Param, Row, Tx, Verb, Waits};
use crate::store::rows::instant;
use crate::store::settings;
use crate::store::statements::Sql;
use crate::store::{Expected, QueuePage, Shared};

/// A row of the table of schedules.
#[derive(Debug)]
pub(crate) struct ScheduleRow {
    pub(crate) id: i64,
    turn: i64,
    pub(crate) buffered_tick: Option<Timestamp>,
    pub(crate) namespace: String,
    pub(crate) name: String,
    version: i64,
    source: ScheduleSource,
    definition: String,
    pub(crate) created_at: Timestamp,
    pub(crate) next_tick: Option<Timestamp>,
    next_at: Option<Timestamp>,
    pub(crate) last_tick: Option<Timestamp>,
    pause: Option<PauseRecord>,
}

impl ScheduleRow {
    pub(crate) fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let (id, turn, buffered_tick) = (row.int()?, row.int()?, instant(row)?);
        let (namespace, name, version) = (row.text()?, row.text()?, row.int()?);
        let source = row.int()?;
        let source = ScheduleSource::from_code(source).ok_or_else(|| {
            Error::bug(format!("a row holds {source} as the source of a schedule"))
        })?;
        let (definition, created_at) = (row.text()?, Timestamp::from_micros(row.int()?));
        let (next_tick, next_at, last_tick) = (instant(row)?, instant(row)?, instant(row)?);
        let (since, until) = (instant(row)?, instant(row)?);
        let (reason, by) = (row.opt_text()?, row.opt_text()?);
        let pause = since.map(|since| PauseRecord { since, until, reason, by });
        Ok(Self {
            id,
            turn,
            buffered_tick,
            namespace,
            name,
            version,
            source,
            definition,
            created_at,
            next_tick,
            next_at,
            last_tick,
            pause,
        })
    }

    pub(super) async fn find<T: Tx>(
        tx: &mut T,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Self>, Error> {
        tx.query(Sql::ScheduleGet, &[namespace.into(), name.into()]).await?.first(Self::read)
    }

    pub(super) async fn locate<T: Tx>(
        tx: &mut T,
        (namespace, name): (&str, &str),
        shared: &Shared,
    ) -> Result<Self, Error> {
        shared.catalog.namespace(tx, namespace).await?;
        let found = Self::find(tx, namespace, name).await?;
        found.ok_or_else(|| Error::not_found(format!("schedule `{name}`")))
    }

    /// Keeps everybody else from changing or firing it until the commit, unless someone has since it was
    /// read.
    pub(super) async fn take_turn<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        match tx.execute(Sql::ScheduleTake, &[self.id.into(), self.turn.into()]).await? {
            0 => Err(Error::moved(format!("schedule `{}`", self.name))),
            _ => Ok(()),
        }
    }

    /// What repeats, when, and the job.
    pub(crate) fn schedule(&self) -> Result<Schedule, Error> {
        let wrong =
            |detail| Error::bug(format!("schedule `{}` is unreadable: {detail}", self.name));
        read_definition(&self.definition).map_err(wrong)
    }

    /// When someone has to look at it.
    pub(super) const fn next_at(&self) -> Option<Timestamp> {
        self.next_at
    }

    /// Whether only who declares it can fire it.
    pub(super) fn is_by_code(&self) -> Result<bool, Error> {
        Ok(self.schedule()?.is_by_code())
    }

    fn pause_at(&self, now: Timestamp) -> Option<&PauseRecord> {
        self.pause.as_ref().filter(|pause| pause.until.is_none_or(|until| until > now))
    }

    pub(crate) fn record(self, now: Timestamp) -> Result<ScheduleRecord, Error> {
        Ok(ScheduleRecord {
            schedule: self.schedule()?,
            paused: self.pause_at(now).cloned(),
            name: self.name,
            namespace: self.namespace,
            version: self.version,
            source: self.source,
            created_at: self.created_at,
            next_tick: self.next_tick,
            next_at: self.next_at,
            last_tick: self.last_tick,
        })
    }

    fn check_version(&self, expected: i64) -> Result<(), Error> {
        let (name, version) = (&self.name, self.version);
        if version == expected {
            return Ok(());
        }
        Err(Error::Conflict {
            code: "precondition_failed",
            message: format!(
                "schedule `{name}` has changed: it has version {version}, not {expected}"
            ),
        })
    }

    /// When someone has to look at it: when the tick is due, and not while it is paused.
    fn look_at(pause: Option<&PauseRecord>, due_at: Option<Timestamp>) -> Option<Timestamp> {
        match pause {
            None => due_at,
            Some(PauseRecord { until: None, .. }) => None,
            Some(PauseRecord { until: Some(until), .. }) => due_at.map(|due| due.max(*until)),
        }
    }
}

/// Makes a schedule, or changes what it is like.
#[derive(Debug)]
pub(crate) struct PutSchedule {
    pub(crate) id: i64,
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(crate) source: ScheduleSource,
    /// Not asked of code: it makes a schedule or changes its own, and leaves those of people alone.
    pub(crate) expected: Expected,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for PutSchedule {
    type Reply = ScheduleRecord;

    fn act(&self) -> Option<Act> {
        let action = match self.expected {
            Expected::New => "schedule.create",
            Expected::Any | Expected::Version(_) => "schedule.change",
        };
        Some(Act::new(&self.namespace, action, &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<ScheduleRecord, Error> {
        let mut namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let mut found = ScheduleRow::find(tx, &self.namespace, &self.name).await?;
        if found.is_none() {
            // One at a time makes what is not there, and nobody deletes the namespace meanwhile.
            settings::touch(tx).await?;
            namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
            found = ScheduleRow::find(tx, &self.namespace, &self.name).await?;
        }
        let definition =
            definition(&self.schedule).map_err(|refusal| Error::bug(refusal.message()))?;
        let name = &self.name;
        match (found, self.expected) {
            (None, _) if self.source == ScheduleSource::Code => {
                self.insert(tx, namespace_id, &definition).await?;
            }
            (None, Expected::New) => self.insert(tx, namespace_id, &definition).await?,
            (None, _) => return Err(Error::not_found(format!("schedule `{name}`"))),
            (Some(row), _) if self.source == ScheduleSource::Code => {
                if row.source == ScheduleSource::Api {
                    tracing::info!(schedule = %name, "kept as people have it, not as code declares it");
                } else if row.definition != definition {
                    self.define(tx, row, &definition).await?;
                }
            }
            (Some(_), Expected::New) => {
                return Err(Error::conflict(format!("schedule `{name}` exists already")));
            }
            (Some(row), expected) => {
                if let Expected::Version(version) = expected {
                    row.check_version(version)?;
                }
                self.define(tx, row, &definition).await?;
            }
        }
        let row = ScheduleRow::locate(tx, (&self.namespace, name), &self.shared).await?;
        row.record(self.now)
    }

    async fn landed<T: Tx>(&self, reply: &ScheduleRecord, tx: &mut T) -> Result<bool, Error> {
        let row = ScheduleRow::find(tx, &self.namespace, &self.name).await?;
        Ok(row.is_some_and(|row| row.version >= reply.version))
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl PutSchedule {
    async fn insert<T: Tx>(
        &self,
        tx: &mut T,
        namespace_id: i64,
        definition: &str,
    ) -> Result<(), Error> {
        let table = self.schedule.timetable(&self.name, self.now)?;
        let begins = self.schedule.start.map_or(self.now, |start| start.max(self.now));
        let first = match &table {
            Some(table) if self.schedule.run_on_start => {
                Some(begins).filter(|at| !table.is_over(*at))
            }
            Some(table) => table.next(self.now),
            None => None,
        };
        let due_at = first.zip(table).map(|(first, table)| table.due_at(first));
        let params = [
            self.id.into(),
            namespace_id.into(),
            self.name.as_str().into(),
            self.source.code().into(),
            i64::from(self.schedule.is_by_code()).into(),
            definition.into(),
            self.now.as_micros().into(),
            first.map(Timestamp::as_micros).into(),
            due_at.map(Timestamp::as_micros).into(),
        ];
        tx.execute(Sql::ScheduleInsert, &params).await?;
        tx.effects().schedules();
        Ok(())
    }

    async fn define<T: Tx>(
        &self,
        tx: &mut T,
        row: ScheduleRow,
        definition: &str,
    ) -> Result<(), Error> {
        row.take_turn(tx).await?;
        let (mut next_tick, mut next_at) = (row.next_tick, row.next_at);
        if let Some(table) = self.schedule.timetable(&self.name, row.created_at)? {
            if !self.schedule.ticks_like(&row.schedule()?) {
                // Ticks of the past stay what they were, also when the clock was set back.
                let passed = row.last_tick.map_or(self.now, |last| last.max(self.now));
                next_tick = table.next(passed);
            }
            let due_at = row.buffered_tick.or_else(|| next_tick.map(|next| table.due_at(next)));
            next_at = ScheduleRow::look_at(row.pause_at(self.now), due_at);
        }
        let params = [
            row.id.into(),
            (row.version + 1).into(),
            self.source.code().into(),
            i64::from(self.schedule.is_by_code()).into(),
            definition.into(),
            next_tick.map(Timestamp::as_micros).into(),
            next_at.map(Timestamp::as_micros).into(),
        ];
        tx.execute(Sql::ScheduleDefine, &params).await?;
        tx.effects().schedules();
        Ok(())
    }
}

/// Pauses a schedule, or with none ends the pause.
#[derive(Debug)]
pub(crate) struct PauseSchedule {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) pause: Option<PauseOptions>,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for PauseSchedule {
    type Reply = ScheduleRecord;

    fn act(&self) -> Option<Act> {
        let is_pause = self.pause.is_some();
        let action = if is_pause { "schedule.pause" } else { "schedule.resume" };
        let reason = self.pause.as_ref().and_then(|pause| pause.reason.as_deref());
        Some(Act::new(&self.namespace, action, &*self.name).detail(reason.unwrap_or_default()))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<ScheduleRecord, Error> {
        let place = (&*self.namespace, self.name.as_str());
        let row = ScheduleRow::locate(tx, place, &self.shared).await?;
        row.take_turn(tx).await?;
        let pause = self.pause.clone().map(|PauseOptions { until, reason, by }| PauseRecord {
            since: self.now,
            until,
            reason,
            by,
        });
        // A function elsewhere knows its jitter, which it has not.
        let table = row.schedule()?.timetable(&self.name, row.created_at)?;
        let due_at = row.next_tick.map(|tick| table.map_or(tick, |table| table.due_at(tick)));
        // What waits for earlier jobs to end is looked at as well.
        let due_at = row.buffered_tick.or(due_at);
        let next_at = ScheduleRow::look_at(pause.as_ref(), due_at);
        let micros = |at: Option<Timestamp>| Param::from(at.map(Timestamp::as_micros));
        let pause = pause.as_ref();
        let params = [
            row.id.into(),
            (row.version + 1).into(),
            micros(next_at),
            micros(pause.map(|pause| pause.since)),
            micros(pause.and_then(|pause| pause.until)),
            pause.and_then(|pause| pause.reason.as_deref()).into(),
            pause.and_then(|pause| pause.by.as_deref()).into(),
        ];
        tx.execute(Sql::SchedulePause, &params).await?;
        tx.effects().schedules();
        ScheduleRow::locate(tx, place, &self.shared).await?.record(self.now)
    }

    async fn landed<T: Tx>(&self, reply: &ScheduleRecord, tx: &mut T) -> Result<bool, Error> {
        let row = ScheduleRow::find(tx, &self.namespace, &self.name).await?;
        Ok(row.is_some_and(|row| row.version >= reply.version))
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Deletes a schedule with its history; its jobs stay.
#[derive(Debug)]
pub(crate) struct RemoveSchedule {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) expected: Option<i64>,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for RemoveSchedule {
    type Reply = ();

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "schedule.delete", &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let place = (&*self.namespace, self.name.as_str());
        let row = ScheduleRow::locate(tx, place, &self.shared).await?;
        if let Some(version) = self.expected {
            row.check_version(version)?;
        }
        row.take_turn(tx).await?;
        tx.execute(Sql::TickClear, &[row.id.into()]).await?;
        tx.execute(Sql::ScheduleDelete, &[row.id.into()]).await?;
        Ok(())
    }

    async fn landed<T: Tx>(&self, (): &(), tx: &mut T) -> Result<bool, Error> {
        Ok(ScheduleRow::find(tx, &self.namespace, &self.name).await?.is_none())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Reads schedules by name.
#[derive(Debug)]
pub(crate) struct ListSchedules {
    pub(crate) namespace: Arc<str>,
    pub(crate) page: QueuePage,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ListSchedules {
    type Reply = Vec<ScheduleRow>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<ScheduleRow>, Error> {
        if let Some(name) = &self.page.only {
            let row = ScheduleRow::locate(tx, (&self.namespace, name), &self.shared).await?;
            return Ok(vec![row]);
        }
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let limit = i64::try_from(self.page.limit).unwrap_or(i64::MAX);
        let params = [namespace_id.into(), self.page.after.as_str().into(), limit.into()];
        tx.query(Sql::ScheduleList, &params).await?.read(ScheduleRow::read)
    }
}

/// Reads the history of a schedule, the latest tick first.
#[derive(Debug)]
pub(crate) struct ListTicks {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) before: Option<Timestamp>,
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ListTicks {
    type Reply = Vec<TickRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<TickRecord>, Error> {
        let place = (&*self.namespace, self.name.as_str());
        let row = ScheduleRow::locate(tx, place, &self.shared).await?;
        let before = self.before.map_or(i64::MAX, Timestamp::as_micros);
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::TickList, &[row.id.into(), before.into(), limit.into()]).await?;
        rows.read(|row| {
            let tick = Timestamp::from_micros(row.int()?);
            let state = row.int()?;
            let end = TickEnd::from_code(state)
                .ok_or_else(|| Error::bug(format!("a row holds {state} as the state of a tick")))?;
            let at = Timestamp::from_micros(row.int()?);
            Ok(TickRecord { tick, end, at, job: row.opt_int()?.map(JobId::from_i64) })
        })
    }
}
