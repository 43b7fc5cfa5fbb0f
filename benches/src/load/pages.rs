//! Pages of many jobs: how long each takes, while a few jobs come in.

use std::path::Path;
use std::time::Duration;

use super::client::Connection;
use super::fixture;
use super::server::Server;
use super::{LoadOptions, job_body};
use crate::Bench;
use crate::report::{Figures, Goal, percentile};

/// Milliseconds that a page may take.
const PAGE_MS_MAX: f64 = 30.0;

/// Times that a page is asked for.
const ROUNDS: usize = 20;

/// Requests whose answers may not depend on how many jobs there are. `{middle}` is the id of a job.
const PAGES: [(&str, &str); 20] = [
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
    ("queue", "/api/v1/jobs?queue=queue-1"),
    ("type", "/api/v1/jobs?type=type-3"),
    ("queue_and_state", "/api/v1/jobs?queue=queue-1&state=completed"),
];

/// Makes the database, and asks for every page.
pub(super) async fn pages(
    program: &Path,
    folder: &Path,
    options: &LoadOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress(&format!("a database of {} jobs (this takes a while)", options.rows));
    let middle = fixture::fill(folder, "pages.db", options.rows).await?;
    let server = Server::start(program, folder, "pages.db", &[])?;
    let mut connection = server.connection().await?;
    progress("lists and counts");
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
