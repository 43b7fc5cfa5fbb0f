//! Group commit: calls that share one transaction, each answered after its commit.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

#[cfg(any(feature = "postgres", feature = "mysql"))]
use super::driver::Waits;
use super::driver::{Tx, Verb};
use crate::Error;

/// Calls under way at a time in one queue of calls; more wait for their turn outside.
pub(crate) const CALLS_MAX: usize = 4096;

/// Calls and rows in one commit: bounds how long the ones behind it wait.
pub(crate) const GROUP_CALLS_MAX: usize = 512;
pub(crate) const GROUP_ROWS_MAX: usize = 20_000;

/// The weight of a call that looks at everything there is, for as long as that takes.
pub(crate) const EVERYTHING: usize = usize::MAX;

/// A boxed step of a call.
pub(crate) type Step<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A verb on its way through a queue of calls, over transactions of type `T`.
pub(crate) trait Call<T>: Send + Sync {
    /// Runs the verb; true when it succeeded so far.
    fn run<'a>(&'a mut self, tx: &'a mut T) -> Step<'a, bool>;
    /// Whether the commit in doubt took effect, as far as the verb can tell.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn landed<'a>(&'a self, tx: &'a mut T) -> Step<'a, Result<bool, Error>>;
    /// The commit of what just ran was not answered: its reply is kept, in case it took effect.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn doubt(&mut self);
    /// The commit in doubt took effect after all: its reply stands.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn believe(&mut self);
    /// The database is away: what the verb was told half-way does not count.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn forget(&mut self);
    /// What the verb failed with, for the log.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn error(&self) -> Option<Error>;
    /// Whether the verb failed because a row moved under its hands.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn is_moved(&self) -> bool;
    fn weight(&self) -> usize;
    /// See [`Verb::IS_ONE_STATEMENT`].
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn is_one_statement(&self) -> bool;
    /// See [`Verb::waits`].
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn waits(&self) -> Waits;
    /// Answers the caller: with the verb's reply, or with why the commit failed.
    fn answer(self: Box<Self>, commit: Result<(), &Error>);
}

/// A message to whoever runs the calls.
pub(crate) enum Message<T> {
    Call(Box<dyn Call<T>>),
    Stop(oneshot::Sender<()>),
}

/// Where a caller waits for the reply.
pub(crate) type Answer<R> = oneshot::Receiver<Result<R, Error>>;

/// A verb with its caller.
pub(crate) struct VerbCall<V: Verb> {
    verb: V,
    reply: Option<Result<V::Reply, Error>>,
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    doubtful: Option<Result<V::Reply, Error>>,
    caller: oneshot::Sender<Result<V::Reply, Error>>,
    _room: OwnedSemaphorePermit,
}

impl<V: Verb> VerbCall<V> {
    /// A call that holds `room` until it is answered.
    pub(crate) fn new(verb: V, room: OwnedSemaphorePermit) -> (Self, Answer<V::Reply>) {
        let (caller, answer) = oneshot::channel();
        let call = Self {
            verb,
            reply: None,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            doubtful: None,
            caller,
            _room: room,
        };
        (call, answer)
    }
}

impl<V: Verb, T: Tx> Call<T> for VerbCall<V> {
    fn run<'a>(&'a mut self, tx: &'a mut T) -> Step<'a, bool> {
        Box::pin(async move {
            let reply = self.verb.run(tx).await;
            let succeeded = reply.is_ok();
            self.reply = Some(reply);
            succeeded
        })
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn landed<'a>(&'a self, tx: &'a mut T) -> Step<'a, Result<bool, Error>> {
        Box::pin(async move {
            match &self.doubtful {
                Some(Ok(reply)) => self.verb.landed(reply, tx).await,
                Some(Err(_)) | None => Ok(false),
            }
        })
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn doubt(&mut self) {
        self.doubtful = self.reply.take();
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn believe(&mut self) {
        self.reply = self.doubtful.take();
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn forget(&mut self) {
        self.reply = None;
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn error(&self) -> Option<Error> {
        let Some(Err(error)) = &self.reply else { return None };
        Some(repeated(error))
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn is_moved(&self) -> bool {
        matches!(&self.reply, Some(Err(error)) if error.is_moved())
    }

    fn weight(&self) -> usize {
        self.verb.weight()
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn is_one_statement(&self) -> bool {
        V::IS_ONE_STATEMENT
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    fn waits(&self) -> Waits {
        self.verb.waits()
    }

    fn answer(self: Box<Self>, commit: Result<(), &Error>) {
        let reply = match (self.reply, commit) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(reply)), Ok(())) => Ok(reply),
            (_, Err(error)) => Err(repeated(error)),
            (None, Ok(())) => Err(Error::bug("a verb was committed without being run")),
        };
        // The caller may have gone; the work is done all the same.
        self.caller.send(reply).ok();
    }
}

/// What several calls are told: that it may work later, unless somebody has to change something first.
fn repeated(error: &Error) -> Error {
    match error {
        Error::Incompatible { message } => Error::incompatible(message),
        error => Error::unavailable(error.to_string()),
    }
}

/// Answers every call of a group.
pub(crate) fn answer_all<T>(group: Vec<Box<dyn Call<T>>>, commit: Result<(), &Error>) {
    for call in group {
        call.answer(commit);
    }
}
