//! The store: batches of verbs with fenced writes. The only place with SQL and database drivers.
//!
//! [`Store`] is what the rest of the library sees. [`SqlStore`] implements it once, over a
//! [`Driver`](driver::Driver) per database.

mod bundle_store;
mod catalog;
mod driver;
mod edges;
mod effects;
mod enqueue_store;
mod event_store;
mod floors;
mod group;
mod handler_store;
mod ids;
mod key_store;
mod limit_store;
mod line;
mod list;
mod list_query;
mod migrations;
mod minute_store;
#[cfg(all(test, feature = "sqlite"))]
mod model;
#[cfg(feature = "mysql")]
mod mysql;
mod notes;
mod operation;
mod operation_store;
mod origin;
#[cfg(feature = "postgres")]
mod postgres;
mod queue_store;
#[cfg(all(test, feature = "postgres", feature = "mysql"))]
mod races;
#[cfg(feature = "remote")]
pub(crate) mod remote;
mod reply_store;
mod rows;
mod schedule_store;
pub mod schema;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
mod serving;
mod session_store;
mod settings;
mod sql_store;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
#[cfg(feature = "testing")]
mod test_faults;
mod times;
mod transfer_store;
mod types;
mod verb;
mod waits;
pub(crate) mod within;
mod worker_store;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::core::Settlement;
use crate::job::{AttemptRecord, Explanation, JobId, JobRecord, JobRef, NewJob};
use crate::runtime::{Clock, Signals};

pub(crate) use bundle_store::BundleStore;
pub(crate) use effects::Measure;
pub(crate) use event_store::EventStore;
pub(crate) use handler_store::{Fence, HandlerStore, LogNote, Part, Saved};
pub(crate) use key_store::KeyStore;
pub(crate) use limit_store::LimitStore;
pub(crate) use list_query::ListQuery;
pub(crate) use minute_store::MinuteStore;
pub(crate) use operation::{Deed, Target};
pub use operation::{
    Operation, OperationFailure, OperationId, OperationRecord, OperationState, OperationTarget,
};
pub(crate) use operation_store::OperationStore;
pub(crate) use origin::Origin;
pub(crate) use queue_store::QueueStore;
pub use reply_store::KeptReply;
pub(crate) use reply_store::{OpenedRequest, ReplyStore, RequestKey};
pub(crate) use schedule_store::{Declared, ScheduleStore};
pub(crate) use session_store::SessionStore;
#[cfg(feature = "testing")]
pub(crate) use test_faults::TestFaults;
pub(crate) use transfer_store::TransferStore;
pub(crate) use types::{
    Admitted, Beat, Claimed, Claims, Counted, DeadLetter, Expected, Found, HeldBy, Known,
    KnownWorker, Listed, NewWorker, ProgressNote, Promoted, Pruned, PurgeBatch, Purged, QueuePage,
    Report, Resolved, Served, ServingWorker, Settled, Stored, Sweep, TakenBy, Taker, Tally,
    WorkerKey, WorkerOrigin, WorkerPage,
};
pub use types::{Existing, RetryOptions};
pub(crate) use verb::{
    BundleRow, Happened, Minute, Minutes, Restored, Scope, Sort, Transferred, Which, minute_of,
};
pub(crate) use worker_store::WorkerStore;

/// What the users of one database in one process have in common.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) signals: Signals,
    pub(crate) catalog: catalog::Catalog,
    pub(crate) floors: floors::Floors,
    pub(crate) settings: settings::SettingsCache,
    /// Jobs that others wait for.
    pub(crate) edges: edges::Edges,
    #[cfg(feature = "testing")]
    pub(crate) faults: TestFaults,
    /// As for dependencies: whether workflows or batches are open, and which jobs have ended.
    pub(crate) members: edges::Edges,
    /// Jobs that hold slots.
    pub(crate) slots: edges::Edges,
    /// Lines that may have room.
    pub(crate) lines: edges::Lines,
    /// Who serves what.
    pub(crate) serving: serving::Serving,
    /// How long things took.
    pub(crate) times: times::Times,
    /// Whether anyone is told what happens.
    pub(crate) watching: notes::Watching,
}

/// The answer of a verb, some time later.
pub(crate) type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The verbs. Every write answers when it is on stable storage; an error means that nothing of the
/// call took effect, or, for [`Error::Unavailable`], that this is unknown and a repetition is safe.
pub(crate) trait Store:
    QueueStore
    + ScheduleStore
    + HandlerStore
    + OperationStore
    + BundleStore
    + EventStore
    + LimitStore
    + WorkerStore
    + MinuteStore
    + KeyStore
    + SessionStore
    + ReplyStore
    + TransferStore
    + Send
    + Sync
    + 'static
{
    /// Stores jobs; one answer per job, in order. With `atomic`, one refusal refuses all.
    fn enqueue(
        &self,
        namespace: &Arc<str>,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Reply<'_, Vec<Result<Stored, Error>>>;

    /// The same, with the jobs that are known without a look at the database; here none is.
    fn enqueue_known(
        &self,
        namespace: &Arc<str>,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Reply<'_, Vec<Result<Known, Error>>> {
        let stored = self.enqueue(namespace, jobs, atomic);
        Box::pin(async move {
            Ok(stored.await?.into_iter().map(|reply| reply.map(|stored| (stored, None))).collect())
        })
    }

    /// The same for a transaction of the application, which commits it; one refusal refuses all.
    fn enlist_enqueue(&self, namespace: &Arc<str>, jobs: Vec<NewJob>) -> Reply<'_, within::Work>;
    /// The end of an attempt, for a transaction of the application.
    fn enlist_settle(&self, worker: &WorkerKey, item: Settlement) -> Result<within::Work, Error>;

    fn register(&self, worker: NewWorker) -> Reply<'_, i64>;
    fn claim(
        &self,
        worker: &WorkerKey,
        served: &Arc<Served>,
        limit: usize,
        turn: usize,
    ) -> Reply<'_, Claims>;
    fn settle(&self, worker: &WorkerKey, items: Vec<Settlement>) -> Reply<'_, Vec<Settled>>;
    fn heartbeat(&self, worker: &WorkerKey, renew: Option<Duration>) -> Reply<'_, Beat>;
    fn progress(&self, worker: &WorkerKey, notes: Vec<ProgressNote>) -> Reply<'_, ()>;
    /// Gives back what the worker holds, uncounted: these jobs at these epochs, or all and the
    /// worker goes.
    fn leave(&self, worker: &WorkerKey, only: Option<Vec<(JobId, i64)>>) -> Reply<'_, usize>;

    fn promote(&self, limit: usize) -> Reply<'_, Promoted>;
    /// Whether a rescue would find something; says so without touching anything.
    fn has_lapsed(&self) -> Reply<'_, bool>;
    fn rescue(&self, limit: usize) -> Reply<'_, usize>;
    fn expire(&self, limit: usize) -> Reply<'_, usize>;
    /// Lets jobs run whose parents have ended, or ends them; without parents it looks at all, from the
    /// one after `after`.
    fn resolve(&self, parents: Vec<JobId>, after: i64, limit: usize) -> Reply<'_, Resolved>;
    fn explain(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Explanation>;
    /// The first 1,000 jobs that wait for one.
    fn dependents(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<JobId>>;
    /// What this process knows of jobs that wait for others.
    fn edges(&self) -> &edges::Edges;
    /// What this process knows of jobs that hold slots.
    fn slots(&self) -> &edges::Edges;
    /// Lines that may have room.
    fn lines(&self) -> &edges::Lines;

    /// Turns what applications left in the inbox into jobs; says how many rows it looked at.
    fn relay(&self, limit: usize) -> Reply<'_, usize>;
    /// Adds up changed counts, where transactions only append them.
    fn fold(&self, limit: usize) -> Reply<'_, usize>;

    fn cancel(
        &self,
        namespace: &Arc<str>,
        job: JobRef,
        reason: Option<String>,
        force: bool,
    ) -> Reply<'_, JobRecord>;
    fn retry(
        &self,
        namespace: &Arc<str>,
        job: JobRef,
        options: RetryOptions,
    ) -> Reply<'_, JobRecord>;
    fn delete(&self, namespace: &Arc<str>, job: JobRef, force: bool) -> Reply<'_, ()>;

    fn get(&self, namespace: &Arc<str>, jobs: Vec<JobId>) -> Reply<'_, Vec<JobRecord>>;
    fn attempts(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<AttemptRecord>>;
    fn list(&self, namespace: &Arc<str>, query: ListQuery) -> Reply<'_, Listed>;
    fn stats(&self, namespace: &Arc<str>) -> Reply<'_, Counted>;
    fn verify(&self) -> Reply<'_, Vec<String>>;

    /// Waits until a job may have ended, at most so long; whoever waits looks then. What this process is told
    /// ends the wait earlier.
    fn await_end(
        &self,
        namespace: &Arc<str>,
        job: JobId,
        at_most: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Whether it is behind a server, which does the upkeep, and takes back what it handed to a claim that
    /// nobody waits for any more.
    fn is_remote(&self) -> bool {
        false
    }

    /// See [`Driver::IS_WATCHED`](driver::Driver::IS_WATCHED).
    fn is_watched(&self) -> bool;

    fn clock(&self) -> &Clock;
    fn signals(&self) -> &Signals;
    /// What tests let go wrong.
    #[cfg(feature = "testing")]
    fn faults(&self) -> &TestFaults;

    /// Trips when the database can no longer be trusted (a failed fsync, damage): the process
    /// should end.
    fn failed(&self) -> &CancellationToken;

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Opens the database that `url` names, creating and migrating it where needed and allowed.
pub(crate) async fn open(url: &str, clock: Clock, migrate: bool) -> Result<Arc<dyn Store>, Error> {
    match url.split(':').next().unwrap_or_default() {
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            let driver = sqlite::Sqlite::open_file(sqlite_path(url)?, &clock, migrate).await?;
            Ok(Arc::new(sql_store::SqlStore::new(driver, clock)?))
        }
        #[cfg(feature = "sqlite")]
        "memory" => {
            let driver = sqlite::Sqlite::open_memory(&clock).await?;
            Ok(Arc::new(sql_store::SqlStore::new(driver, clock)?))
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let clock = clock.for_server();
            let driver = postgres::open(url, &clock, migrate).await?;
            Ok(Arc::new(sql_store::SqlStore::new(driver, clock)?))
        }
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => {
            let clock = clock.for_server();
            let driver = mysql::open(url, &clock, migrate).await?;
            Ok(Arc::new(sql_store::SqlStore::new(driver, clock)?))
        }
        scheme => Err(unknown_scheme(scheme)),
    }
}

/// Whether `url` names a server.
#[cfg(feature = "remote")]
pub(crate) fn is_server(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
}

/// The file of `sqlite:PATH`.
#[cfg(feature = "sqlite")]
fn sqlite_path(url: &str) -> Result<std::path::PathBuf, Error> {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains('?') || path.starts_with(':') {
        return Err(Error::incompatible(format!(
            "`{url}` names no file (sqlite:PATH, without options; memory: for none)"
        )));
    }
    Ok(path.into())
}

fn unknown_scheme(scheme: &str) -> Error {
    Error::incompatible(format!(
        "`{scheme}` names no database this build knows (sqlite:PATH, memory:, postgres:// or mysql://; http:// and https:// with the feature `remote`)"
    ))
}
