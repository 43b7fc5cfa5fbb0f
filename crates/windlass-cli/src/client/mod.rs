//! Where client commands find the jobs: a server over HTTP, or a database opened directly.
//!
//! Invariant: both answer with the same JSON objects, so a command prints one thing.

mod bundles;
mod database;
mod events;
mod facade;
mod http;
mod keys;
mod limits;
mod new_job;
mod operations;
mod queues;
mod schedules;
mod signals;
mod workers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass::{JobId, Priority, ServerAccess};

use crate::args::{self, ClientArgs, FilterArgs};
use crate::exit::{Exit, Failure};
use crate::output::Object;
pub(crate) use bundles::{BundlePage, Steering};
use database::Database;
pub(crate) use database::{make_folder, refuse_missing};
pub(crate) use events::{EventRequest, Told};
pub(crate) use facade::Facade;
pub(crate) use http::Server;
pub(crate) use new_job::{EditRequest, JobRequest, Payload};
pub(crate) use operations::operation_id;
pub(crate) use queues::Scope;
pub(crate) use schedules::{Doing, body};

pub(crate) const SERVER_DEFAULT: &str = "http://127.0.0.1:8080";

/// How long one request may wait for the end of a job; a longer wait is several requests.
const WAIT_SLICE: Duration = Duration::from_secs(30);

/// How long a wait outlives a server that is away (a restart), and how often it knocks meanwhile.
const ABSENCE_MAX: Duration = Duration::from_secs(30);
const ABSENCE_PAUSE: Duration = Duration::from_millis(500);

/// The other end of a client command.
#[derive(Debug)]
pub(crate) enum Target {
    Server(Arc<Server>),
    Database(Database),
}

/// A page of jobs, and the document it came in.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) document: Object,
    pub(crate) jobs: Vec<Object>,
}

impl Page {
    /// A page of no jobs.
    pub(crate) fn empty() -> Result<Self, Failure> {
        let text = r#"{"jobs":[],"count":0,"next_cursor":null,"has_more":false}"#;
        let document = Object::parse(text.to_owned()).map_err(|error| unreadable(&error))?;
        Ok(Self { document, jobs: Vec::new() })
    }
}

/// Which page of which jobs.
#[derive(Debug, Default)]
pub(crate) struct ListRequest {
    pub(crate) filter: FilterArgs,
    pub(crate) limit: Option<usize>,
    pub(crate) cursor: Option<JobId>,
    pub(crate) is_ascending: bool,
}

/// How to retry a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct RetryRequest {
    pub(crate) reset_attempts: bool,
    pub(crate) delay: Option<Duration>,
    pub(crate) priority: Option<Priority>,
}

/// Whether a database that does not exist yet may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Create,
    Refuse,
}

impl Target {
    /// Opens what the arguments and the environment name: flags first, a server before a database.
    pub(crate) async fn open(client: &ClientArgs, missing: Missing) -> Result<Self, Failure> {
        let from_env = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let server = client.server.clone().or_else(|| from_env("WINDLASS_SERVER"));
        let database = match (&client.database, &server) {
            (Some(url), _) => Some(url.clone()),
            (None, None) => match from_env("WINDLASS_DATABASE") {
                Some(url) => Some(args::database(&url).map_err(Failure::usage)?),
                None => None,
            },
            (None, Some(_)) => None,
        };
        match database {
            Some(url) => {
                Ok(Self::Database(Database::open(&url, &client.namespace, missing).await?))
            }
            None => {
                let url = server.as_deref().unwrap_or(SERVER_DEFAULT);
                let server = Server::new(url, &client.namespace, &client.access()?)?;
                Ok(Self::Server(Arc::new(server)))
            }
        }
    }

    /// A server, whatever the environment says.
    pub(crate) fn server(
        url: &str,
        namespace: &str,
        access: &ServerAccess,
    ) -> Result<Self, Failure> {
        Server::new(url, namespace, access).map(|server| Self::Server(Arc::new(server)))
    }

    pub(crate) async fn submit(&self, job: JobRequest) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.submit(&job).await,
            Self::Database(database) => database.submit(job).await,
        }
    }

    pub(crate) async fn get(&self, job: JobId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.get(job).await,
            Self::Database(database) => database.get(job).await,
        }
    }

    pub(crate) async fn explain(&self, job: JobId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.explain(job).await,
            Self::Database(database) => database.explain(job).await,
        }
    }

    pub(crate) async fn logs(&self, job: JobId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.logs(job).await,
            Self::Database(database) => database.logs(job).await,
        }
    }

    pub(crate) async fn list(&self, request: &ListRequest) -> Result<Page, Failure> {
        let document = match self {
            Self::Server(server) => server.list(request).await?,
            Self::Database(database) => database.list(request).await?,
        };
        let jobs = document.objects("jobs").map_err(|error| unreadable(&error))?;
        Ok(Page { document, jobs })
    }

    pub(crate) async fn cancel(
        &self,
        job: JobId,
        reason: Option<&str>,
        force: bool,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.cancel(job, reason, force).await,
            Self::Database(database) => database.cancel(job, reason, force).await,
        }
    }

    pub(crate) async fn retry(&self, job: JobId, how: &RetryRequest) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.retry(job, how).await,
            Self::Database(database) => database.retry(job, how).await,
        }
    }

    pub(crate) async fn delete(&self, job: JobId, force: bool) -> Result<(), Failure> {
        match self {
            Self::Server(server) => server.delete(job, force).await,
            Self::Database(database) => database.delete(job, force).await,
        }
    }

    pub(crate) async fn stats(&self) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.stats().await,
            Self::Database(database) => database.stats().await,
        }
    }

    /// Waits until a job has ended and returns it.
    ///
    /// The job outlives a server that restarts, and so does the wait.
    pub(crate) async fn wait(&self, job: JobId, timeout: Duration) -> Result<Object, Failure> {
        let started = Instant::now();
        let mut away_since: Option<Instant> = None;
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            match self.wait_slice(job, left.min(WAIT_SLICE)).await {
                Ok(Some(ended)) => return Ok(ended),
                Ok(None) if left.is_zero() => return Err(wait_timed_out(job, timeout)),
                Ok(None) => away_since = None,
                Err(failure) if failure.exit == Exit::Unreachable => {
                    let absence = away_since.get_or_insert_with(Instant::now).elapsed();
                    if absence >= ABSENCE_MAX || left.is_zero() {
                        return Err(failure);
                    }
                    tokio::time::sleep(ABSENCE_PAUSE.min(left)).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn wait_slice(&self, job: JobId, slice: Duration) -> Result<Option<Object>, Failure> {
        match self {
            Self::Server(server) => server.wait(job, slice).await,
            Self::Database(database) => database.wait(job, slice).await,
        }
    }

    /// Finishes what is under way: a direct database is left as after a clean stop.
    pub(crate) async fn close(self) {
        if let Self::Database(database) = self {
            database.close().await;
        }
    }
}

/// An answer that is not what the contract says.
fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Failure, format!("the answer is not what was expected: {error}"))
}

fn wait_timed_out(job: JobId, timeout: Duration) -> Failure {
    let span = windlass::format_duration(timeout);
    Failure::new(Exit::Timeout, format!("job {job} has not ended within {span}"))
        .hint(format!("it goes on; wait again with `windlass jobs wait {job}`"))
}
