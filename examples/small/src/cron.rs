//! A schedule declared in code: each tick becomes one job, on however many nodes, and the job knows its tick.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{CatchUp, Ctx, Job, NewJob, Overlap, Queue, Schedule, Timestamp};

use crate::Failure;

#[derive(Serialize, Deserialize, Job)]
#[job(output = String)]
struct Report {}

/// Goes by the tick and not by the clock, so that a report that is made late is about the right day.
async fn report(_: Report, ctx: Ctx) -> windlass::Result<String> {
    let tick = ctx.info().schedule.as_ref().map(|schedule| schedule.tick.to_string());
    Ok(tick.unwrap_or_default())
}

/// Runs it.
pub async fn run() -> Result<(), Failure> {
    let queue = Queue::open("memory:").await?;
    let nightly = Schedule::cron("0 3 * * *")
        .timezone("Europe/Berlin")
        .catch_up(CatchUp::Last)
        .overlap(Overlap::Skip)
        .job(NewJob::of(&Report {})?);
    let ticks = nightly.ticks("2026-03-28T12:00:00Z".parse::<Timestamp>()?, 2)?;
    // The clock is put forward in the night to the 29th: three o'clock comes an hour sooner.
    assert_eq!(ticks[0].to_string(), "2026-03-29T01:00:00.000000Z");

    let worker = queue.worker().handle(report).schedule("nightly", nightly).start().await?;
    // Nobody waits for three o'clock here.
    let job = queue.trigger_schedule("nightly").await?;
    let job = queue.wait(job, Duration::from_secs(60)).await?;
    assert_eq!(job.state, windlass::State::Completed);

    worker.stop().await;
    Ok(())
}
