//! The measurements behind `windlass bench`: rates, latencies and cost, beside the floor of the bare
//! database in the same run. Absolute figures depend on the machine; the ratios hold.

mod backlog;
mod drain;
mod enqueue;
mod floor;
mod limits;
mod load;
mod process;
mod report;
mod server;
mod windlass_side;

use std::path::{Path, PathBuf};

pub use load::{LoadOptions, run_load};
pub use report::{Figures, Goal};
pub use server::{ServerOptions, contend, drain_as_child, run_on_server};

type Bench<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Bytes of every payload, a JSON document of ordinary size.
pub(crate) const PAYLOAD: &[u8; 200] = &{
    let mut text = [b'x'; 200];
    text[0] = b'"';
    text[199] = b'"';
    text
};

/// What to measure on SQLite.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the database files go; a fresh folder in it is used and removed.
    pub folder: PathBuf,
    /// Jobs per measurement (default 100,000).
    pub jobs: usize,
    /// Finished and delayed jobs, each, beside which the drain is measured again, and jobs that wait for
    /// something else, beside which claims are; 0 leaves that out (default 1,000,000).
    pub history: usize,
    /// Seconds of the latency and of the idle measurement, each (default 10).
    pub seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { folder: std::env::temp_dir(), jobs: 100_000, history: 1_000_000, seconds: 10 }
    }
}

/// Runs every measurement on SQLite; `progress` is told what comes next.
///
/// # Errors
/// Whatever the file system or the database says.
pub async fn run(options: &Options, mut progress: impl FnMut(&str)) -> Bench<Figures> {
    let folder = tempfile::Builder::new().prefix("windlass-bench-").tempdir_in(&options.folder)?;
    let mut figures = Figures::default();
    windlass_side::at_rest(folder.path(), options, &mut figures, &mut progress).await?;
    progress("the floor: bare SQLite, synchronous = full");
    floor::measure(folder.path(), options.jobs, &mut figures).await?;
    windlass_side::rates(folder.path(), options, &mut figures, &mut progress).await?;
    limits::limits(folder.path(), options, &mut figures, &mut progress).await?;
    if options.history > 0 {
        backlog::claims_beside(folder.path(), options, &mut figures, &mut progress).await?;
        windlass_side::beside_history(folder.path(), options, &mut figures, &mut progress).await?;
    }
    for (name, ours, theirs) in [
        ("enqueue_single", "enqueue_single", "floor.insert_single"),
        ("enqueue_concurrent_64", "enqueue_concurrent_64", "floor.insert_concurrent_64"),
        ("enqueue_concurrent_64_to_single", "enqueue_concurrent_64", "enqueue_single"),
        ("enqueue_bulk_1000", "enqueue_bulk_1000", "floor.insert_bulk_1000"),
        ("drain", "drain", "floor.claim_complete_100"),
    ] {
        figures.ratio(name, ours, theirs);
    }
    Ok(figures)
}

fn url(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(name).display())
}
