//! `windlass serve`: the HTTP server and a worker in one process.
//!
//! Invariant: the port is bound, and answers, before a database is touched, and a job that was claimed is settled
//! or given back before the process ends, however it is asked to.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use tokio_util::sync::CancellationToken;
use windlass::{Queue, QueueBuilder, RunningUpkeep, RunningWorker, Worker, format_duration};
use windlass_server::{Observer, Server, Traces};

use crate::args::{database, duration, queue, redacted};
use crate::config::Declared;
use crate::demo;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::serve::access::{Access, AccessArgs};
use crate::serve::bounds::BoundArgs;
use crate::serve::logging::LogArgs;
use crate::serve::opening::{Opened, open, start};
use crate::serve::rates::RateArgs;
use crate::serve::signals::Signals;
use crate::serve::telemetry::{self, Telemetry};
use crate::serve::{address, builtin, logging};

/// Where clients look unless they are told otherwise.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file; flags and environment stand over it [default: ./windlass.toml if it is there]
    #[arg(long, value_name = "FILE", env = "WINDLASS_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// What the file says beyond options.
    #[arg(skip)]
    pub(crate) declared: Declared,

    /// Where to listen; :PORT means 127.0.0.1:PORT, port 0 any free one
    #[arg(long, value_name = "ADDRESS", env = "WINDLASS_HTTP", default_value = "127.0.0.1:8080")]
    http: String,

    /// The database: sqlite:PATH, memory:, postgres:// or mysql:// [default: windlass.db in the data directory]
    #[arg(long, value_name = "URL", env = "WINDLASS_DATABASE", value_parser = database)]
    database: Option<String>,

    /// Refuse a database whose tables are not up to date, and change none
    #[arg(long, env = "WINDLASS_NO_MIGRATE", value_parser = FalseyValueParser::new())]
    no_migrate: bool,

    /// Where the database is unless --database says otherwise
    #[arg(long, value_name = "FOLDER", env = "WINDLASS_DATA_DIR", default_value = "./data")]
    data_dir: PathBuf,

    /// Jobs this process runs at a time
    #[arg(
        long,
        value_name = "N",
        env = "WINDLASS_WORKERS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    workers: u16,

    /// Queues this process works on, in this order of preference [default: all]
    #[arg(long, value_name = "QUEUES", env = "WINDLASS_QUEUES", value_delimiter = ',', value_parser = queue)]
    queues: Vec<String>,

    /// How long a stop waits for running jobs before it cancels them and gives them back
    #[arg(
        long,
        value_name = "SPAN",
        env = "WINDLASS_SHUTDOWN_TIMEOUT",
        default_value = "30s",
        value_parser = duration
    )]
    shutdown_timeout: Duration,

    /// How long this process may be silent before others get its jobs
    #[arg(long, value_name = "SPAN", env = "WINDLASS_LEASE", default_value = "30s", value_parser = duration)]
    lease: Duration,

    /// Enqueue and run a lively sample workload; without --database in a database of its own
    #[arg(long, env = "WINDLASS_DEMO", value_parser = FalseyValueParser::new(), conflicts_with = "api_only")]
    demo: bool,

    /// Run no jobs here: serve HTTP, also for workers elsewhere, and do the upkeep
    #[arg(long, env = "WINDLASS_API_ONLY", value_parser = FalseyValueParser::new())]
    api_only: bool,

    #[command(flatten)]
    access: AccessArgs,

    #[command(flatten)]
    bounds: BoundArgs,

    #[command(flatten)]
    rates: RateArgs,

    /// How long lines of the audit are kept, or `forever`; of several servers on one database the shortest holds
    #[arg(
        long,
        value_name = "SPAN",
        env = "WINDLASS_AUDIT__RETENTION",
        default_value = "365d",
        value_parser = retention,
        help_heading = "Access"
    )]
    audit_retention: Retention,

    /// Label `service` of every metric, to tell this service from others
    #[arg(long, value_name = "NAME", env = "WINDLASS_SERVICE_NAME", help_heading = "Log")]
    service_name: Option<String>,

    #[command(flatten)]
    log: LogArgs,
}

/// How long something is kept.
#[derive(Debug, Clone, Copy)]
enum Retention {
    For(Duration),
    Forever,
}

/// A span from a day on: less is a mistake.
fn retention(text: &str) -> Result<Retention, String> {
    if text == "forever" {
        return Ok(Retention::Forever);
    }
    match duration(text)? {
        span if span >= DAY => Ok(Retention::For(span)),
        _ => Err(format!("`{text}` is less than 1d")),
    }
}

/// Why the server ends.
enum End {
    Asked,
    StorageFailed,
    HttpFailed(Failure),
}

pub(crate) async fn run(args: ServeArgs) -> Result<(), Failure> {
    logging::for_server(&args.log)?;
    let mut signals = Signals::take_over()?;
    let listener = address::bind(&args.http).await?;
    let address = listener.local_addr().ok();
    let access = args.access.open(address)?;
    let database = args.database_url();
    access.check_before(&database)?;
    args.make_folder()?;
    let announced = Once::new();
    let announce = || announced.call_once(|| args.announce(address, &access, &database));
    let (observer, stop_http) = (Observer::new(), CancellationToken::new());
    let (server, opening) = Server::opening();
    let server = server.observer(observer.clone()).version(env!("CARGO_PKG_VERSION"));
    let server = server.log_dropped(output::sink::dropped);
    let mut telemetry = Telemetry::of_environment(args.service_name.as_deref())?;
    let traces = telemetry.as_ref().map(|telemetry| telemetry.traces.clone());
    let server = server.service(args.service_name.clone()).traces(traces.clone());
    let server =
        args.access.apply(&access, server).limits(args.bounds.limits()).rates(args.rates.rates());
    let leaving = CancellationToken::new();
    let mut http = Box::pin(server.leaving(leaving.clone()).serve(listener, stop_http.clone()));
    let make = |queue: &Queue| args.worker(queue, observer.clone(), traces.clone());
    let opened = tokio::select! {
        _ = signals.next() => {
            stop_http.cancel();
            return http.await.map_err(|error| http_ended(Some(error)));
        }
        done = &mut http => return Err(http_ended(done.err())),
        opened = open_all(&args, (&access, &database), make, &announce) => opened?,
    };
    opening.opened(opened.queue.clone());
    announce();
    let done = tokio::select! {
        done = work(&args, opened, (http, leaving, stop_http), signals) => done,
        never = access.reload() => match never {},
        never = telemetry::run(telemetry.as_mut()) => match never {},
    };
    if let Some(telemetry) = telemetry {
        telemetry.finish().await;
    }
    done
}

/// Opens the database, and lets nobody in and runs nothing before it is certain that this server may serve.
async fn open_all(
    args: &ServeArgs,
    (access, database): (&Access, &str),
    make: impl Fn(&Queue) -> Option<Worker<()>>,
    away: impl Fn(),
) -> Result<Opened, Failure> {
    let queue = open(database, args.queue(), &away).await?;
    let ready = async {
        access.check(&queue, &redacted(database)).await?;
        args.declared.apply(&queue).await?;
        Ok(start(database, &queue, make, away).await?)
    };
    match ready.await {
        Ok(worker) => Ok(Opened { queue, worker }),
        Err(failure) => {
            queue.close().await;
            Err(failure)
        }
    }
}

/// Serves and runs jobs until there is a reason to end.
async fn work(
    args: &ServeArgs,
    Opened { queue, worker }: Opened,
    (mut http, leaving, stop_http): (
        impl Future<Output = std::io::Result<()>> + Unpin,
        CancellationToken,
        CancellationToken,
    ),
    mut signals: Signals,
) -> Result<(), Failure> {
    let upkeep = worker.is_none().then(|| queue.start_upkeep());
    let end = tokio::select! {
        _ = signals.next() => End::Asked,
        () = asked_to_stop(worker.as_ref()) => End::Asked,
        () = queue.storage_failed() => End::StorageFailed,
        done = &mut http => End::HttpFailed(http_ended(done.err())),
        never = samples(&queue, args.demo) => match never {},
    };
    leaving.cancel();
    match end {
        End::Asked => {
            let grace = format_duration(args.shutdown_timeout);
            tracing::info!("stopping: running jobs have {grace}; a second signal ends it at once");
        }
        End::StorageFailed => return Err(storage_failed()),
        End::HttpFailed(failure) => {
            stop(worker, &stop_http, std::future::ready(()), signals.next()).await;
            stop_upkeep(upkeep).await;
            queue.close().await;
            return Err(failure);
        }
    }
    let mut second = None;
    let hurry = async { second = Some(signals.next().await) };
    tokio::select! {
        () = stop(worker, &stop_http, async { drop(http.await) }, hurry) => {}
        () = queue.storage_failed() => return Err(storage_failed()),
    }
    stop_upkeep(upkeep).await;
    queue.close().await;
    second.map_or(Ok(()), |exit| Err(stopped_at_once(exit)))
}

impl ServeArgs {
    fn queue(&self) -> QueueBuilder {
        let queue = Queue::builder().migrate(!self.no_migrate);
        match self.audit_retention {
            Retention::For(span) => queue.audit_retention(span),
            Retention::Forever => queue,
        }
    }

    /// The database's URL.
    fn database_url(&self) -> String {
        let file = || self.data_dir.join(if self.demo { "demo.db" } else { "windlass.db" });
        self.database.clone().unwrap_or_else(|| format!("sqlite:{}", file().display()))
    }

    /// Makes the folder of a database that was not named.
    fn make_folder(&self) -> Result<(), Failure> {
        if self.database.is_some() {
            return Ok(());
        }
        let folder = &self.data_dir;
        std::fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            Failure::new(Exit::Failure, format!("cannot make the folder `{folder}`: {error}"))
        })
    }

    fn worker(
        &self,
        queue: &Queue,
        observer: Observer,
        traces: Option<Traces>,
    ) -> Option<Worker<()>> {
        if self.api_only {
            return None;
        }
        let worker = queue
            .worker()
            .all_namespaces()
            .queues(self.queues.clone())
            .concurrency(usize::from(self.workers))
            .lease(self.lease)
            .grace(self.shutdown_timeout)
            .on_event(move |event| observer.observe(event))
            .with(builtin::handlers)
            .with(|worker| self.declared.handlers.add_to(worker));
        let worker = match traces {
            Some(traces) => worker.wrap(move |info, next| traces.clone().around(info, next)),
            None => worker,
        };
        Some(if self.demo { worker.with(demo::handlers) } else { worker })
    }

    /// Tells the person at the terminal where things are, and what to do next.
    fn announce(&self, address: Option<SocketAddr>, access: &Access, database: &str) {
        let url =
            address.map(|address| format!("{}://{address}", access.scheme())).unwrap_or_default();
        let server = match address {
            Some(address) if address == DEFAULT_ADDRESS => String::new(),
            _ => format!(" --server {url}"),
        };
        let next = if self.demo {
            format!("windlass status{server}")
        } else {
            format!("windlass submit echo --payload '{{\"hello\":\"world\"}}' --wait{server}")
        };
        output::say(&format!("windlass {}", env!("CARGO_PKG_VERSION")));
        output::say(&format!("listening on  {url}"));
        output::say(&format!("dashboard     {url}/ui/"));
        output::say(&format!("database      {}", redacted(database)));
        output::say(&format!("try           {next}"));
        if access.is_open {
            output::say(
                "WARNING: without an API key, whoever reaches this address can read and change every job",
            );
            tracing::warn!(
                "--insecure-no-auth: as long as there is no API key, everybody is let in"
            );
        }
    }
}

async fn stop_upkeep(upkeep: Option<RunningUpkeep>) {
    if let Some(upkeep) = upkeep {
        upkeep.stop().await;
    }
}

/// Someone asks this process's worker to terminate; without a worker nobody can.
async fn asked_to_stop(worker: Option<&RunningWorker>) {
    match worker {
        Some(worker) => worker.asked_to_stop().await,
        None => std::future::pending().await,
    }
}

/// The sample workload; without `--demo` there is none, forever.
async fn samples(queue: &Queue, is_wanted: bool) -> Infallible {
    if is_wanted { demo::run(queue.clone()).await } else { std::future::pending().await }
}

/// Stops in an order that loses nothing: the worker while its jobs can still be watched, then HTTP.
/// Once `hurry` ends, running jobs are given back at once.
async fn stop<F: Future>(
    worker: Option<RunningWorker>,
    stop_http: &CancellationToken,
    http: impl Future<Output = ()>,
    hurry: F,
) {
    let drain = async {
        if let Some(worker) = worker {
            worker.stop_or(hurry).await;
        }
        stop_http.cancel();
    };
    tokio::join!(drain, http);
}

fn storage_failed() -> Failure {
    Failure::new(Exit::StorageFailed, "the database can no longer be trusted: see the log")
        .hint("check the disk, then the file with `windlass doctor --deep`")
}

fn stopped_at_once(exit: Exit) -> Failure {
    Failure::new(exit, "stopped at once, as asked twice")
        .hint("jobs that were running were given back and run again")
}

fn http_ended(error: Option<std::io::Error>) -> Failure {
    let cause = error.map(|error| format!(": {error}")).unwrap_or_default();
    Failure::new(Exit::Failure, format!("the HTTP server ended by itself{cause}"))
}
