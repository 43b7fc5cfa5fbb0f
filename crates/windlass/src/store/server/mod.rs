//! Databases in servers of their own: lanes of connections, each a group commit, and a watch that
//! looks for what other processes did.

mod lane;
#[cfg(test)]
mod pretended;
mod session;
mod watch;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub(crate) use self::lane::Lane as CallLane;
pub(crate) use self::session::{Mode, Server, Session, Trouble};
use super::driver::{Driver, Lane, Verb};
use super::floors::Floors;
use super::verb;
use super::within::Dialect;
use super::{Reply, Shared};
use crate::runtime::{Clock, Tasks, at_most};
use crate::{Error, JobId, Timestamp};

/// Connections for reading, at most: enough to keep two cores busy beside the writers.
const READERS: usize = 2;

/// Longest time a server may take to accept a connection, or to answer the first question on it.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Waits for a server's answer in bounded time.
pub(crate) fn answered<'a, T: 'a>(
    work: impl Future<Output = Result<T, Error>> + Send + 'a,
) -> Reply<'a, T> {
    let silent = || {
        let seconds = ANSWER_MAX.as_secs();
        Err(Error::unavailable(format!("the database server says nothing for {seconds} s")))
    };
    let work = Box::pin(work);
    Box::pin(async move { at_most(ANSWER_MAX, work).await.unwrap_or_else(silent) })
}
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
    heartbeat: CallLane<S>,
    upkeep: CallLane<S>,
    /// What may take seconds and must hold up nobody.
    days: CallLane<S>,
    read: Arc<CallLane<S>>,
}

impl<S: Server> ServerDriver<S> {
    /// Starts the lanes over a server that was found fit, and asks it for its time before anything is
    /// done by a clock that may be hours off.
    pub(crate) async fn start(server: S, clock: &Clock) -> Result<Self, Error> {
        let server = Arc::new(server);
        let shared = Arc::new(Shared { floors: Floors::enabled(), ..Shared::default() });
        let tasks = Tasks::default();
        let lane = |mode, connections| CallLane::start(&server, mode, connections, &shared, &tasks);
        let read = Arc::new(lane(Mode::Read, READERS));
        let driver = Self {
            enqueue: lane(Mode::Write, 1),
            claim: lane(Mode::Write, 1),
            settle: lane(Mode::Write, 1),
            heartbeat: lane(Mode::Write, 1),
            upkeep: lane(Mode::Write, 1),
            days: lane(Mode::Write, 1),
            read: Arc::clone(&read),
            server: Arc::clone(&server),
            shared: Arc::clone(&shared),
            tasks: tasks.clone(),
            failed: CancellationToken::new(),
        };
        let asked = Clock::reading();
        match driver.read(verb::Watch).await {
            Ok(seen) => {
                clock.anchor(asked, seen.now);
                let until = Timestamp::from_micros(seen.watched_until.unwrap_or(0));
                driver.shared.watching.learn(until);
            }
            Err(error) => {
                driver.close().await;
                return Err(error);
            }
        }
        watch::start(&tasks, read, shared, clock.clone());
        Ok(driver)
    }

    /// Starts what else the server needs beside its lanes.
    #[cfg(feature = "postgres")]
    pub(crate) fn with(&self, start: impl FnOnce(&Tasks, &Arc<Shared>)) {
        start(&self.tasks, &self.shared);
    }
}

impl<S: Server> Driver for ServerDriver<S> {
    const FOLDS: bool = true;
    const IS_WATCHED: bool = true;

    async fn write<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        let lane = match V::LANE {
            Lane::Enqueue => &self.enqueue,
            Lane::Claim => &self.claim,
            Lane::Settle => &self.settle,
            Lane::Heartbeat => &self.heartbeat,
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
        let reporting = [&self.settle, &self.heartbeat];
        let others = [&self.enqueue, &self.claim, &self.upkeep, &self.days, &*self.read];
        for lane in others.into_iter().chain(reporting) {
            lane.stop().await;
        }
        self.tasks.stop().await;
    }
}
