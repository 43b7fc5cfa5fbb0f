//! The sample jobs and what runs them: they pretend to work, fail and report as real ones would.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, JobError, LogLevel, NewJob, Overlap, Schedule, Worker};

/// An e-mail that the mail server refuses `refusals` times.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "demo.email", queue = "mail", max_attempts = 5, backoff = "1s..10s", timeout = "30s")]
pub(super) struct Email {
    pub(super) to: String,
    pub(super) refusals: u32,
}

/// A picture in another size.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "demo.resize", queue = "media", output = Resized, timeout = "1m")]
pub(super) struct Resize {
    pub(super) picture: String,
    pub(super) width: u32,
}

/// What `demo.resize` answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Resized {
    url: String,
}

/// A call to a server that is away `outages` times.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "demo.webhook", max_attempts = 6, backoff = "2s..20s", timeout = "10s")]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) outages: u32,
}

/// A message whose time comes later.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "demo.reminder", queue = "mail")]
pub(super) struct Reminder {
    pub(super) to: String,
}

/// A file that cannot be read until somebody mends it: every one becomes a dead letter, and succeeds when it is
/// retried by hand.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "demo.import", max_attempts = 2, backoff = "3s")]
pub(super) struct Import {
    pub(super) file: String,
}

/// As in its declaration: a later attempt is one that somebody asked for.
const IMPORT_ATTEMPTS: u32 = 2;

/// What a schedule makes.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "demo.digest", queue = "mail")]
struct Digest {}

/// Something long that tells how far it is.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "demo.report", queue = "reports", timeout = "5m")]
pub(super) struct Report {
    pub(super) pages: u32,
}

/// Adds the handlers of all sample jobs, and a schedule that ticks often enough to be watched.
pub(crate) fn handlers(worker: Worker<()>) -> Worker<()> {
    let digest_job = NewJob::new("demo.digest", "{}").queue("mail").tag("demo", "true");
    let schedule = Schedule::cron("*/15 * * * * *").overlap(Overlap::Skip).job(digest_job);
    let worker = worker.handle(email).handle(resize).handle(webhook).handle(remind);
    worker.handle(import).handle(report).handle(digest).schedule("demo-digest", schedule)
}

async fn email(job: Email, ctx: Ctx) -> windlass::Result {
    work(&ctx, 80).await?;
    if ctx.info().attempt <= job.refusals {
        return Err(format!("the mail server refused {}: 421 try again later", job.to).into());
    }
    Ok(())
}

async fn resize(job: Resize, ctx: Ctx) -> windlass::Result<Resized> {
    for (done, step) in [(0.0, "reading"), (0.3, "scaling"), (0.8, "writing")] {
        ctx.progress(done, step);
        work(&ctx, 250).await?;
    }
    Ok(Resized { url: format!("https://cdn.example.org/{}/{}", job.width, job.picture) })
}

async fn webhook(job: Webhook, ctx: Ctx) -> windlass::Result {
    work(&ctx, 120).await?;
    if ctx.info().attempt <= job.outages {
        return Err(format!("{} answered 503", job.url).into());
    }
    Ok(())
}

async fn remind(job: Reminder, ctx: Ctx) -> windlass::Result {
    tracing::debug!(to = job.to, "reminded");
    work(&ctx, 30).await
}

async fn import(job: Import, ctx: Ctx) -> windlass::Result {
    work(&ctx, 200).await?;
    if ctx.info().attempt > IMPORT_ATTEMPTS {
        ctx.log(LogLevel::Info, format!("{}: the column is there now", job.file));
        return Ok(());
    }
    ctx.log(LogLevel::Warn, format!("{}: 4 columns of 5", job.file));
    Err(format!("{}: column `total` is missing in line 1", job.file).into())
}

async fn digest(_: Digest, ctx: Ctx) -> windlass::Result {
    ctx.log(LogLevel::Info, "nothing new since the last one");
    work(&ctx, 400).await
}

async fn report(job: Report, ctx: Ctx) -> windlass::Result {
    for page in 0..job.pages {
        let done = f64::from(page) / f64::from(job.pages.max(1));
        ctx.progress(done, format!("page {} of {}", page + 1, job.pages));
        work(&ctx, 1500).await?;
    }
    Ok(())
}

/// Pretends to work, and stops when asked to.
async fn work(ctx: &Ctx, ms: u64) -> windlass::Result {
    tokio::select! {
        () = ctx.pause(Duration::from_millis(ms)) => Ok(()),
        () = ctx.cancelled() => Err(JobError::from("asked to stop")),
    }
}
