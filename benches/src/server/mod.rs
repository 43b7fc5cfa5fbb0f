//! The measurements on a database server: ours and bare floors in turn, on the same server.

mod children;
mod cost;
mod counter;
mod floor;
mod floor_mysql;
mod floor_postgres;
mod pickup;
mod pinned;
mod rates;
mod scratch;

use std::time::Duration;

use windlass::Queue;

use self::floor::Floor;
use self::floor_mysql::MySqlFloor;
use self::floor_postgres::PostgresFloor;
use crate::Bench;
use crate::drain::{Pace, drain};
use crate::enqueue::bulk;
use crate::report::{Figures, Goal};

pub use self::children::drain_as_child;
pub(crate) use self::scratch::Scratch;

/// What to measure on a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The database; tables of our own in it are made and removed.
    pub url: String,
    /// Jobs per measurement (default 40,000).
    pub jobs: usize,
    /// Times that each rate is measured; the middle one counts (default 3).
    pub rounds: usize,
    /// Seconds of each latency measurement (default 10).
    pub seconds: u64,
}

impl ServerOptions {
    /// The defaults, for the database that `url` names.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), jobs: 40_000, rounds: 3, seconds: 10 }
    }

    fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }
}

/// Runs every measurement on the server; `progress` is told what comes next.
///
/// # Errors
/// Whatever the database says.
pub async fn run_on_server(
    options: &ServerOptions,
    mut progress: impl FnMut(&str),
) -> Bench<Figures> {
    let scratch = Scratch::new(&options.url)?;
    scratch.clear().await?;
    let mut figures = Figures::default();
    let measured = if options.is_postgres() {
        on_postgres(&scratch, options, &mut figures, &mut progress).await
    } else {
        on::<MySqlFloor>(&scratch, options, &mut figures, &mut progress).await
    };
    scratch.clear().await?;
    measured?;
    goals(options, &mut figures);
    Ok(figures)
}

/// Rates of `enqueue` in batches of 100 and of `drain`, for a comparison with other queues: on a
/// server, or in the new SQLite file that the URL names.
///
/// # Errors
/// Whatever the database says.
pub async fn contend(options: &ServerOptions) -> Bench<Figures> {
    if options.url.starts_with("sqlite:") {
        return two_rates(&options.url, options.jobs).await;
    }
    let scratch = Scratch::new(&options.url)?;
    scratch.clear().await?;
    let figures = two_rates(&scratch.url(), options.jobs).await?;
    scratch.clear().await?;
    Ok(figures)
}

async fn two_rates(url: &str, jobs: usize) -> Bench<Figures> {
    let queue = Queue::open(url).await?;
    let mut figures = Figures::default();
    figures.set("enqueue", bulk(&queue, "noop", jobs, 100, Duration::ZERO).await?);
    figures.set("drain", drain(&queue, jobs, Pace::FULL).await?);
    queue.close().await;
    Ok(figures)
}

async fn on<F: Floor>(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    pickup::measure(scratch, options, figures, progress).await?;
    rates::enqueue::<F>(scratch, options, figures, progress).await?;
    rates::drain::<F>(scratch, options, figures, progress).await?;
    children::measure(scratch, options, figures, progress).await?;
    counter::measure(scratch, figures, progress).await
}

async fn on_postgres(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    on::<PostgresFloor>(scratch, options, figures, progress).await?;
    cost::measure(scratch, options, figures, progress).await?;
    pinned::measure(scratch, options, figures, progress).await
}

/// What the project promises.
fn goals(options: &ServerOptions, figures: &mut Figures) {
    let drain = if options.is_postgres() { 0.6 } else { 0.5 };
    for (name, goal) in [
        ("ratio.drain_100", Goal::AtLeast(drain)),
        ("ratio.drain_500", Goal::AtLeast(drain)),
        ("ratio.enqueue_concurrent_16", Goal::AtLeast(1.0)),
        ("wal_bytes_per_job.total", Goal::AtMost(1300.0)),
        ("ratio.claim_buffers_pinned", Goal::AtMost(1.2)),
    ] {
        figures.goal(name, goal);
    }
}
