//! `windlass pgqueue`: the commands and flags of `pgqueue`, over the facade of any server.
//!
//! What it prints is what the server answers: objects as JSON, indented.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use windlass::{JobId, ServerAccess, Timestamp};

use crate::args::{duration, job_id};
use crate::client::Facade;
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true, version)]
pub(crate) struct PgqueueArgs {
    /// Taken and left alone: `run` logs as `serve` does
    #[arg(long, global = true, hide = true)]
    debug: bool,

    /// Prefix of the server's paths; this one answers under both
    #[arg(
        long = "http.prefix",
        global = true,
        default_value = "/api",
        value_parser = ["/api", "/api/v1"]
    )]
    prefix: String,

    /// Where the server listens: HOST:PORT
    #[arg(
        long = "http.addr",
        global = true,
        env = "PGQUEUE_ADDR",
        default_value = "localhost:8080"
    )]
    address: String,

    /// The namespace to work in
    #[arg(long, global = true, env = "WINDLASS_NAMESPACE", default_value = "default")]
    namespace: String,

    #[command(subcommand)]
    command: PgqueueCommand,
}

#[derive(Debug, Subcommand)]
enum PgqueueCommand {
    /// Run the server
    Run {
        /// The database [default: SQLite in ./data]
        #[arg(default_value = "", hide_default_value = true)]
        url: String,
        /// The file with the certificate
        #[arg(long = "tls.cert")]
        cert: Option<String>,
        /// The file with its key
        #[arg(long = "tls.key")]
        key: Option<String>,
    },
    /// List namespaces
    Namespaces,
    /// List queues
    Queues(Page),
    /// Show a queue
    Queue(Named),
    /// Create a queue
    CreateQueue(QueueArgs),
    /// Change a queue
    UpdateQueue(QueueArgs),
    /// Delete a queue and its tasks
    DeleteQueue(Named),
    /// List tasks
    Tasks {
        /// Tasks of this queue
        #[arg(long)]
        queue: Option<String>,
        /// new, retry, retained, released, failed or expired
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Store a task
    CreateTask {
        /// The queue
        queue: String,
        /// Input
        #[arg(long, value_name = "JSON", default_value = "{}", value_parser = raw)]
        payload: Box<RawValue>,
        /// Run no earlier than this instant
        #[arg(long, value_name = "INSTANT")]
        delayed_at: Option<Timestamp>,
    },
    /// Retain a task, of any of these queues
    RetainTask {
        /// Queues [default: any]
        queues: Vec<String>,
        /// A name for whoever works on it
        #[arg(long)]
        worker: String,
    },
    /// Release a retained task
    CompleteTask {
        /// The task
        #[arg(value_parser = job_id)]
        id: JobId,
        /// It failed, with this
        #[arg(long, value_name = "JSON", value_parser = raw, conflicts_with = "result")]
        error: Option<Box<RawValue>>,
        /// It succeeded, with this
        #[arg(long, value_name = "JSON", value_parser = raw)]
        result: Option<Box<RawValue>>,
    },
    /// List tickers
    Tickers(Page),
    /// Show a ticker
    Ticker(Named),
    /// Create a ticker
    CreateTicker(TickerArgs),
    /// Change a ticker
    UpdateTicker(TickerArgs),
    /// Delete a ticker
    DeleteTicker(Named),
    /// Follow ticks
    NextTicker,
}

#[derive(Debug, Args)]
struct Page {
    /// Leave out so many
    #[arg(long)]
    offset: Option<u32>,
    /// At most so many
    #[arg(long)]
    limit: Option<u32>,
}

#[derive(Debug, Args)]
struct Named {
    /// Its name
    name: String,
}

#[derive(Debug, Args)]
struct QueueArgs {
    /// Its name
    name: String,
    /// How long tasks live, and how long one may be retained
    #[arg(long, value_parser = duration)]
    ttl: Option<Duration>,
    /// Runs of a task
    #[arg(long)]
    retries: Option<u32>,
    /// The wait after the first failed run; the n-th waits n squared times as long
    #[arg(long, value_parser = duration)]
    retry_delay: Option<Duration>,
}

#[derive(Debug, Args)]
struct TickerArgs {
    /// Its name
    name: String,
    /// How often it ticks
    #[arg(long, value_parser = duration)]
    interval: Option<Duration>,
    /// What its tasks have as input
    #[arg(long, value_name = "JSON", value_parser = raw)]
    payload: Option<Box<RawValue>>,
}

/// JSON as it was written; a text that is none is refused here.
fn raw(text: &str) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text.to_owned()).map_err(|error| format!("not JSON: {error}"))
}

impl PgqueueArgs {
    /// The words of ours that `pgqueue run` stands for; other commands are their own.
    pub(crate) fn served(&self) -> Result<Option<Vec<OsString>>, Failure> {
        let PgqueueCommand::Run { url, cert, key } = &self.command else { return Ok(None) };
        if self.namespace != "default" {
            let hint = "one server serves all: make it with `windlass namespaces create NAME`";
            return Err(Failure::usage("--namespace: clients name their namespace").hint(hint));
        }
        let http = self.address.replace("localhost:", "127.0.0.1:");
        let mut words = vec!["windlass", "serve", "--http", &http];
        for (name, value) in [("--tls-cert", cert), ("--tls-key", key)] {
            words.extend(value.iter().flat_map(|value| [name, value.as_str()]));
        }
        if !url.is_empty() {
            words.extend(["--database", url]);
        }
        Ok(Some(words.into_iter().map(OsString::from).collect()))
    }
}

pub(crate) async fn run(args: PgqueueArgs) -> Result<(), Failure> {
    let host = if args.address.starts_with(':') { "localhost" } else { "" };
    let url = format!("http://{host}{}", args.address);
    let api_key = std::env::var("WINDLASS_API_KEY").ok().filter(|key| !key.is_empty());
    let access = ServerAccess { api_key, ca_file: None };
    let facade = Facade::new(&url, &args.namespace, &access)?;
    let call = match args.command {
        PgqueueCommand::NextTicker => {
            return facade.follow(|event, data| output::line(&format!("[{event}] {data}"))).await;
        }
        command => request(command),
    };
    let (method, path, query, body) = call;
    output::data(&facade.call(method, &path, &query, body).await?)
}

/// What is sent: method, path after the prefix, query and body.
type Call = (Method, String, Vec<(&'static str, String)>, Option<Body>);

/// Members of a body, written out: numbers keep their digits.
type Body = BTreeMap<&'static str, Box<RawValue>>;

fn request(command: PgqueueCommand) -> Call {
    match command {
        PgqueueCommand::Run { .. } | PgqueueCommand::NextTicker | PgqueueCommand::Namespaces => {
            get("namespace", Vec::new())
        }
        PgqueueCommand::Queues(page) => get("queue", paged(&page)),
        PgqueueCommand::Queue(Named { name }) => get(format!("queue/{name}"), Vec::new()),
        PgqueueCommand::DeleteQueue(Named { name }) => {
            (Method::DELETE, format!("queue/{name}"), Vec::new(), None)
        }
        PgqueueCommand::CreateQueue(args) => {
            with(Method::POST, "queue", queue_body(&args, Some(&args.name)))
        }
        PgqueueCommand::UpdateQueue(args) => {
            with(Method::PATCH, format!("queue/{}", args.name), queue_body(&args, None))
        }
        PgqueueCommand::Tasks { queue, status, page } => {
            let mut query = paged(&page);
            query.extend(queue.map(|queue| ("queue", queue)));
            query.extend(status.map(|status| ("status", status)));
            get("task", query)
        }
        PgqueueCommand::CreateTask { queue, payload, delayed_at } => {
            let mut body = Body::from([("queue", member(&queue)), ("payload", payload)]);
            body.extend(delayed_at.map(|at| ("delayed_at", member(&at))));
            with(Method::POST, "task", body)
        }
        PgqueueCommand::RetainTask { queues, worker } => {
            let queues = queues.into_iter().map(|queue| ("queue", queue));
            let query = std::iter::once(("worker", worker)).chain(queues).collect();
            (Method::PUT, "task".to_owned(), query, None)
        }
        PgqueueCommand::CompleteTask { id, error, result } => {
            let mut body = Body::from([("fail", member(&error.is_some()))]);
            body.extend(error.or(result).map(|result| ("result", result)));
            with(Method::PATCH, format!("task/{id}"), body)
        }
        PgqueueCommand::Tickers(page) => get("ticker", paged(&page)),
        PgqueueCommand::Ticker(Named { name }) => get(format!("ticker/{name}"), Vec::new()),
        PgqueueCommand::DeleteTicker(Named { name }) => {
            (Method::DELETE, format!("ticker/{name}"), Vec::new(), None)
        }
        PgqueueCommand::CreateTicker(args) => {
            let name = args.name.clone();
            with(Method::POST, "ticker", ticker_body(args, Some(name)))
        }
        PgqueueCommand::UpdateTicker(args) => {
            with(Method::PATCH, format!("ticker/{}", args.name), ticker_body(args, None))
        }
    }
}

fn get(path: impl Into<String>, query: Vec<(&'static str, String)>) -> Call {
    (Method::GET, path.into(), query, None)
}

fn with(method: Method, path: impl Into<String>, body: Body) -> Call {
    (method, path.into(), Vec::new(), Some(body))
}

fn paged(page: &Page) -> Vec<(&'static str, String)> {
    let numbers = [("offset", page.offset), ("limit", page.limit)];
    numbers.into_iter().filter_map(|(name, n)| Some((name, n?.to_string()))).collect()
}

fn queue_body(args: &QueueArgs, name: Option<&str>) -> Body {
    let mut body = Body::new();
    body.extend(name.map(|name| ("queue", member(&name))));
    body.extend(args.ttl.map(|ttl| ("ttl", nanos(ttl))));
    body.extend(args.retries.map(|retries| ("retries", member(&retries))));
    body.extend(args.retry_delay.map(|delay| ("retry_delay", nanos(delay))));
    body
}

fn ticker_body(args: TickerArgs, name: Option<String>) -> Body {
    let mut body = Body::new();
    body.extend(name.map(|name| ("ticker", member(&name))));
    body.extend(args.interval.map(|interval| ("interval", nanos(interval))));
    body.extend(args.payload.map(|payload| ("payload", payload)));
    body
}

fn nanos(span: Duration) -> Box<RawValue> {
    member(&u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
}

fn member(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("texts and numbers can be written as JSON")
}
