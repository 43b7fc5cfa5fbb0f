//! The handlers every server has: enough to try things out and to test clients.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, JobError, Worker};

/// Longest pause a job may ask for; its timeout is usually shorter.
const SLEEP_MS_MAX: u64 = 7 * 24 * 3600 * 1000;

/// Waits, and can be cancelled meanwhile.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "sleep", output = Slept)]
struct Sleep {
    ms: u64,
}

/// What `sleep` answers.
#[derive(Debug, Serialize, Deserialize)]
struct Slept {
    slept_ms: u64,
}

/// How `fail` and `error` fail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fault {
    message: Option<String>,
    permanent: bool,
}

/// Adds `echo`, `sleep`, `fail` and `error`.
pub(crate) fn handlers(worker: Worker<()>) -> Worker<()> {
    worker
        .handle_raw("echo", async |payload: Vec<u8>, _: Ctx| windlass::Ok(payload))
        .handle(sleep)
        .handle_raw("fail", fail)
        .handle_raw("error", fail)
}

async fn sleep(job: Sleep, ctx: Ctx) -> windlass::Result<Slept> {
    if job.ms > SLEEP_MS_MAX {
        return Err(JobError::permanent(format!("ms is {} (0 to {SLEEP_MS_MAX})", job.ms)));
    }
    tokio::select! {
        () = ctx.pause(Duration::from_millis(job.ms)) => Ok(Slept { slept_ms: job.ms }),
        () = ctx.cancelled() => Err("woken before its time".into()),
    }
}

async fn fail(payload: Vec<u8>, _: Ctx) -> windlass::Result<Vec<u8>> {
    let fault: Option<Fault> = serde_json::from_slice(&payload)
        .map_err(|error| JobError::permanent(format!("the payload cannot be read: {error}")))?;
    let fault = fault.unwrap_or_default();
    let message = fault.message.unwrap_or_else(|| "failed as asked".to_owned());
    Err(if fault.permanent { JobError::permanent(message) } else { message.into() })
}
