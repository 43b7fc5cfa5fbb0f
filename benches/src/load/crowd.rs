//! Many clients that want little: claims that wait, streams of events that are read or not, and a flood of
//! jobs while workers run them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client::Connection;
use super::rates::{CALLERS, leases, register, steady};
use super::server::Server;
use super::{LoadOptions, job_body};
use crate::floor::per_second;
use crate::report::{Figures, Goal, percentile};
use crate::{Bench, url};

/// Growth of memory that any of this may cost.
const GROWTH_MIB_MAX: f64 = 64.0;

/// How long claims wait; jobs come well before.
const WAIT: &str = "60s";

/// Jobs that are handed to claims that have waited for a while.
const HANDED: usize = 1000;

/// Jobs a second while streams are open.
const LIVE_RATE: usize = 100;

/// One stream in so many is never read.
const UNREAD_EVERY: usize = 10;

/// Until the jobs of the flood have been run.
const DRAIN_MAX: Duration = Duration::from_secs(120);

/// Claims that wait, each of a worker of its own.
pub(super) async fn idle_claims(
    program: &Path,
    folder: &Path,
    options: &LoadOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress(&format!("{} claims that wait", options.claims));
    let room = (options.claims + 100).to_string();
    let args = ["--limit-connections", &room];
    let server = Server::start(program, folder, &url(folder, "claims.db"), &args)?;
    let mut asking = server.connection().await?;
    asking.post("/api/v1/jobs", &job_body("idle")).await?.json()?;
    let before = server.rss_mib()?;
    let (entering, open) = (Arc::new(Semaphore::new(CALLERS)), Arc::new(AtomicUsize::new(0)));
    let mut waiting = JoinSet::new();
    for _ in 0..options.claims {
        let (address, entering, open) = (server.address, Arc::clone(&entering), Arc::clone(&open));
        waiting.spawn(async move {
            let turn = entering.acquire_owned().await?;
            let mut connection = Connection::open(address).await?;
            let worker = register(&mut connection, "waited-for").await?;
            let (path, body) =
                (format!("/api/v1/workers/{worker}/claim"), json!({ "wait": WAIT }).to_string());
            connection.send("POST", &path, &body).await?;
            drop(turn);
            open.fetch_add(1, Ordering::Relaxed);
            loop {
                let answer = connection.answer(Instant::now()).await?.json()?;
                let jobs = leases(&answer).count();
                if jobs > 0 {
                    return Bench::Ok((jobs, connection));
                }
                connection.send("POST", &path, &body).await?;
            }
        });
    }
    while open.load(Ordering::Relaxed) < options.claims {
        if let Some(ended) = waiting.try_join_next() {
            return Err(ended?.err().unwrap_or_else(|| "a claim ended early".into()));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let meter = server.meter()?;
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    figures.set("claims.cpu_percent", server.cpu_percent(&meter)?);
    figures.set("claims.rss_growth_mib", server.rss_mib()? - before);
    figures.set("claims.rss_growth_kib_each", kib(server.rss_mib()? - before, options.claims));

    let handed = HANDED.min(options.claims);
    let started = Instant::now();
    for _ in 0..handed {
        asking.post("/api/v1/jobs", &job_body("waited-for")).await?.json()?;
    }
    let (mut delivered, mut kept) = (0, Vec::new());
    while delivered < handed {
        let (jobs, connection) =
            waiting.join_next().await.ok_or("jobs were not delivered")???;
        delivered += jobs;
        kept.push(connection);
    }
    figures.set("claims.delivered_per_second", per_second(handed, started));
    figures.set("claims.delivered_share", share(delivered, handed));
    figures.goal("claims.delivered_share", Goal::AtLeast(1.0));
    Ok(())
}

/// Streams of events, some of which nobody reads, while jobs come in at a steady rate.
pub(super) async fn streams(
    program: &Path,
    folder: &Path,
    options: &LoadOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    let span = Duration::from_secs(options.seconds);
    progress(&format!("{LIVE_RATE} jobs a second, then {} streams beside them", options.streams));
    let server = Server::start(program, folder, &url(folder, "streams.db"), &[])?;
    let alone = percentile(&steady(&server, LIVE_RATE, span).await?, 99).unwrap_or(0.0);
    let before = server.rss_mib()?;
    let (mut readers, mut unread) = (JoinSet::new(), Vec::new());
    let bytes = Arc::new(AtomicUsize::new(0));
    for (n, mut connection) in server.connections(options.streams).await?.into_iter().enumerate() {
        connection.stream("/api/v1/events").await?;
        if n % UNREAD_EVERY == 0 {
            unread.push(connection);
        } else {
            readers.spawn(connection.read_all(Arc::clone(&bytes)));
        }
    }
    let meter = server.meter()?;
    let beside = percentile(&steady(&server, LIVE_RATE, span).await?, 99).unwrap_or(0.0);
    figures.set("streams.cpu_percent", server.cpu_percent(&meter)?);
    figures.set("streams.mib_read", bytes.load(Ordering::Relaxed) as f64 / 1_048_576.0);
    figures.set("streams.rss_growth_mib", server.rss_mib()? - before);
    figures.goal("streams.rss_growth_mib", Goal::AtMost(GROWTH_MIB_MAX));
    figures.set("streams.post_p99_ms_alone", alone);
    figures.set("streams.post_p99_ms", beside);
    figures.set("ratio.streams_p99", beside / alone);
    figures.goal("ratio.streams_p99", Goal::AtMost(2.0));
    Ok(())
}

/// Jobs as fast as 64 connections can, which workers of the server run meanwhile: nothing is lost.
pub(super) async fn flood(
    program: &Path,
    folder: &Path,
    options: &LoadOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("a flood of jobs while workers run them");
    let server = Server::start(program, folder, &url(folder, "flood.db"), &["--workers", "100"])?;
    let before = server.rss_mib()?;
    let (is_over, stored) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for mut connection in server.connections(CALLERS).await? {
        let (is_over, stored) = (Arc::clone(&is_over), Arc::clone(&stored));
        callers.spawn(async move {
            let body = job_body("echo");
            while !is_over.load(Ordering::Relaxed) {
                connection.post("/api/v1/jobs", &body).await?.json()?;
                stored.fetch_add(1, Ordering::Relaxed);
            }
            Bench::Ok(())
        });
    }
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    is_over.store(true, Ordering::Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    let stored = stored.load(Ordering::Relaxed);
    figures.set("flood.enqueued_per_second", per_second(stored, started));
    let mut asking = server.connection().await?;
    let completed = loop {
        let stats = asking.get("/api/v1/stats").await?.json()?;
        let completed = stats["queue"]["completed"].as_u64().unwrap_or(0);
        if completed >= stored as u64 || started.elapsed() > DRAIN_MAX {
            break completed;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    figures.set("flood.completed_per_second", per_second(stored, started));
    figures.set("flood.completed_share", completed as f64 / stored.max(1) as f64);
    figures.goal("flood.completed_share", Goal::AtLeast(1.0));
    figures.set("flood.rss_growth_mib", server.rss_mib()? - before);
    figures.goal("flood.rss_growth_mib", Goal::AtMost(GROWTH_MIB_MAX));
    Ok(())
}

fn kib(mib: f64, number: usize) -> f64 {
    mib * 1024.0 / number.max(1) as f64
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
