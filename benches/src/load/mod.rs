//! Load and abuse: a server of our own as a process, and many clients on this machine. Each figure stands
//! beside its goal.

mod client;
mod crowd;
mod fixture;
mod pages;
mod place;
mod rates;
mod server;

use std::path::PathBuf;

use serde_json::json;

use crate::Bench;
use crate::report::Figures;

/// The measurement of pages.
const PAGES: &str = "pages";

/// What to measure, and with how much.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The `windlass` binary that serves.
    pub program: PathBuf,
    /// Where the database files go; a fresh folder in it is used and removed.
    pub folder: PathBuf,
    /// A database of PostgreSQL for the pages, the only measurement then; a schema of our own in it is made
    /// and removed.
    pub database: Option<String>,
    /// The measurements by name, those of [`LoadOptions::NAMES`]; empty means all.
    pub only: Vec<String>,
    /// Jobs of the rates (default 50,000).
    pub jobs: usize,
    /// Claims that wait at the same time (default 10,000).
    pub claims: usize,
    /// Streams of events at the same time (default 1,000).
    pub streams: usize,
    /// Jobs in the database whose pages are measured (default 1,000,000).
    pub rows: usize,
    /// Seconds of every measurement that lasts (default 10).
    pub seconds: u64,
}

impl LoadOptions {
    /// The names of the measurements.
    pub const NAMES: [&str; 5] = ["rates", "claims", "streams", "flood", PAGES];

    /// Everything with this binary, with the defaults above.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            folder: std::env::temp_dir(),
            database: None,
            only: Vec::new(),
            jobs: 50_000,
            claims: 10_000,
            streams: 1000,
            rows: 1_000_000,
            seconds: 10,
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.only.iter().any(|it| it == name)
            || self.only.is_empty() && (self.database.is_none() || name == PAGES)
    }
}

/// Runs the measurements; `progress` is told what comes next.
///
/// # Errors
/// Whatever the file system, the database or the server says, and a name that is none of ours.
pub async fn run_load(options: &LoadOptions, mut progress: impl FnMut(&str)) -> Bench<Figures> {
    if let Some(other) = options.only.iter().find(|it| !LoadOptions::NAMES.contains(&it.as_str())) {
        return Err(format!("no measurement `{other}`: {}", LoadOptions::NAMES.join(", ")).into());
    }
    if options.database.is_some() && options.only.iter().any(|it| it != PAGES) {
        return Err(format!("only `{PAGES}` is measured on a database server").into());
    }
    let program = server::program(&options.program)?;
    let folder = tempfile::Builder::new().prefix("windlass-load-").tempdir_in(&options.folder)?;
    let mut figures = Figures::default();
    for name in LoadOptions::NAMES {
        if !options.is_wanted(name) {
            continue;
        }
        let (folder, figures, progress) = (folder.path(), &mut figures, &mut progress);
        match name {
            "rates" => rates::rates(&program, folder, options, figures, progress).await?,
            "claims" => crowd::idle_claims(&program, folder, options, figures, progress).await?,
            "streams" => crowd::streams(&program, folder, options, figures, progress).await?,
            "flood" => crowd::flood(&program, folder, options, figures, progress).await?,
            _ => pages::pages(&program, folder, options, figures, progress).await?,
        }
    }
    Ok(figures)
}

/// A job of `kind` with the payload of every measurement.
fn job_body(kind: &str) -> String {
    json!({ "type": kind, "payload": "x".repeat(crate::PAYLOAD.len() - 2) }).to_string()
}
