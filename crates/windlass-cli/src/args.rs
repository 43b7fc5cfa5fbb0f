//! The command line as a whole, and the arguments several commands share.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{FalseyValueParser, RangedI64ValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};
use windlass::{
    ATTEMPTS_MAX, BatchId, JobId, Priority, ServerAccess, State, Timestamp, WorkflowId, check_name,
};

use crate::exit::Failure;
use crate::output::Format;
use crate::{cmd, examples};

/// Durable background jobs: a server, a worker and a command line in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "windlass",
    version,
    max_term_width = 100,
    after_help = "Try it: `windlass serve --demo`, then `windlass status` in another terminal."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Never ask: without --yes, what cannot be taken back is refused
    #[arg(long, global = true, env = "WINDLASS_NO_INPUT", value_parser = FalseyValueParser::new())]
    pub(crate) no_input: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the HTTP server and a worker in this process
    Serve(Box<cmd::serve::ServeArgs>),
    /// Enqueue a job
    Submit(Box<cmd::submit::SubmitArgs>),
    /// Show one job, or the latest jobs, or the counts
    Status(cmd::status::StatusArgs),
    /// Look at jobs and steer them
    Jobs(Box<cmd::jobs::JobsArgs>),
    /// Look at dead letters by what they died of, try them again or delete them
    Dead(Box<cmd::dead::DeadArgs>),
    /// Look at what is done to many jobs, and stop it
    Operations(cmd::operations::OperationsArgs),
    /// Look at queues, set, pause and purge them
    Queues(cmd::queues::QueuesArgs),
    /// Limit how many jobs with a key run at a time, how often, in which order
    Limits(cmd::limits::LimitsArgs),
    /// Run jobs with a command of yours
    Worker(cmd::worker::WorkerArgs),
    /// Look at workers, and ask them to stop
    Workers(cmd::workers::WorkersArgs),
    /// Make schedules, look at them, pause and run them
    Schedules(cmd::schedules::SchedulesArgs),
    /// Submit whole graphs of jobs, look at them, cancel and retry them
    Workflows(cmd::workflows::WorkflowsArgs),
    /// Open batches of jobs, commit them, look at them
    Batches(cmd::batches::BatchesArgs),
    /// List, create and delete namespaces
    Namespaces(cmd::namespaces::NamespacesArgs),
    /// Make API keys, look at them, rotate and revoke them
    Keys(cmd::keys::KeysArgs),
    /// Look at who did what
    Audit(cmd::audit::AuditArgs),
    /// Show how many jobs there are and how they fare
    Stats(cmd::stats::StatsArgs),
    /// Show how jobs fare, again and again on one screen
    Top(cmd::top::TopArgs),
    /// Follow what happens
    Events(Box<cmd::events::EventsArgs>),
    /// Create, change and inspect the tables of a database
    Db(cmd::db::DbArgs),
    /// Copy an SQLite database into a file while it is used
    Backup(cmd::backup::CopyArgs),
    /// Make an SQLite database out of such a copy
    Restore(cmd::backup::CopyArgs),
    /// Write the jobs, queues and schedules of a namespace into a file, for any other database
    Export(cmd::transfer::ExportArgs),
    /// Store what such a file holds, each job once
    Import(cmd::transfer::ImportArgs),
    /// Check a database
    Doctor(cmd::doctor::DoctorArgs),
    /// Say whether a server is up, for what starts and restarts it
    Health(cmd::health::HealthArgs),
    /// Measure this machine: rates, latencies, and the floor of bare SQLite beside them
    Bench(cmd::bench::BenchArgs),
    /// Show, check and write the configuration of `serve`
    Config(cmd::config::ConfigArgs),
    /// Write a completion script for a shell
    Completions(cmd::completions::CompletionsArgs),
    /// Write manual pages
    Man(cmd::man::ManArgs),
    /// Take the commands and flags of `gq`
    Gq(Box<cmd::gq::GqArgs>),
    /// Take the commands and flags of `pgqueue`
    Pgqueue(Box<cmd::pgqueue::PgqueueArgs>),
    /// Write the description of the HTTP API (OpenAPI 3.1)
    Openapi,
    /// Show the version
    Version,
}

/// Names of the binary under which it is another tool.
const OTHER_NAMES: [&str; 2] = ["gq", "pgqueue"];

/// The arguments; called as another tool, the binary is that subcommand.
pub(crate) fn words(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = given.into_iter().collect();
    let called = words.first().map(Path::new).and_then(Path::file_stem);
    let called = called.and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(name) = OTHER_NAMES.into_iter().find(|name| *name == called) {
        words.splice(..1, ["windlass".into(), name.into()]);
    }
    words
}

/// The whole command line, with the examples of every command.
pub(crate) fn command() -> clap::Command {
    examples::added(Cli::command(), "")
}

/// Where a client command finds the jobs, and how it prints them.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "database",
        help = "The server to talk to [env: WINDLASS_SERVER] [default: http://127.0.0.1:8080]",
        help_heading = "Connection"
    )]
    pub(crate) server: Option<String>,

    #[arg(
        long,
        value_name = "URL",
        value_parser = database,
        help = "A database to open directly instead [env: WINDLASS_DATABASE, unless a server is named]",
        help_heading = "Connection"
    )]
    pub(crate) database: Option<String>,

    /// The namespace to work in
    #[arg(
        long,
        value_name = "NAME",
        env = "WINDLASS_NAMESPACE",
        default_value = "default",
        help_heading = "Connection"
    )]
    pub(crate) namespace: String,

    #[arg(
        long,
        value_name = "FILE",
        help = "The file with the API key for the server [env: WINDLASS_API_KEY for the key itself]",
        help_heading = "Connection"
    )]
    pub(crate) api_key_file: Option<PathBuf>,

    #[arg(
        long,
        value_name = "FILE",
        help = "Certificates (PEM) that may vouch for the server, beside those of this machine [env: WINDLASS_CA_FILE]",
        help_heading = "Connection"
    )]
    pub(crate) ca_file: Option<PathBuf>,

    /// How to print data
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

impl ClientArgs {
    /// How a server is reached.
    pub(crate) fn access(&self) -> Result<ServerAccess, Failure> {
        let ca_file = self.ca_file.clone().or_else(ca_file_of_environment);
        Ok(ServerAccess { api_key: self.api_key()?, ca_file })
    }

    /// The API key, if there is one. It never stands among the arguments, which everybody on the machine can read.
    fn api_key(&self) -> Result<Option<String>, Failure> {
        let from_env = || std::env::var("WINDLASS_API_KEY").ok().filter(|key| !key.is_empty());
        let Some(file) = &self.api_key_file else { return Ok(from_env()) };
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) => Err(Failure::usage(format!("--api-key-file: {error}"))),
        }
    }
}

/// Which authorities the environment names.
pub(crate) fn ca_file_of_environment() -> Option<PathBuf> {
    std::env::var_os("WINDLASS_CA_FILE").filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// Which page of a list of names.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Continue after this name
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) cursor: String,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What to delete by its name.
#[derive(Debug, Args)]
pub(crate) struct DeleteNamedArgs {
    /// Its name
    pub(crate) name: String,

    /// Delete everything in it as well, running jobs included
    #[arg(long)]
    pub(crate) force: bool,

    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FilterArgs {
    /// Jobs in this state; repeat it for any of several
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Vec<State>,

    /// Jobs of this type; repeat it for any of several
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Vec<String>,

    /// Jobs in this queue; repeat it for any of several
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Vec<String>,

    /// Nodes of this workflow
    #[arg(long, value_name = "ID", conflicts_with = "batch")]
    pub(crate) workflow: Option<WorkflowId>,

    /// Jobs of this batch
    #[arg(long, value_name = "ID")]
    pub(crate) batch: Option<BatchId>,
}

/// An instant, or a span from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    In(Duration),
}

impl When {
    /// The instant, by this machine's clock.
    pub(crate) fn instant(self) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::In(span) => windlass::Clock::system().now() + span,
        }
    }
}

/// Checks that a URL names a kind of database this build contains.
pub(crate) fn database(url: &str) -> Result<String, String> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(url.to_owned()),
        Some(("postgres" | "postgresql" | "mysql" | "mariadb", rest)) if rest.starts_with("//") => {
            Ok(url.to_owned())
        }
        Some(("memory", "")) => Ok(url.to_owned()),
        _ => Err(format!(
            "`{url}` names no database of this build (sqlite:PATH, memory:, postgres:// or mysql://)"
        )),
    }
}

/// A database's URL without its password, for people and logs.
pub(crate) fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((login, place)) = rest.rsplit_once('@') else { return url.to_owned() };
    match login.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{place}"),
        None => url.to_owned(),
    }
}

/// Reads `90s`, `1h30m` or `250ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    windlass::parse_duration(text)
}

/// Reads an RFC 3339 instant or a duration from now.
pub(crate) fn when(text: &str) -> Result<When, String> {
    let wrong =
        || format!("`{text}` is neither an instant (2026-01-31T08:00:00Z) nor a span (90s)");
    match (text.parse(), duration(text)) {
        (Ok(instant), _) => Ok(When::At(instant)),
        (_, Ok(span)) => Ok(When::In(span)),
        _ => Err(wrong()),
    }
}

/// Reads a job id.
pub(crate) fn job_id(text: &str) -> Result<JobId, String> {
    text.parse()
}

/// Reads a priority by name or number.
pub(crate) fn priority(text: &str) -> Result<Priority, String> {
    text.parse()
}

/// Reads a number of attempts.
pub(crate) fn attempts() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(ATTEMPTS_MAX))
}

/// Reads the name of a queue.
pub(crate) fn queue(name: &str) -> Result<String, String> {
    check_name(name).map_err(|why| format!("the name of a queue {why}"))?;
    Ok(name.to_owned())
}

/// Reads `key=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` has no `=` (write key=value)"))?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn an_instant_or_a_span_is_a_time() {
        assert_eq!(when("90s"), Ok(When::In(Duration::from_secs(90))));
        assert!(matches!(when("2026-01-31T08:00:00Z"), Ok(When::At(_))));
        assert!(when("tomorrow").unwrap_err().contains("neither"));
    }

    #[test]
    fn only_known_databases_are_accepted() {
        for url in ["sqlite:./data/windlass.db", "memory:", "postgres://h/db", "mysql://u@h/db"] {
            assert!(database(url).is_ok(), "{url}");
        }
        for url in ["windlass.db", "sqlite:", "postgres:x", "oracle:x"] {
            assert!(database(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = redacted("postgres://ada:s3:cr@t@db.example/jobs?schema=s");
        assert_eq!(shown, "postgres://ada:***@db.example/jobs?schema=s");
        for url in ["sqlite:./a@b.db", "memory:", "mysql://ada@h/db"] {
            assert_eq!(redacted(url), url);
        }
    }

    #[test]
    fn a_pair_may_hold_more_equal_signs() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(pair("a").is_err());
    }
}
