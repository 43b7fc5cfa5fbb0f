//! What a database server has to offer: connections that run transactions.

use std::future::Future;

use crate::Error;
use crate::store::driver::Tx;
use crate::store::effects::{Effects, News};
use crate::store::within::Dialect;

/// Why a statement or a commit failed, as far as it matters to what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A deadlock, a lock that took too long, a serialization failure: the same may work now.
    Again,
    /// The connection is gone, or leads to a server that only reads.
    Lost,
    /// The database refused the statement.
    Refused,
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Short transactions at READ COMMITTED.
    Write,
    /// Snapshots that change nothing.
    Read,
}

/// One connection.
pub(crate) trait Session: Tx + 'static {
    /// The next statement is to run by itself: a transaction only in name, which costs nothing.
    fn begin_nothing(&mut self);
    /// Starts a transaction of so many calls.
    fn begin(&mut self, calls: usize) -> impl Future<Output = Result<(), Error>> + Send;
    /// Writes what was deferred, and the counts, commits, and hands out the effects.
    fn commit(&mut self) -> impl Future<Output = Result<Effects, Error>> + Send;
    /// Undoes the transaction, as far as there is one.
    fn roll_back(&mut self) -> impl Future<Output = ()> + Send;
    /// Why a statement of the present transaction failed, if one did.
    fn trouble(&self) -> Option<Trouble>;
    /// Whether the present transaction has changed anything.
    fn has_written(&self) -> bool;
    /// Takes leave of the server.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// A database server, as one process sees it.
pub(crate) trait Server: Send + Sync + 'static {
    type Session: Session;

    /// What it is and where, for messages.
    fn address(&self) -> String;

    /// Opens a connection.
    fn connect(&self, mode: Mode) -> impl Future<Output = Result<Self::Session, Error>> + Send;

    /// How statements are written for it.
    fn dialect(&self) -> Dialect;

    /// Makes sure that rows with ids of this day can be stored; `day` counts from 2025.
    fn days(&self) -> Option<i64>;

    /// Tells the other processes what a commit brought.
    fn announce(&self, news: News);
}
