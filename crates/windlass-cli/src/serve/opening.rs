//! Opening the database, and a worker on it: one in a server of its own may be away for a while, which
//! is no reason to end.

use std::time::Duration;

use windlass::{Error, Queue, QueueBuilder, RunningWorker, Worker};

/// First and longest wait before a database that is away is tried again.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// What a server needs before it can serve.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) queue: Queue,
    pub(crate) worker: Option<RunningWorker>,
}

/// Opens `database`. When its server is away, tries again until it is there, and calls `away` each time it is
/// not.
pub(crate) async fn open(
    database: &str,
    queue: QueueBuilder,
    away: impl Fn(),
) -> Result<Queue, Error> {
    patiently(database, away, async || queue.clone().open(database).await).await
}

/// Starts the worker that `make` makes, with the same patience.
pub(crate) async fn start(
    database: &str,
    queue: &Queue,
    make: impl Fn(&Queue) -> Option<Worker<()>>,
    away: impl Fn(),
) -> Result<Option<RunningWorker>, Error> {
    let start = async || match make(queue) {
        Some(worker) => worker.start().await.map(Some),
        None => Ok(None),
    };
    patiently(database, away, start).await
}

async fn patiently<T>(
    database: &str,
    away: impl Fn(),
    attempt: impl AsyncFn() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut wait = RETRY_WAIT.0;
    loop {
        let error = match attempt().await {
            Err(error) if error.is_transient() && has_server(database) => error,
            done => return done,
        };
        away();
        tracing::warn!(%error, "the database is away: trying again in at most {wait:?}");
        tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        wait = (wait * 2).min(RETRY_WAIT.1);
    }
}

/// A file is there or it is not; a server comes back.
fn has_server(database: &str) -> bool {
    let scheme = database.split(':').next().unwrap_or_default();
    matches!(scheme, "postgres" | "postgresql" | "mysql" | "mariadb")
}
