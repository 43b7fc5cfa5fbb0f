//! `windlass gq`: the commands and flags of `gq`, over the same server.
//!
//! What it prints is what `gq` prints; exit codes are those of every other command here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use windlass::{Priority, ServerAccess, State, format_duration};

use crate::args::{FilterArgs, attempts, ca_file_of_environment, duration, job_id, pair, priority};
use crate::client::{JobRequest, ListRequest, Page, Payload, Target};
use crate::exit::Failure;
use crate::output::{self, Format, Object};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true, version)]
pub(crate) struct GqArgs {
    /// Read by no version of gq; taken and left alone
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    config: Option<String>,

    /// Where `serve` keeps its database
    #[arg(long, global = true, value_name = "FOLDER", default_value = "./data")]
    data_dir: PathBuf,

    /// The server to talk to
    #[arg(long, global = true, value_name = "URL", default_value = "http://localhost:8080")]
    server: String,

    #[arg(
        long,
        global = true,
        value_name = "KEY",
        help = "The API key; everybody on this machine can read it here: WINDLASS_API_KEY is safer"
    )]
    api_key: Option<String>,

    /// Say more
    #[arg(short, long, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: GqCommand,
}

#[derive(Debug, Subcommand)]
enum GqCommand {
    /// Run the server
    Serve(GqServeArgs),
    /// Submit a job
    Submit(GqSubmitArgs),
    /// Show a job, or jobs, or the counts
    Status(GqStatusArgs),
    /// Show the version
    Version,
}

#[derive(Debug, Args)]
struct GqServeArgs {
    /// Where to listen; :PORT is a port of this machine alone
    #[arg(long, default_value = ":8080")]
    http: String,

    /// Jobs to run at a time
    #[arg(long, default_value_t = 10)]
    workers: u16,

    /// How long a stop waits for jobs
    #[arg(long, default_value = "30s")]
    shutdown_timeout: String,

    /// Taken and left alone: the database is SQLite
    #[arg(
        long,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        hide = true
    )]
    bolt: bool,
}

#[derive(Debug, Args)]
struct GqSubmitArgs {
    /// Type of the job
    #[arg(short, long = "type", value_name = "TYPE")]
    type_: String,

    /// Input, as JSON
    #[arg(short, long, default_value = "{}")]
    payload: String,

    /// Input from a file; - is stdin
    #[arg(short = 'f', long)]
    payload_file: Option<String>,

    /// 0 (critical) to 4 (bulk), or its name
    #[arg(long, default_value = "2", value_parser = priority)]
    priority: Priority,

    /// Run no earlier than this from now
    #[arg(long, default_value = "", hide_default_value = true)]
    delay: String,

    /// Longest run
    #[arg(long, default_value = "", hide_default_value = true)]
    timeout: String,

    /// Attempts before it becomes a dead letter
    #[arg(long, default_value_t = 3, value_parser = attempts())]
    max_attempts: u32,

    /// Same key, same job
    #[arg(long)]
    idempotency_key: Option<String>,

    /// Ties the job to your logs
    #[arg(long)]
    correlation_id: Option<String>,

    /// A tag; repeat it, or write several with commas
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair, value_delimiter = ',')]
    tag: Vec<(String, String)>,
}

/// What `gq` calls the state of a job.
#[derive(Debug, Clone, Copy)]
enum GqState {
    Ours(State),
    /// No job of ours is ever in it.
    Scheduled,
}

#[derive(Debug, Args)]
struct GqStatusArgs {
    /// The job
    #[arg(value_name = "JOB-ID")]
    id: Option<String>,

    /// Jobs in this state; none is ever `scheduled` here
    #[arg(long, value_parser = state)]
    state: Option<GqState>,

    /// Jobs of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// How to print
    #[arg(long, value_enum, default_value_t = GqFormat::Table)]
    format: GqFormat,

    /// Show the counts
    #[arg(long)]
    stats: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GqFormat {
    Table,
    Json,
}

impl GqArgs {
    /// The words of ours that `gq serve` stands for; other commands are their own.
    pub(crate) fn served(&self) -> Option<Vec<OsString>> {
        let GqCommand::Serve(serve) = &self.command else { return None };
        let (workers, folder) = (serve.workers.to_string(), self.data_dir.as_os_str());
        let words = ["windlass", "serve", "--http", &serve.http, "--workers", &workers];
        let stop = ["--shutdown-timeout", &serve.shutdown_timeout, "--data-dir"];
        let words = words.into_iter().chain(stop).map(OsString::from);
        Some(words.chain([folder.to_owned()]).collect())
    }
}

pub(crate) async fn run(args: GqArgs) -> Result<(), Failure> {
    let from_env = || std::env::var("WINDLASS_API_KEY").ok();
    let api_key = args.api_key.clone().or_else(from_env).filter(|key| !key.is_empty());
    let access = ServerAccess { api_key, ca_file: ca_file_of_environment() };
    let target = Target::server(&args.server, "default", &access)?;
    match args.command {
        GqCommand::Serve(_) | GqCommand::Version => {
            output::line(concat!("gq version ", env!("CARGO_PKG_VERSION")))
        }
        GqCommand::Submit(submit) => {
            let job = target.submit(request(submit)?).await?;
            match args.verbose {
                true => output::line(&job.indented()),
                false => output::line(&format!(
                    "Job submitted: {}\n  State: {}",
                    job.text("id"),
                    job.text("state")
                )),
            }
        }
        GqCommand::Status(status) => show(&target, status).await,
    }
}

fn request(args: GqSubmitArgs) -> Result<JobRequest, Failure> {
    let payload = match args.payload_file.as_deref() {
        None => Payload::from_argument(&args.payload)?,
        Some("-") => Payload::from_argument("-")?,
        Some(path) => Payload::from_file(path)?,
    };
    Ok(JobRequest {
        kind: args.type_,
        payload,
        queue: None,
        priority: Some(args.priority.get()),
        delay: span("--delay", &args.delay)?,
        scheduled_at: None,
        timeout: span("--timeout", &args.timeout)?,
        start_by: None,
        max_attempts: Some(args.max_attempts),
        idempotency_key: args.idempotency_key.filter(|key| !key.is_empty()),
        correlation_id: args.correlation_id.filter(|id| !id.is_empty()),
        concurrency_key: None,
        rate_key: None,
        fairness_key: None,
        depends_on: Vec::new(),
        batch_id: None,
        tags: args.tag.into_iter().collect(),
    })
}

/// A duration, where an empty text is none.
fn span(name: &str, text: &str) -> Result<Option<String>, Failure> {
    match text {
        "" => Ok(None),
        text => match duration(text) {
            Ok(span) => Ok(Some(format_duration(span))),
            Err(detail) => Err(Failure::usage(format!("{name}: {detail}"))),
        },
    }
}

async fn show(target: &Target, args: GqStatusArgs) -> Result<(), Failure> {
    let as_json = args.format == GqFormat::Json;
    if args.stats {
        let stats = target.stats().await?;
        return if as_json { output::line(&stats.indented()) } else { counts(&stats) };
    }
    if let Some(id) = &args.id {
        let job = target.get(job_id(id).map_err(Failure::usage)?).await?;
        return if as_json { output::line(&job.indented()) } else { one(&job) };
    }
    let (state, is_in_vain) = match args.state {
        Some(GqState::Ours(state)) => (Some(state), false),
        Some(GqState::Scheduled) => (None, true),
        None => (None, false),
    };
    let filter = FilterArgs {
        state: state.into_iter().collect(),
        kind: args.kind.into_iter().collect(),
        ..FilterArgs::default()
    };
    let request = ListRequest { filter, ..ListRequest::default() };
    let page = if is_in_vain { Page::empty()? } else { target.list(&request).await? };
    if as_json {
        return output::line(&page.document.indented());
    }
    let mut text = format!("{}\n", row(["ID", "TYPE", "STATE", "PRIORITY", "ATTEMPTS", "CREATED"]));
    for job in &page.jobs {
        let attempts = format!("{}/{}", job.text("attempt"), job.text("max_attempts"));
        let of = |name: &str| job.text(name);
        let (id, kind, state) = (of("id"), of("type"), of("state"));
        let (priority, created) = (of("priority"), of("created_at"));
        text.push_str(&row([&id, &kind, &state, &priority, &attempts, &created]));
        text.push('\n');
    }
    output::line(&format!("{text}\nTotal: {} jobs", page.jobs.len()))
}

/// Reads a state, theirs included.
fn state(text: &str) -> Result<GqState, String> {
    if text == "scheduled" { Ok(GqState::Scheduled) } else { text.parse().map(GqState::Ours) }
}

fn row(cells: [&str; 6]) -> String {
    let [id, kind, state, priority, attempts, created] = cells;
    format!("{id:<38} {kind:<20} {state:<12} {priority:<10} {attempts:<10} {created}")
}

fn one(job: &Object) -> Result<(), Failure> {
    let mut text = format!("Job: {}", job.text("id"));
    let attempts = format!("{}/{}", job.text("attempt"), job.text("max_attempts"));
    for (label, value) in [
        ("Type", job.text("type")),
        ("State", job.text("state")),
        ("Priority", job.text("priority")),
        ("Attempts", attempts),
        ("Created", job.text("created_at")),
        ("Updated", job.text("updated_at")),
        ("Error", job.text("last_error")),
    ] {
        if !value.is_empty() {
            text.push_str(&format!("\n  {label}: {value}"));
        }
    }
    output::line(&text)
}

fn counts(stats: &Object) -> Result<(), Failure> {
    output::stats(Format::Table, stats)
}
