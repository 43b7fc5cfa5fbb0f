//! Handlers whose every attempt does what the test wrote down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use windlass::{Ctx, JobError, JobId, Worker};

/// What one attempt does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Completes with these bytes.
    Complete(&'static str),
    /// Fails; another attempt may follow.
    Fail(&'static str),
    /// Fails for good.
    FailForGood(&'static str),
    /// Fails, and asks for the next attempt after this time.
    RetryAfter(Duration),
    /// Puts itself off.
    Snooze(Duration),
    /// Was told to slow down.
    RateLimited(Duration),
    /// Was told that everybody with this rate key should slow down.
    Slow(&'static str, Duration),
    /// Cancels itself.
    Cancel(&'static str),
    /// Panics.
    Panic(&'static str),
    /// Tells progress, then waits until it is released or stopped; completes either way.
    Wait,
    /// Waits until it is stopped, then fails.
    WaitForStop,
    /// Never ends and ignores every request to stop.
    Hang,
}

/// The acts to come and the attempts so far. When the acts run out, attempts complete.
#[derive(Debug, Clone)]
pub struct Script {
    acts: Arc<Mutex<VecDeque<Act>>>,
    ran: Arc<watch::Sender<Vec<(JobId, u32)>>>,
    gate: Arc<Semaphore>,
}

#[expect(clippy::missing_panics_doc, reason = "a test helper: panics are its way to fail")]
impl Script {
    /// A script of these acts, one per attempt, in the order in which attempts start.
    pub fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            acts: Arc::new(Mutex::new(acts.into_iter().collect())),
            ran: Arc::new(watch::Sender::new(Vec::new())),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    /// Every attempt completes.
    pub fn completing() -> Self {
        Self::new([])
    }

    /// Job and number of every attempt that started, in that order.
    pub fn ran(&self) -> Vec<(JobId, u32)> {
        self.ran.borrow().clone()
    }

    /// Jobs in the order in which their attempts started.
    pub fn order(&self) -> Vec<JobId> {
        self.ran.borrow().iter().map(|(job, _)| *job).collect()
    }

    /// Waits until `attempts` attempts have started in all.
    pub async fn started(&self, attempts: usize) {
        let mut ran = self.ran.subscribe();
        let waiting = ran.wait_for(|ran| ran.len() >= attempts);
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok(), "only {} of {attempts} attempts started", self.ran().len());
    }

    /// Lets one waiting attempt go on.
    pub fn release(&self) {
        self.gate.add_permits(1);
    }

    fn next(&self, ctx: &Ctx<Self>) -> Act {
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        let act = acts.pop_front().unwrap_or(Act::Complete("null"));
        self.ran.send_modify(|ran| ran.push((ctx.info().id, ctx.info().attempt)));
        act
    }
}

/// A worker whose kinds `mail` and `other` act out `script`.
pub fn scripted(worker: Worker<()>, script: &Script) -> Worker<Script> {
    worker
        .state(script.clone())
        .seed(7)
        .prefetch(0)
        .handle_raw("mail", act)
        .handle_raw("other", act)
}

#[expect(clippy::panic, reason = "some attempts are to panic")]
async fn act(_: Vec<u8>, ctx: Ctx<Script>) -> Result<Vec<u8>, JobError> {
    match ctx.state().next(&ctx) {
        Act::Complete(result) => Ok(result.into()),
        Act::Fail(message) => Err(message.into()),
        Act::FailForGood(message) => Err(JobError::permanent(message)),
        Act::RetryAfter(wait) => Err(JobError::retry_after(wait, "busy")),
        Act::Snooze(delay) => Err(JobError::snooze(delay)),
        Act::RateLimited(delay) => Err(JobError::rate_limited(delay)),
        Act::Slow(key, delay) => Err(JobError::rate_limited_by(key, delay)),
        Act::Cancel(reason) => Err(JobError::cancel(reason)),
        Act::Panic(message) => panic!("{message}"),
        Act::Wait => {
            ctx.progress(0.5, "half way");
            tokio::select! {
                permit = ctx.state().gate.acquire() => permit.expect("never closed").forget(),
                () = ctx.cancelled() => {}
            }
            Ok(b"null".to_vec())
        }
        Act::WaitForStop => {
            ctx.cancelled().await;
            Err("stopped".into())
        }
        Act::Hang => std::future::pending().await,
    }
}
