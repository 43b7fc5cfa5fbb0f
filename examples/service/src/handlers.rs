//! What the jobs do.

use std::sync::Arc;
use std::time::Duration;

use windlass::{CatchUp, Ctx, JobError, LogLevel, NewJob, Schedule, Timestamp, Worker};
use windlass_server::Observer;

use crate::jobs::{CallPartner, Email, Notify, Report};
use crate::mail::{MailError, Mailer};
use crate::{Config, Shop};

/// What every handler is given.
#[derive(Debug)]
pub struct App {
    shop: Shop,
    mailer: Mailer,
    http: reqwest::Client,
}

/// How long a partner may take.
const PARTNER_ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A day in microseconds.
const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// How often lost jobs are looked for, as a part of the lease.
const SWEEPS_PER_LEASE: u32 = 6;

/// The worker of this process: handlers, the schedule of the report, and what `/metrics` is to know.
///
/// # Errors
/// When the schedule's job cannot be written.
pub fn worker(
    shop: &Shop,
    config: &Config,
    observer: Observer,
) -> Result<Worker<Arc<App>>, windlass::Error> {
    let app = App {
        shop: shop.clone(),
        mailer: Mailer::new(&config.mail_file),
        http: reqwest::Client::new(),
    };
    let report = Schedule::cron("0 6 * * *").catch_up(CatchUp::Last).job(NewJob::of(&Report {})?);
    Ok(shop
        .queue()
        .worker()
        .state(Arc::new(app))
        .concurrency(config.workers)
        .lease(config.lease)
        .sweep(config.lease / SWEEPS_PER_LEASE)
        .on_event(move |event| observer.observe(event))
        .handle(email)
        .handle(notify)
        .handle(call_partner)
        .handle(report_sales)
        .schedule("sales-report", report))
}

async fn email(job: Email, ctx: Ctx<Arc<App>>) -> windlass::Result {
    match ctx.state().mailer.send(&job).await {
        Ok(()) => tracing::info!(email = job.id, "sent"),
        // Trying again would not help; whoever looks at failed jobs sees why.
        Err(error @ MailError::NoSuchAddress(_)) => return Err(JobError::permanent(error)),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn notify(job: Notify, ctx: Ctx<Arc<App>>) -> windlass::Result<i64> {
    Ok(ctx.state().shop.note(job.order, &ctx).await?)
}

async fn call_partner(job: CallPartner, ctx: Ctx<Arc<App>>) -> windlass::Result<u16> {
    let request = ctx.state().http.post(&job.url).timeout(PARTNER_ANSWERS_WITHIN);
    // The same for every attempt, so that the partner can tell a repetition.
    let request = request.header("Idempotency-Key", format!("order-{}", job.order));
    let answer = request.json(&serde_json::json!({ "order": job.order })).send().await?;
    let status = answer.status();
    let wait =
        answer.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
    match (status.as_u16(), wait) {
        (200..300, _) => Ok(status.as_u16()),
        // The partner knows best when.
        (429 | 503, Some(seconds)) => Err(JobError::retry_after(
            Duration::from_secs(seconds),
            format!("the partner answered {status}"),
        )),
        (408 | 429 | 500.., _) => Err(format!("the partner answered {status}").into()),
        _ => Err(JobError::permanent(format!("the partner refused it with {status}"))),
    }
}

/// In steps: an attempt after a crash goes on behind what is done.
async fn report_sales(_: Report, ctx: Ctx<Arc<App>>) -> windlass::Result<i64> {
    // A report that is asked for by hand, without a schedule, is about the day before that.
    let schedule = ctx.info().schedule.as_ref();
    let tick = schedule.map_or_else(|| ctx.info().created_at, |schedule| schedule.tick);
    let day = day_before(tick);
    let shop = &ctx.state().shop;

    let sold: i64 = ctx.step("count", async || shop.sold_on(&day).await).await?;
    ctx.step("keep", async || shop.keep_report(&day, sold).await).await?;
    ctx.log(LogLevel::Info, format!("{day}: {sold} sold"));
    // Stored in the transaction in which this job completes.
    let text = format!("{sold} sold on {day}");
    ctx.enqueue(Email { id: format!("report-{day}"), to: "boss@shop.example".to_owned(), text })
        .await?;
    Ok(sold)
}

/// The date before an instant's, as RFC 3339 has it.
fn day_before(instant: Timestamp) -> String {
    let yesterday = Timestamp::from_micros(instant.as_micros() - DAY_US);
    yesterday.to_string().chars().take("2026-01-01".len()).collect()
}
