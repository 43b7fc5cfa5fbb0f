//! Spawning: every task is named and tracked here, so that a stop can wait for it.

use std::future::Future;
use std::time::Duration;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Poll},
};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// First and longest wait before a loop that panicked is started again.
const RESTART_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Runs work that goes on to its end when nobody waits for it any more.
///
/// # Panics
/// When the work does.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    #[expect(clippy::disallowed_methods, reason = "this is where tasks start")]
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// The tasks of one service and the token that stops them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts a task that ends by itself.
    pub(crate) fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(task);
    }

    /// Starts a loop that runs until the stop. A panic in it is a defect: it is logged, and the loop
    /// starts again after a growing wait.
    pub(crate) fn supervise<F, R>(&self, name: &'static str, run: F)
    where
        F: Fn(CancellationToken) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let tracker = self.tracker.clone();
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            let mut wait = RESTART_WAIT.0;
            while let Err(error) = tracker.spawn(run(stop.clone())).await {
                tracing::error!(task = name, %error, "a loop panicked and is started again");
                if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                    break;
                }
                wait = (wait * 2).min(RESTART_WAIT.1);
            }
        });
    }

    /// Asks every loop to stop, without waiting.
    #[cfg(any(feature = "postgres", feature = "mysql", feature = "testing"))]
    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }

    /// Stops every loop and waits for all tasks.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Waits for something outside the process, but no longer than `limit` of real time.
pub(crate) async fn at_most<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    tokio::time::timeout(limit, work).await.ok()
}

/// Runs work whose panic is a result.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) async fn caught<F: Future>(work: F) -> std::thread::Result<F::Output> {
    let mut work = pin!(work);
    let polled = |context: &mut Context<'_>| match catch_unwind(AssertUnwindSafe(|| {
        work.as_mut().poll(context)
    })) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    };
    poll_fn(polled).await
}

/// Waits a span of real time: for things outside the process, which no test's clock moves.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) async fn rest(span: Duration) {
    tokio::time::sleep(span).await;
}

/// A span of real time that someone outside the process is given.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug)]
pub(crate) struct Patience(tokio::time::Instant);

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl Patience {
    pub(crate) fn new(span: Duration) -> Self {
        Self(tokio::time::Instant::now() + span)
    }

    pub(crate) fn is_over(&self) -> bool {
        tokio::time::Instant::now() >= self.0
    }
}

/// Runs blocking work on the runtime's threads for that.
#[cfg(feature = "sqlite")]
pub(crate) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, crate::Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| crate::Error::bug(format!("a database call panicked: {error}")))
}
