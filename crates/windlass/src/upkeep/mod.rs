//! Upkeep: what has to happen without anyone asking. No leader: every round is bounded, idempotent
//! and safe from any node.

mod admit;
mod expire;
mod fire;
mod fold;
mod gather;
mod operate;
mod promote;
mod prune;
mod relay;
mod rescue;
mod resolve;
mod sample;
mod tend;
mod turns;

pub(crate) use prune::prune_all;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::queue::Queue;
use crate::runtime::{Clock, Tasks};
use crate::store::Declared;
use crate::{Error, Timestamp};

/// Rows one round may touch: keeps its transaction short.
const ROUND_MAX: usize = 500;

/// Between two rounds of a loop that nothing has called: where something looks at the database all the
/// time and calls it, and where nothing does. Both are well below what `/health` allows.
const IDLE_WAIT: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(5));

/// First and longest wait after a failed round.
const ERROR_WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// When each loop last succeeded.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<BTreeMap<&'static str, Timestamp>>);

impl Health {
    fn succeeded(&self, name: &'static str, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, now);
    }

    pub(crate) fn last_successes(&self) -> Vec<(&'static str, Timestamp)> {
        let rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.iter().map(|(name, at)| (*name, *at)).collect()
    }
}

/// One kind of upkeep.
trait Round: Send + 'static {
    const NAME: &'static str;

    /// Does one bounded batch and says how long to wait for the next.
    fn tick(&mut self) -> impl Future<Output = Result<Duration, Error>> + Send;

    /// Waits for `pause`, or for news that make an earlier round worthwhile.
    fn pause(&mut self, pause: Duration) -> impl Future<Output = ()> + Send;

    /// A round failed.
    fn failed(&mut self) {}
}

fn idle_wait(queue: &Queue) -> Duration {
    if queue.store().is_watched() { IDLE_WAIT.0 } else { IDLE_WAIT.1 }
}

/// Starts every loop.
pub(crate) fn start(queue: &Queue, tasks: &Tasks, sweep: Duration, declared: &Arc<Declared>) {
    if queue.store().is_remote() {
        return;
    }
    let (of, declared) = (queue.clone(), Arc::clone(declared));
    supervise(queue, tasks, move || fire::Fire::new(&of, &declared));
    let of = queue.clone();
    supervise(queue, tasks, move || promote::Promote::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || rescue::Rescue::new(&of, sweep));
    let of = queue.clone();
    supervise(queue, tasks, move || expire::Expire::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || admit::Admit::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || resolve::Resolve::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || gather::Gather::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || relay::Relay::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || tend::Tend::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || sample::Sample::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || fold::Fold::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || prune::Prune::new(&of));
    let of = queue.clone();
    supervise(queue, tasks, move || operate::Operate::new(&of));
}

/// The upkeep of a process that runs no jobs; every [`Worker`](crate::Worker) does it as well.
#[derive(Debug)]
#[must_use = "keep it, and stop it at the end"]
pub struct RunningUpkeep(Tasks);

impl RunningUpkeep {
    /// Starts every loop.
    pub(crate) fn start(queue: &Queue, sweep: Duration) -> Self {
        let tasks = Tasks::default();
        start(queue, &tasks, sweep, &Arc::default());
        Self(tasks)
    }

    /// Ends the loops, and what they are in the middle of.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

/// One turn of everything that the loops do, without them: whatever is due by now is done.
#[cfg(feature = "testing")]
pub(crate) async fn turn(queue: &Queue, declared: &Arc<Declared>) -> Result<(), Error> {
    queue.store().rescue(ROUND_MAX).await?;
    exhaust(relay::Relay::new(queue)).await?;
    exhaust(fire::Fire::new(queue, declared)).await?;
    exhaust(expire::Expire::new(queue)).await?;
    exhaust(operate::Operate::new(queue)).await?;
    exhaust(resolve::Resolve::new(queue)).await?;
    exhaust(gather::Gather::new(queue)).await?;
    exhaust(promote::Promote::new(queue)).await?;
    exhaust(admit::Admit::new(queue)).await
}

#[cfg(feature = "testing")]
async fn exhaust(mut round: impl Round) -> Result<(), Error> {
    while round.tick().await?.is_zero() {}
    Ok(())
}

fn supervise<R: Round>(queue: &Queue, tasks: &Tasks, make: impl Fn() -> R + Send + 'static) {
    let clock = queue.clock().clone();
    let health = Arc::clone(queue.health());
    tasks.supervise(R::NAME, move |stop| run(make(), clock.clone(), Arc::clone(&health), stop));
}

async fn run<R: Round>(mut round: R, clock: Clock, health: Arc<Health>, stop: CancellationToken) {
    let mut error_wait = ERROR_WAIT.0;
    while !stop.is_cancelled() {
        let pause = match round.tick().await {
            Ok(pause) => {
                error_wait = ERROR_WAIT.0;
                health.succeeded(R::NAME, clock.now());
                pause
            }
            Err(error) => {
                tracing::warn!(upkeep = R::NAME, %error, "a round failed");
                round.failed();
                error_wait = (error_wait * 2).min(ERROR_WAIT.1);
                error_wait
            }
        };
        stop.run_until_cancelled(round.pause(pause)).await;
    }
}
