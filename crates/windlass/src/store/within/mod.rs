//! Work inside transactions of the application, through the driver it uses.
//!
//! Invariant: nothing here commits, and nothing aborts: a job that is refused leaves the transaction as
//! it was, and a duplicate is no error.

#[cfg(feature = "mysql_async")]
mod mysql_async;
#[cfg(feature = "sqlite")]
mod rusqlite;
#[cfg(feature = "mysql")]
mod sqlx_mysql;
#[cfg(feature = "postgres")]
mod sqlx_postgres;
#[cfg(feature = "sqlx-sqlite")]
mod sqlx_sqlite;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;

use std::sync::Arc;

#[cfg(feature = "sqlite")]
pub(crate) use self::rusqlite::run as run_on_rusqlite;
use super::driver::{Tx, Verb as _};
use super::effects::Effects;
use super::notes::Watching;
use super::verb::{Enqueue, EnqueueHere, Settle};
use super::{Settled, Stored};
use crate::{Error, Timestamp};

/// How statements are written for a database.
#[derive(Debug, Clone)]
pub(crate) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite(Arc<super::sqlite::Texts>),
    #[cfg(feature = "postgres")]
    Postgres(Arc<super::postgres::Texts>),
    #[cfg(feature = "mysql")]
    MySql(Arc<super::mysql::Texts>),
}

impl Dialect {
    /// Whether one transaction writes at a time.
    pub(crate) const fn is_embedded(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => false,
            #[cfg(feature = "mysql")]
            Self::MySql(_) => false,
        }
    }

    #[cfg(any(
        all(feature = "sqlite", any(feature = "postgres", feature = "mysql")),
        all(feature = "postgres", feature = "mysql"),
    ))]
    const fn name(&self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "SQLite",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "PostgreSQL",
            #[cfg(feature = "mysql")]
            Self::MySql(_) => "MySQL",
        }
    }

    /// The transaction is of another kind of database than the queue.
    #[cfg(any(
        all(feature = "sqlite", any(feature = "postgres", feature = "mysql")),
        all(feature = "postgres", feature = "mysql"),
    ))]
    fn mismatch<T>(&self, given: &str) -> Result<T, Error> {
        let detail = format!("is of {given}, but the queue lives in {}", self.name());
        Err(Error::invalid("/transaction", detail))
    }
}

/// Something to do inside a transaction of the application.
#[derive(Debug)]
#[must_use = "nothing happens until it runs"]
pub struct Work {
    dialect: Dialect,
    task: Task,
    /// The present instant, if observers are told what happens.
    observed: Option<Timestamp>,
}

#[derive(Debug)]
enum Task {
    Enqueue(Enqueue),
    EnqueueHere(EnqueueHere),
    Settle(Settle),
}

/// What came of it, provided that the application commits.
#[derive(Debug)]
pub struct Done(Answer);

#[derive(Debug)]
enum Answer {
    Stored(Vec<Result<Stored, Error>>),
    Settled(Vec<Settled>),
}

impl Work {
    pub(crate) const fn enqueue(dialect: Dialect, verb: Enqueue) -> Self {
        Self { dialect, task: Task::Enqueue(verb), observed: None }
    }

    pub(crate) const fn enqueue_here(dialect: Dialect, verb: EnqueueHere) -> Self {
        Self { dialect, task: Task::EnqueueHere(verb), observed: None }
    }

    pub(crate) const fn settle(dialect: Dialect, verb: Settle) -> Self {
        Self { dialect, task: Task::Settle(verb), observed: None }
    }

    /// Tells observers as well, if there are any.
    pub(crate) fn observed_by(self, watching: &Watching) -> Self {
        Self { observed: watching.now_if_on(), ..self }
    }

    /// Does it. Counts are written with it; what it would announce is left to whoever looks after the
    /// commit.
    async fn run<T: Tx>(self, tx: &mut T) -> Result<Done, Error> {
        tx.effects().observe(self.observed);
        let done = match self.task {
            Task::Enqueue(verb) => Answer::Stored(verb.run(tx).await?),
            Task::EnqueueHere(verb) => Answer::Stored(verb.run(tx).await?),
            Task::Settle(verb) => Answer::Settled(verb.run(tx).await?),
        };
        Effects::write_counts(tx).await?;
        Ok(Done(done))
    }
}

impl Done {
    /// The answer to the one job that was enqueued.
    pub(crate) fn stored(self) -> Result<Vec<Stored>, Error> {
        match self.0 {
            Answer::Stored(replies) => replies.into_iter().collect(),
            Answer::Settled(_) => Err(Error::bug("an enqueue was answered as a settlement")),
        }
    }

    /// The answer to the one attempt that was settled.
    pub(crate) fn settled(self) -> Result<Settled, Error> {
        match self.0 {
            Answer::Settled(replies) if replies.len() == 1 => Ok(replies[0]),
            _ => Err(Error::bug("a settlement was not answered")),
        }
    }
}

/// A transaction of the application on the database that a queue lives in.
///
/// What [`Enqueue::within`](crate::Enqueue::within) and
/// [`Ctx::complete_within`](crate::Ctx::complete_within) take.
///
/// Implemented, with the feature of the same name, for `sqlx` (`postgres`, `mysql`, `sqlx-sqlite`),
/// `tokio-postgres` and `mysql_async`; `rusqlite` has a method of its own,
/// [`Enqueue::within_rusqlite`](crate::Enqueue::within_rusqlite).
pub trait Transaction: sealed::Enlist {}

impl<T: sealed::Enlist> Transaction for T {}

/// Keeps [`Transaction`] from being implemented elsewhere.
pub(crate) mod sealed {
    use std::future::Future;

    use super::{Done, Work};
    use crate::Error;

    /// Something that runs work.
    pub trait Enlist: Send {
        /// Does the work in this transaction.
        fn enlist(&mut self, work: Work) -> impl Future<Output = Result<Done, Error>> + Send;
    }
}
