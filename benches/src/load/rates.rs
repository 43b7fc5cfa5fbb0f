//! Rates over HTTP beside those in the same process, and the latency of one request.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use windlass::Queue;

use super::client::Connection;
use super::server::Server;
use super::{LoadOptions, job_body};
use crate::drain::{Pace, drain};
use crate::enqueue::{bulk, concurrent};
use crate::floor::per_second;
use crate::report::{Figures, Goal, percentile};
use crate::{Bench, url};

/// Connections that post at the same time.
pub(super) const CALLERS: usize = 64;

/// Jobs of a claim, and items of a settle.
const BATCH: usize = 100;

/// Requests a second of the latency measurement.
const STEADY_RATE: usize = 1000;

/// POST /jobs and claim and settle, beside the same in this process.
pub(super) async fn rates(
    program: &Path,
    folder: &Path,
    options: &LoadOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("in this process: 64 callers, then the drain");
    let queue = Queue::open(&url(folder, "beside.db")).await?;
    figures.set("enqueue.in_process", concurrent(&queue, CALLERS, options.jobs).await?);
    queue.close().await;
    let queue = Queue::open(&url(folder, "drain.db")).await?;
    bulk(&queue, "noop", options.jobs, 1000, Duration::ZERO).await?;
    figures.set("drain.in_process", drain(&queue, options.jobs, Pace::FULL).await?);
    queue.close().await;

    let server = Server::start(program, folder, &url(folder, "rates.db"), &[])?;
    progress("POST /jobs from 64 connections");
    let posted = post_all(&server, "noop", options.jobs).await?;
    figures.set("enqueue.http", posted);
    figures.ratio("enqueue", "enqueue.http", "enqueue.in_process");
    figures.goal("ratio.enqueue", Goal::AtLeast(0.5));

    progress("claim and settle in batches of 100 by one remote worker");
    let rate = claim_and_settle(&server, options.jobs / CALLERS * CALLERS).await?;
    figures.set("drain.http", rate);
    figures.ratio("drain", "drain.http", "drain.in_process");
    // Either of the two is enough.
    if rate >= 10_000.0 {
        figures.goal("drain.http", Goal::AtLeast(10_000.0));
    } else {
        figures.goal("ratio.drain", Goal::AtLeast(0.5));
    }

    progress("POST /jobs at 1,000 a second");
    let millis = steady(&server, STEADY_RATE, Duration::from_secs(options.seconds)).await?;
    for (name, percent) in [("p50", 50), ("p95", 95), ("p99", 99)] {
        figures.set(&format!("post_ms.{name}"), percentile(&millis, percent).unwrap_or(0.0));
    }
    figures.goal("post_ms.p99", Goal::AtMost(10.0));
    Ok(())
}

/// Jobs per second from 64 connections, each with one request at a time.
async fn post_all(server: &Server, kind: &str, jobs: usize) -> Bench<f64> {
    let connections = server.connections(CALLERS).await?;
    let started = Instant::now();
    let mut running = JoinSet::new();
    for mut connection in connections {
        let body = job_body(kind);
        running.spawn(async move {
            for _ in 0..jobs / CALLERS {
                connection.post("/api/v1/jobs", &body).await?.json()?;
            }
            Bench::Ok(())
        });
    }
    while let Some(caller) = running.join_next().await {
        caller??;
    }
    Ok(per_second(jobs / CALLERS * CALLERS, started))
}

/// Jobs per second of a worker that settles one batch while it claims the next.
async fn claim_and_settle(server: &Server, jobs: usize) -> Bench<f64> {
    let (mut claiming, settling) = (server.connection().await?, server.connection().await?);
    let worker = register(&mut claiming, "noop").await?;
    let started = Instant::now();
    let (sender, batches) = mpsc::channel(4);
    let mut running = JoinSet::new();
    running.spawn(settle(settling, format!("/api/v1/workers/{worker}/settle"), batches));
    let path = format!("/api/v1/workers/{worker}/claim");
    let body = json!({ "limit": BATCH }).to_string();
    let mut claimed = 0;
    while claimed < jobs {
        let answer = claiming.post(&path, &body).await?.json()?;
        let items: Vec<Value> = leases(&answer).collect();
        if items.is_empty() {
            return Err(format!("{} of {jobs} jobs are not there", jobs - claimed).into());
        }
        claimed += items.len();
        if sender.send(items).await.is_err() {
            break;
        }
    }
    drop(sender);
    while let Some(settled) = running.join_next().await {
        settled??;
    }
    Ok(per_second(jobs, started))
}

/// Reports batches as they come; every report has to be applied.
async fn settle(
    mut connection: Connection,
    path: String,
    mut batches: mpsc::Receiver<Vec<Value>>,
) -> Bench<()> {
    while let Some(items) = batches.recv().await {
        let body = json!({ "items": items }).to_string();
        let answer = connection.post(&path, &body).await?.json()?;
        let items = answer["items"].as_array().ok_or("a settle without items")?;
        if let Some(other) = items.iter().find(|item| item["status"] != "applied") {
            return Err(format!("a report was not applied: {other}").into());
        }
    }
    Ok(())
}

/// The completions of what a claim was given.
pub(super) fn leases(claim: &Value) -> impl Iterator<Item = Value> + '_ {
    let jobs = claim["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
    jobs.iter().map(
        |job| json!({ "id": job["id"], "token": job["lease"]["token"], "outcome": "complete" }),
    )
}

/// Registers a worker for jobs of one kind: its id.
pub(super) async fn register(connection: &mut Connection, kind: &str) -> Bench<String> {
    let body = json!({ "name": "load", "types": [kind], "concurrency": 1000 }).to_string();
    let answer = connection.post("/api/v1/workers", &body).await?.json()?;
    Ok(answer["worker_id"].as_str().ok_or("a registration without an id")?.to_owned())
}

/// Sorted milliseconds of POST /jobs at `rate` a second for a while, each from the instant at which it was
/// due, so that a server that falls behind is not spared.
pub(super) async fn steady(server: &Server, rate: usize, span: Duration) -> Bench<Vec<f64>> {
    let connections = server.connections(CALLERS.min(rate)).await?;
    let (callers, start) = (connections.len(), tokio::time::Instant::now());
    let gap = Duration::from_secs(1).mul_f64(1.0 / rate as f64);
    let rounds = usize::try_from(span.as_secs())? * rate / callers;
    let mut running = JoinSet::new();
    for (caller, mut connection) in connections.into_iter().enumerate() {
        let body = job_body("noop");
        running.spawn(async move {
            let mut millis = Vec::with_capacity(rounds);
            for round in 0..rounds {
                let due = start + gap * u32::try_from(round * callers + caller)?;
                tokio::time::sleep_until(due).await;
                connection.post("/api/v1/jobs", &body).await?.json()?;
                millis.push(due.elapsed().as_secs_f64() * 1000.0);
            }
            Bench::Ok(millis)
        });
    }
    let mut all = Vec::new();
    while let Some(millis) = running.join_next().await {
        all.extend(millis??);
    }
    all.sort_unstable_by(f64::total_cmp);
    Ok(all)
}
