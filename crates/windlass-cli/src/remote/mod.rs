//! A worker that speaks the worker protocol: claims over HTTP, runs a command for each job, reports.
//!
//! Invariant: a job is listed in every heartbeat from its claim until its report was answered; when nobody has
//! renewed its lease for most of its length, its command is ended before somebody else is given the job.

mod attempt;
mod wire;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use self::attempt::{Attempt, Held};
use self::wire::{ClaimReply, Claimed, Registered, Wire};
use crate::client::Server;
use crate::cmd::worker::{RunArgs, say_stopping, stopped_at_once};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::serve::signals::Signals;

/// First and longest wait before a server that is away is asked again.
const AWAY_WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Longest wait of one claim.
const CLAIM_WAIT: Duration = Duration::from_secs(30);

/// Least time that a heartbeat is given.
const BEAT_TIME_MIN: Duration = Duration::from_millis(500);

/// How long a stop tells the server about the end.
const LEAVE_TIME: Duration = Duration::from_secs(4);

type Claiming = Pin<Box<dyn Future<Output = Result<ClaimReply, Failure>> + Send>>;

/// A worker at work.
struct Remote<'a> {
    wire: Wire,
    args: &'a RunArgs,
    argv: Arc<[String]>,
    registered: Registered,
    renewed_at: Instant,
    held: HashMap<String, Arc<Held>>,
    attempts: JoinSet<String>,
    claiming: Option<Claiming>,
    claim_wait: Duration,
    is_quiet: bool,
    is_draining: bool,
}

/// Works for `server` until a signal or an operator ends it.
pub(crate) async fn run(
    server: Arc<Server>,
    args: &RunArgs,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let wire = Wire(server);
    let registered = tokio::select! {
        _ = signals.next() => return Ok(()),
        registered = register(&wire, args) => registered?,
    };
    output::say(&format!("worker {} runs `{}`", registered.worker_id, args.argv[0]));
    let mut remote = Remote {
        wire,
        args,
        argv: args.argv.clone().into(),
        registered,
        renewed_at: Instant::now(),
        held: HashMap::new(),
        attempts: JoinSet::new(),
        claiming: None,
        claim_wait: AWAY_WAIT.0,
        is_quiet: false,
        is_draining: false,
    };
    remote.work(signals).await?;
    let hurried = remote.drain(signals).await;
    let leave = remote.wire.leave(&remote.registered.worker_id);
    // Without a farewell the lease runs out instead.
    drop(tokio::time::timeout(LEAVE_TIME, leave).await);
    hurried.map_or(Ok(()), |exit| Err(stopped_at_once(exit)))
}

/// Registers, and waits for a server that is away.
async fn register(wire: &Wire, args: &RunArgs) -> Result<Registered, Failure> {
    let mut wait = AWAY_WAIT.0;
    loop {
        match wire.register(args).await {
            Err(failure) if is_away(&failure) => tracing::warn!("cannot register yet: {failure}"),
            done => return done,
        }
        sleep(wait).await;
        wait = (wait * 2).min(AWAY_WAIT.1);
    }
}

pub(super) fn is_away(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::Unreachable | Exit::Timeout)
}

fn is_expired(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::NotFound | Exit::Conflict)
}

impl Remote<'_> {
    /// Until the first signal, or an operator's request.
    async fn work(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        let mut beat = self.beat();
        while !self.is_draining {
            self.claim_if_free();
            tokio::select! {
                _ = signals.next() => self.is_draining = true,
                _ = beat.tick() => {
                    if self.heartbeat().await {
                        self.start_over(signals).await?;
                        beat = self.beat();
                    }
                }
                reply = claimed(&mut self.claiming) => {
                    self.claiming = None;
                    if self.take(reply) {
                        self.start_over(signals).await?;
                        beat = self.beat();
                    }
                }
                Some(done) = self.attempts.join_next() => self.forget(done),
            }
        }
        // Whatever is handed out to a claim that nobody waits for goes back at once, uncounted.
        self.claiming = None;
        Ok(())
    }

    /// Lets commands finish, then ends them; a signal ends them now.
    async fn drain(&mut self, signals: &mut Signals) -> Option<Exit> {
        if !self.attempts.is_empty() {
            say_stopping(self.args.shutdown_timeout);
        }
        let mut beat = self.beat();
        let (mut hurried, mut is_over) = (None, false);
        let end = Instant::now() + self.args.shutdown_timeout;
        while !self.attempts.is_empty() {
            tokio::select! {
                exit = signals.next(), if hurried.is_none() => {
                    hurried = Some(exit);
                    self.give_up();
                }
                () = sleep_until(end), if !is_over => {
                    is_over = true;
                    self.give_up();
                }
                _ = beat.tick() => {
                    if self.heartbeat().await {
                        self.give_up();
                    }
                }
                Some(done) = self.attempts.join_next() => self.forget(done),
            }
        }
        hurried
    }

    fn beat(&self) -> tokio::time::Interval {
        let mut beat = interval(Duration::from_millis(self.registered.heartbeat_ms.max(100)));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat
    }

    fn claim_if_free(&mut self) {
        let free = usize::from(self.args.concurrency).saturating_sub(self.held.len());
        if free == 0 || self.is_quiet || self.claiming.is_some() {
            return;
        }
        let (wire, worker) = (self.wire.clone(), self.registered.worker_id.clone());
        let pause = if self.claim_wait > AWAY_WAIT.0 { self.claim_wait } else { Duration::ZERO };
        self.claiming = Some(Box::pin(async move {
            sleep(pause).await;
            wire.claim(&worker, free, CLAIM_WAIT).await
        }));
    }

    /// Starts what was claimed; true when the worker has to register anew.
    fn take(&mut self, reply: Result<ClaimReply, Failure>) -> bool {
        match reply {
            Ok(reply) => {
                self.claim_wait = AWAY_WAIT.0;
                if reply.jobs.is_empty() {
                    // A server that stops answers early, again and again.
                    self.claim_wait *= 2;
                }
                self.renewed_at = Instant::now();
                reply.jobs.into_iter().for_each(|job| self.start(job));
                self.obey(&reply.cancel, &reply.state);
                false
            }
            Err(failure) if is_expired(&failure) => true,
            Err(failure) => {
                tracing::warn!("claim failed: {failure}");
                self.claim_wait = (self.claim_wait * 2).min(AWAY_WAIT.1);
                false
            }
        }
    }

    fn start(&mut self, job: Claimed) {
        let held = Arc::new(Held::new(&job));
        self.held.insert(held.token.clone(), Arc::clone(&held));
        let attempt = Attempt {
            wire: self.wire.clone(),
            worker: self.registered.worker_id.clone(),
            argv: Arc::clone(&self.argv),
            held,
        };
        self.attempts.spawn(attempt.run(job));
    }

    fn forget(&mut self, done: Result<String, tokio::task::JoinError>) {
        match done {
            Ok(token) => drop(self.held.remove(&token)),
            Err(error) => tracing::error!(%error, "an attempt ended in an unexpected way"),
        }
    }

    /// Lists what is held; true when the server does not know the worker any more.
    async fn heartbeat(&mut self) -> bool {
        let sent_at = Instant::now();
        let worker = self.registered.worker_id.clone();
        // One that hangs leaves time to end the commands before the lease is over.
        let time = Duration::from_millis(self.registered.heartbeat_ms / 2).max(BEAT_TIME_MIN);
        match self.wire.heartbeat(&worker, self.held.values(), time).await {
            Ok(reply) => {
                self.renewed_at = sent_at;
                for held in self.held.values().filter(|held| reply.lost.contains(&held.id)) {
                    held.give_up();
                }
                self.obey(&reply.cancel, &reply.state);
                false
            }
            Err(failure) if is_expired(&failure) => true,
            Err(failure) => {
                tracing::warn!("heartbeat failed: {failure}");
                let lease = Duration::from_millis(self.registered.lease_ms);
                if self.renewed_at.elapsed() > lease / 2 {
                    self.give_up();
                }
                false
            }
        }
    }

    fn obey(&mut self, cancel: &[String], state: &str) {
        for held in self.held.values().filter(|held| cancel.contains(&held.id)) {
            held.cancel();
        }
        self.is_quiet |= state != "run";
        self.is_draining |= state == "terminate";
    }

    fn give_up(&self) {
        self.held.values().for_each(|held| held.give_up());
    }

    /// The identity is gone: its commands end, and what they report may still count.
    async fn start_over(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        tracing::warn!(worker = self.registered.worker_id, "silent for too long: jobs are lost");
        self.give_up();
        self.claiming = None;
        while let Some(done) = self.attempts.join_next().await {
            self.forget(done);
        }
        tokio::select! {
            _ = signals.next() => self.is_draining = true,
            registered = register(&self.wire, self.args) => self.registered = registered?,
        }
        self.renewed_at = Instant::now();
        Ok(())
    }
}

async fn claimed(claiming: &mut Option<Claiming>) -> Result<ClaimReply, Failure> {
    match claiming {
        Some(claiming) => claiming.await,
        None => std::future::pending().await,
    }
}
