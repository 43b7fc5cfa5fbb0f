//! Databases in servers of their own: lanes of connections, each a group commit, and a watch that
//! looks for what other processes did.

mod lane;
mod session;
mod watch;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub(crate) use self::lane::Lane as CallLane;
pub(crate) use self::session::{Mode, Server, Session, Trouble};
use super::Shared;
use super::driver::{Driver, Lane, Verb};
use super::floors::Floors;
use super::verb;
use super::within::Dialect;
use crate::runtime::{Clock, Tasks};
use crate::{Error, JobId, Timestamp};

/// Connections for reading, at most: enough to keep two cores busy beside the writers.
const READERS: usize = 2;

const MS_PER_DAY: i64 = 24 * 3600 * 1000;

/// A day is looked at when even its last job can have been kept for so long: the default for jobs that
/// completed.
const SHORTEST_MS: i64 = MS_PER_DAY;

/// An open database server.
pub(crate) struct ServerDriver<S: Server> {
    server: Arc<S>,
    shared: Arc<Shared>,
    tasks: Tasks,
    /// Never trips: a server says itself when it can no longer be trusted.
    failed: CancellationToken,
    enqueue: CallLane<S>,
    claim: CallLane<S>,
    settle: CallLane<S>,
    upkeep: CallLane<S>,
    /// What may take seconds and must hold up nobody.
    days: CallLane<S>,
    read: Arc<CallLane<S>>,
}

impl<S: Server> ServerDriver<S> {
    /// Starts the lanes over a server that was found fit.
    pub(crate) fn start(server: S, clock: &Clock) -> Self {
        let server = Arc::new(server);
        let shared = Arc::new(Shared { floors: Floors::enabled(), ..Shared::default() });
        let tasks = Tasks::default();
        let lane = |mode, connections| CallLane::start(&server, mode, connections, &shared, &tasks);
        let read = Arc::new(lane(Mode::Read, READERS));
        let driver = Self {
            enqueue: lane(Mode::Write, 1),
            claim: lane(Mode::Write, 1),
            settle: lane(Mode::Write, 1),
            upkeep: lane(Mode::Write, 1),
            days: lane(Mode::Write, 1),
            read: Arc::clone(&read),
            server: Arc::clone(&server),
            shared: Arc::clone(&shared),
            tasks: tasks.clone(),
            failed: CancellationToken::new(),
        };
        watch::start(&tasks, read, shared, clock.clone());
        driver
    }

    /// Asks the database for its time before anything is done by a clock that may be hours off.
    pub(crate) async fn take_time(&self, clock: &Clock) -> Result<(), Error> {
        let asked = Clock::reading();
        clock.anchor(asked, self.read.run(verb::Watch).await?.now);
        Ok(())
    }

    /// Starts what else the server needs beside its lanes.
    pub(crate) fn with(&self, start: impl FnOnce(&Tasks, &Arc<Shared>)) {
        start(&self.tasks, &self.shared);
    }
}

impl<S: Server> Driver for ServerDriver<S> {
    const FOLDS: bool = true;

    async fn write<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        let lane = match V::LANE {
            Lane::Enqueue => &self.enqueue,
            Lane::Claim => &self.claim,
            Lane::Settle => &self.settle,
            Lane::Upkeep => &self.upkeep,
        };
        lane.run(verb).await
    }

    async fn read<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        self.read.run(verb).await
    }

    async fn make_days(&self, first: i64) -> Result<Option<i64>, Error> {
        match self.server.days() {
            None => Ok(None),
            Some(ahead) => {
                let last = first + ahead;
                self.enqueue.run(verb::AddDays { first, last }).await?;
                Ok(Some(last))
            }
        }
    }

    async fn drop_days(&self, now: Timestamp) -> Result<Option<usize>, Error> {
        if self.server.days().is_none() {
            return Ok(None);
        }
        let before = (JobId::ms_at(now) - SHORTEST_MS) / MS_PER_DAY;
        let mut gone = 0;
        for day in self.days.run(verb::ListDays { before }).await? {
            gone += self.days.run(verb::DropDay { day, now }).await?.unwrap_or(0);
        }
        Ok(Some(gone))
    }

    fn dialect(&self) -> Dialect {
        self.server.dialect()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    async fn check_files(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    async fn close(&self) {
        self.tasks.cancel();
        for lane in
            [&self.enqueue, &self.claim, &self.settle, &self.upkeep, &self.days, &*self.read]
        {
            lane.stop().await;
        }
        self.tasks.stop().await;
    }
}
