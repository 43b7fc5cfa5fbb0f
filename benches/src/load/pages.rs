//! Pages of many jobs, as JSON and in the dashboard: how long each takes, and what open ones cost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::client::Connection;
use super::fixture;
use super::place::Place;
use super::rates::steady;
use super::server::Server;
use super::{LoadOptions, job_body};
use crate::Bench;
use crate::report::{Figures, Goal, percentile};

/// Milliseconds that a list may take, and a page of the dashboard on SQLite.
const PAGE_MS_MAX: f64 = 30.0;

/// Milliseconds that a page of the dashboard may take on PostgreSQL.
const PAGE_MS_MAX_POSTGRES: f64 = 60.0;

/// Jobs a second that come in and are run while pages are asked for.
const FLOW_RATE: u32 = 100;

/// Times that a page is asked for.
const ROUNDS: usize = 60;

/// Requests whose answers may not depend on how many jobs there are. `{middle}` is the id of a job.
const PAGES: [(&str, &str); 22] = [
    ("stats", "/api/v1/stats"),
    ("queues", "/api/v1/queues"),
    ("types", "/api/v1/types"),
    ("dead_groups", "/api/v1/dead/groups"),
    ("all", "/api/v1/jobs"),
    ("all_limit_500", "/api/v1/jobs?limit=500"),
    ("all_from_the_middle", "/api/v1/jobs?cursor={middle}"),
    ("all_oldest_first", "/api/v1/jobs?order=asc"),
    ("state_pending", "/api/v1/jobs?state=pending"),
    ("state_pending_from_the_middle", "/api/v1/jobs?state=pending&cursor={middle}"),
    ("state_pending_in_a_queue", "/api/v1/jobs?state=pending&queue=queue-1"),
    ("state_running", "/api/v1/jobs?state=running"),
    ("state_delayed", "/api/v1/jobs?state=delayed"),
    ("state_retrying", "/api/v1/jobs?state=retrying"),
    ("state_completed", "/api/v1/jobs?state=completed"),
    ("state_completed_from_the_middle", "/api/v1/jobs?state=completed&cursor={middle}"),
    ("state_dead_letter", "/api/v1/jobs?state=dead_letter"),
    ("state_cancelled", "/api/v1/jobs?state=cancelled"),
    ("queue", "/api/v1/jobs?queue=queue-1"),
    ("type", "/api/v1/jobs?type=type-3"),
    ("queue_and_state", "/api/v1/jobs?queue=queue-1&state=completed"),
    ("queue_and_dead_letter", "/api/v1/jobs?queue=queue-1&state=dead_letter"),
];

/// Pages of the dashboard.
const DASHBOARD: [(&str, &str); 11] = [
    ("overview", "/ui/"),
    ("jobs", "/ui/jobs"),
    ("jobs_dead", "/ui/jobs?q=state%3Adead_letter"),
    ("jobs_of_a_queue", "/ui/jobs?q=queue%3Aqueue-1"),
    ("queues", "/ui/queues"),
    ("queue", "/ui/queues/queue-1"),
    ("types", "/ui/types"),
    ("dead", "/ui/dead"),
    ("schedules", "/ui/schedules"),
    ("workers", "/ui/workers"),
    ("operations", "/ui/operations"),
];

/// Dashboards that are open at the same time, what they may use of a core, and the jobs a second that they show.
const OPEN: usize = 50;
const OPEN_CPU_PERCENT_MAX: f64 = 5.0;
const LIVE_RATE: usize = 20;

/// Makes the database, and asks for every page.
pub(super) async fn pages(
    program: &Path,
    folder: &Path,
    options: &LoadOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    let place = Place::fresh(folder, "pages.db", options.database.as_deref()).await?;
    let measured = async {
        progress(&format!("a database of {} jobs (this takes a while)", options.rows));
        let middle = fixture::fill(&place, options.rows).await?;
        let server = Server::start(program, folder, &place.url(), &["--workers", "4"])?;
        let flow = flow(&server).await?;
        lists(&server, middle, figures, progress).await?;
        let millis_max = if place.is_file() { PAGE_MS_MAX } else { PAGE_MS_MAX_POSTGRES };
        dashboard(&server, millis_max, figures, progress).await?;
        drop(flow);
        open_dashboards(&server, options, figures, progress).await
    };
    let measured = measured.await;
    place.clear().await?;
    measured
}

/// Jobs that come in and are run until this is dropped.
async fn flow(server: &Server) -> Bench<JoinSet<Bench<()>>> {
    let mut connection = server.connection().await?;
    let mut running = JoinSet::new();
    running.spawn(async move {
        let mut due = tokio::time::interval(Duration::from_secs(1) / FLOW_RATE);
        loop {
            due.tick().await;
            connection.post("/api/v1/jobs", &job_body("noop")).await?.json()?;
        }
    });
    Ok(running)
}

async fn lists(
    server: &Server,
    middle: i64,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("lists and counts");
    let mut connection = server.connection().await?;
    let stats = connection.get("/api/v1/stats").await?.json()?;
    let total = stats["queue"]["total_jobs"].as_f64().unwrap_or(0.0);
    figures.set("pages.jobs", total);
    for (name, path) in PAGES {
        let path = path.replace("{middle}", &middle.to_string());
        let millis = slowest(&mut connection, &path).await?;
        let name = format!("page_ms.{name}");
        figures.set(&name, millis);
        figures.goal(&name, Goal::AtMost(PAGE_MS_MAX));
    }
    Ok(())
}

async fn dashboard(
    server: &Server,
    millis_max: f64,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("pages of the dashboard");
    let mut connection = server.connection().await?;
    for (name, path) in DASHBOARD {
        let millis = slowest(&mut connection, path).await?;
        let name = format!("dashboard_ms.{name}");
        figures.set(&name, millis);
        figures.goal(&name, Goal::AtMost(millis_max));
    }
    Ok(())
}

/// What the processor does for pages that are open, while jobs come in.
async fn open_dashboards(
    server: &Server,
    options: &LoadOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    let span = Duration::from_secs(options.seconds);
    progress(&format!("{OPEN} open dashboards beside {LIVE_RATE} jobs a second"));
    let meter = server.meter()?;
    steady(server, LIVE_RATE, span).await?;
    let alone = server.cpu_percent(&meter)?;
    let (mut open, bytes) = (JoinSet::new(), Arc::default());
    for mut connection in server.connections(OPEN).await? {
        connection.stream("/ui/").await?;
        open.spawn(connection.read_all(Arc::clone(&bytes)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let meter = server.meter()?;
    steady(server, LIVE_RATE, span).await?;
    figures.set("dashboards.cpu_percent", server.cpu_percent(&meter)? - alone);
    figures.goal("dashboards.cpu_percent", Goal::AtMost(OPEN_CPU_PERCENT_MAX));
    figures.set("dashboards.mib_read", bytes.load(Ordering::Relaxed) as f64 / 1_048_576.0);
    if open.len() < OPEN || bytes.load(Ordering::Relaxed) == 0 {
        return Err("the dashboards were told nothing".into());
    }
    Ok(())
}

/// The 95th percentile, in milliseconds, of what a page takes until its first byte; the first time does
/// not count. A job is stored before each, so that nothing is answered from memory.
async fn slowest(connection: &mut Connection, path: &str) -> Bench<f64> {
    let mut millis = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        connection.post("/api/v1/jobs", &job_body("noop")).await?.json()?;
        let answer = connection.get(path).await?;
        if answer.status != 200 {
            return Err(format!("{path}: {} {}", answer.status, answer.text()).into());
        }
        if round > 0 {
            millis.push(Duration::as_secs_f64(&answer.first_byte) * 1000.0);
        }
    }
    millis.sort_unstable_by(f64::total_cmp);
    Ok(percentile(&millis, 95).unwrap_or(0.0))
}
