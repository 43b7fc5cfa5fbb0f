//! `windlass doctor`: looks for damage in a database, without a server.

use clap::Args;
use windlass::Queue;

use crate::args::{database, redacted};
use crate::client::refuse_missing;
use crate::exit::{Exit, Failure, with_causes};
use crate::output;

/// Findings printed; a damaged file can have one per row.
const FINDINGS_MAX: usize = 100;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The database to check
    #[arg(
        long,
        value_name = "URL",
        env = "WINDLASS_DATABASE",
        default_value = "sqlite:./data/windlass.db",
        value_parser = database
    )]
    database: String,

    /// Read every page of the file and check every invariant (slow on a large database)
    #[arg(long)]
    deep: bool,
}

/// `windlass db check`: looks at everything.
pub(crate) async fn check(database: String) -> Result<(), Failure> {
    run(DoctorArgs { database, deep: true }).await
}

pub(crate) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    refuse_missing(&args.database)?;
    output::line(concat!("windlass  ", env!("CARGO_PKG_VERSION")))?;
    output::line(&format!("database  {}", redacted(&args.database)))?;
    let findings = match Queue::open(&args.database).await {
        Ok(queue) => {
            let findings = examine(&queue, args.deep).await;
            queue.close().await;
            findings?
        }
        Err(error) => vec![with_causes(&error)],
    };
    for finding in findings.iter().take(FINDINGS_MAX) {
        output::line(&format!("finding   {finding}"))?;
    }
    match findings.len() {
        0 => Ok(()),
        n_findings => Err(Failure::new(Exit::Failure, format!("findings: {n_findings}"))
            .hint("keep a copy of the database file before anything else")),
    }
}

/// Opening has checked the schema's version; reading the counts shows that its tables are there.
async fn examine(queue: &Queue, is_deep: bool) -> Result<Vec<String>, Failure> {
    let stats = queue.stats().await?;
    output::line("schema    ok")?;
    output::line(&format!("size      {} bytes", stats.storage_bytes))?;
    output::line(&format!("workers   {} alive", stats.workers.len()))?;
    if !is_deep {
        output::line("contents  not checked (--deep does)")?;
        return Ok(Vec::new());
    }
    let findings = queue.verify().await?;
    if findings.is_empty() {
        output::line("contents  ok")?;
    }
    Ok(findings)
}
