//! `windlass db`: brings a database's tables up to date, says how far they are, or prints what to run.

use clap::{Args, Subcommand};
use windlass::schema::{self, SchemaStatus};
use windlass::{Queue, Timestamp};

use crate::args::{database, redacted};
use crate::client::refuse_missing;
use crate::cmd::doctor;
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create and change tables until this release can use the database; safe beside running ones
    Migrate(TargetArgs),
    /// Say how far the database is; exits with 1 when migrations are missing
    Status(TargetArgs),
    /// Delete the jobs that their queues keep no longer; `serve` does this by itself
    Prune(TargetArgs),
    /// Read everything and check every invariant, as `doctor --deep` does
    Check(TargetArgs),
    /// Give the space of deleted jobs back to the file system (SQLite); writers wait meanwhile
    Vacuum(TargetArgs),
    /// Print the migrations as a script for psql, mariadb or sqlite3, and change nothing
    Sql(SqlArgs),
}

#[derive(Debug, Args)]
struct TargetArgs {
    /// The database
    #[arg(
        long,
        value_name = "URL",
        env = "WINDLASS_DATABASE",
        default_value = "sqlite:./data/windlass.db",
        value_parser = database
    )]
    database: String,
}

#[derive(Debug, Args)]
struct SqlArgs {
    #[command(flatten)]
    target: TargetArgs,

    /// Leave out what leads to this schema and earlier ones; 0 prints everything
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    after: i64,
}

pub(crate) async fn run(args: DbArgs) -> Result<(), Failure> {
    match args.action {
        Action::Migrate(target) => show(&target, &schema::migrate(&target.database).await?),
        Action::Status(target) => {
            refuse_missing(&target.database)?;
            let status = schema::status(&target.database).await?;
            show(&target, &status)?;
            if status.pending.is_empty() {
                return Ok(());
            }
            let message = format!("migrations missing: {}", status.pending.len());
            Err(Failure::new(Exit::Failure, message).hint("run `windlass db migrate`"))
        }
        Action::Prune(target) => prune(&target).await,
        Action::Check(target) => doctor::check(target.database).await,
        Action::Vacuum(target) => vacuum(&target).await,
        Action::Sql(args) => {
            let script = schema::sql(&args.target.database, args.after, now())?;
            output::line(script.trim_end())
        }
    }
}

async fn prune(target: &TargetArgs) -> Result<(), Failure> {
    refuse_missing(&target.database)?;
    let queue = Queue::open(&target.database).await?;
    let pruned = queue.prune().await;
    queue.close().await;
    output::line(&format!("pruned    {} jobs", pruned?))
}

async fn vacuum(target: &TargetArgs) -> Result<(), Failure> {
    refuse_missing(&target.database)?;
    schema::vacuum(&target.database).await?;
    output::line("vacuumed")
}

fn show(target: &TargetArgs, status: &SchemaStatus) -> Result<(), Failure> {
    output::line(&format!("database  {}", redacted(&target.database)))?;
    output::line(&format!("schema    {} (this release knows {})", status.number, status.known))?;
    let pending: Vec<String> = status.pending.iter().map(ToString::to_string).collect();
    let pending = if pending.is_empty() { "none".to_owned() } else { pending.join(", ") };
    output::line(&format!("missing   {pending}"))
}

fn now() -> Timestamp {
    windlass::Clock::system().now()
}
