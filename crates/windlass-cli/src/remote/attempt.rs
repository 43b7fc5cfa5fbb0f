//! One attempt: a claimed job from its command to the answer to its report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::wire::{Claimed, Fault, Report, Wire, base64};
use super::{AWAY_WAIT, is_away};
use crate::exec::{self, Assignment, End};

/// A job that the server has to hear of in every heartbeat.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) token: String,
    stop: CancellationToken,
    is_given_up: AtomicBool,
}

impl Held {
    pub(super) fn new(job: &Claimed) -> Self {
        let (id, token) = (job.id.clone(), job.lease.token.clone());
        Self { id, token, stop: CancellationToken::new(), is_given_up: AtomicBool::new(false) }
    }

    /// A client asked for the end.
    pub(super) fn cancel(&self) {
        self.stop.cancel();
    }

    /// The worker stops, or the lease is lost: the attempt is not to count.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Release);
        self.stop.cancel();
    }

    fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Acquire)
    }
}

/// What an attempt needs.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) wire: Wire,
    pub(super) worker: String,
    pub(super) argv: Arc<[String]>,
    pub(super) held: Arc<Held>,
}

impl Attempt {
    /// Runs the command and reports; returns the token once nothing is left to do.
    pub(super) async fn run(self, job: Claimed) -> String {
        let outcome = match job.payload() {
            Ok(payload) => self.outcome(job, payload).await,
            Err(why) => failed(Some("undecodable"), format!("the payload cannot be read: {why}")),
        };
        self.report(outcome).await;
        self.held.token.clone()
    }

    /// Runs the command; what is to be reported.
    async fn outcome(&self, job: Claimed, payload: Vec<u8>) -> Report {
        let assignment = Assignment {
            id: job.id,
            kind: job.kind,
            queue: job.queue,
            attempt: job.attempt,
            payload,
            time_left: Duration::from_millis(job.timeout_ms),
        };
        let finished = exec::run(&self.argv, assignment, &self.held.stop).await;
        if !finished.lines.is_empty() {
            // A line that is lost is less bad than one that stands there twice.
            let sent = self.wire.log(&self.held.id, &self.held.token, &finished.lines).await;
            sent.unwrap_or_else(|failure| tracing::warn!("log lines not stored: {failure}"));
        }
        match finished.end {
            End::Completed(result) => completed(&result),
            _ if self.held.is_given_up() => Report::of("release"),
            End::Failed(why) => failed(None, why),
            End::Permanent(why) => failed(Some("permanent"), why),
            End::TimedOut => timed_out(job.timeout_ms),
        }
    }

    /// Reports until there is an answer: a report changes nothing twice.
    async fn report(&self, mut outcome: Report) {
        let mut wait = AWAY_WAIT.0;
        loop {
            let answer =
                self.wire.settle(&self.worker, (&self.held.id, &self.held.token), &outcome);
            match answer.await {
                Ok(item) if item.status == "invalid" && outcome.outcome == "complete" => {
                    let why = item.error.map(|error| error.message).unwrap_or_default();
                    let why = format!("the result could not be stored: {why}");
                    outcome = failed(Some("permanent"), why);
                    continue;
                }
                Ok(item) => {
                    if item.status != "applied" && item.status != "already_applied" {
                        tracing::warn!(job.id = self.held.id, "outcome refused: {}", item.status);
                    }
                    return;
                }
                Err(failure) if is_away(&failure) && !self.held.is_given_up() => {
                    tracing::warn!(job.id = self.held.id, "outcome not stored yet: {failure}");
                }
                Err(failure) => {
                    tracing::warn!(job.id = self.held.id, "outcome not stored: {failure}");
                    return;
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(AWAY_WAIT.1);
        }
    }
}

fn completed(result: &[u8]) -> Report {
    // Whoever writes no JSON has a result of bytes.
    match serde_json::from_slice::<Box<RawValue>>(result) {
        Ok(result) => Report { result: Some(result), ..Report::of("complete") },
        Err(_) => Report { result_base64: Some(base64(result)), ..Report::of("complete") },
    }
}

fn failed(class: Option<&'static str>, message: String) -> Report {
    Report { error: Some(Fault { class, message }), ..Report::of("fail") }
}

fn timed_out(timeout_ms: u64) -> Report {
    let span = windlass::format_duration(Duration::from_millis(timeout_ms));
    failed(Some("timeout"), format!("timed out after {span}"))
}
