//! Layers: code of the application around its handlers, and the hook for panics.
//!
//! Invariant: a layer runs where the handler does: under the attempt's timeout, stop and panic guard.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use super::registry::{HandlerOptions, Work};
use super::{JobInfo, Worker};
use crate::job::{Ending, Failure, JobError, Outcome};

/// What an attempt comes to, as layers see it: the output is JSON, or whatever bytes a raw handler
/// returned; none for `()`.
pub type Handled = Result<Outcome<Option<Vec<u8>>>, JobError>;

/// What a layer stands around: the next layer, or the handler.
#[must_use = "the handler does not run unless this does"]
pub struct Next(Pin<Box<dyn Future<Output = Handled> + Send>>);

/// Code around a handler.
pub(super) type Layer = Arc<dyn Fn(Arc<JobInfo>, Next) -> Next + Send + Sync>;

/// Told of each panic.
pub(super) type PanicHook = Arc<dyn Fn(&JobInfo, &str, Option<&str>) + Send + Sync>;

impl Next {
    /// Runs what is inside. The payload was not decoded before.
    ///
    /// # Errors
    /// What the handler, or a layer between, returned as its error.
    pub async fn run(self) -> Handled {
        self.0.await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

impl<S: Send + Sync + 'static> Worker<S> {
    /// Puts a layer around every handler of this worker: it sees the job before, the outcome after, and
    /// may return another outcome or not run the handler at all. The first layer is the outermost;
    /// layers of single handlers ([`HandlerOptions::wrap`]) are inside of all of these.
    ///
    /// ```
    /// # async fn example(queue: windlass::Queue) {
    /// let worker = queue.worker().wrap(async |info, next| {
    ///     let outcome = next.run().await;
    ///     if let Err(error) = &outcome {
    ///         eprintln!("job {} of kind {}: {error}", info.id, info.kind);
    ///     }
    ///     outcome
    /// });
    /// # }
    /// ```
    pub fn wrap<F, Fut>(mut self, layer: F) -> Self
    where
        F: Fn(Arc<JobInfo>, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Handled> + Send + 'static,
    {
        self.hooks.layers.push(erased(layer));
        self
    }

    /// Calls `hook` with the job, the message and the backtrace of each panic in a handler or a layer.
    /// The attempt fails (class `panic`) whatever the hook does; it must not block.
    pub fn on_panic(
        mut self,
        hook: impl Fn(&JobInfo, &str, Option<&str>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.on_panic.push(Arc::new(hook));
        self
    }
}

impl HandlerOptions {
    /// Puts a layer around this handler; see [`Worker::wrap`].
    #[must_use]
    pub fn wrap<F, Fut>(mut self, layer: F) -> Self
    where
        F: Fn(Arc<JobInfo>, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Handled> + Send + 'static,
    {
        self.layers.push(erased(layer));
        self
    }
}

/// A layer without its types. Nothing of it runs before what is around it asks for that.
fn erased<F, Fut>(layer: F) -> Layer
where
    F: Fn(Arc<JobInfo>, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Handled> + Send + 'static,
{
    let layer = Arc::new(layer);
    Arc::new(move |info, next| {
        let layer = Arc::clone(&layer);
        Next(Box::pin(async move { layer(info, next).await }))
    })
}

/// A handler's work inside of layers, the first of which is the outermost.
pub(super) fn layered<'a>(
    layers: impl DoubleEndedIterator<Item = &'a Layer>,
    info: &Arc<JobInfo>,
    work: Work,
) -> Work {
    let mut layers = layers.rev().peekable();
    if layers.peek().is_none() {
        return work;
    }
    let handler = Next(Box::pin(async move { work.await.into_handled() }));
    let whole = layers.fold(handler, |next, layer| layer(Arc::clone(info), next));
    Box::pin(async move { Ending::from_handled(whole.run().await) })
}

/// Tells the hooks. One that panics itself must not take the attempt's report down.
pub(super) fn tell_panic(hooks: &[PanicHook], info: &JobInfo, failure: &Failure) {
    for hook in hooks {
        let tell = AssertUnwindSafe(|| hook(info, &failure.message, failure.backtrace.as_deref()));
        if catch_unwind(tell).is_err() {
            tracing::error!(job.id = %info.id, "a panic hook panicked");
        }
    }
}
