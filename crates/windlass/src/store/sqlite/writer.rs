//! The writer: one thread that runs every write, many of them per commit.
//!
//! Whatever queued while the last commit was under way goes into the next one; nothing waits for
//! company. Invariant: a caller is answered after the commit that holds its work, and after a
//! failed fsync nobody is answered with success ever again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::transaction::{SqliteTx, finish};
use crate::store::Shared;
use crate::store::driver::{Tx as _, Verb};
use crate::store::group::{
    CALLS_MAX, Call, GROUP_CALLS_MAX, GROUP_ROWS_MAX, Message, VerbCall, answer_all,
};
use crate::store::statements::Sql;
use crate::{Error, Timestamp, crash_point, sabotage};

/// How often an idle writer looks for commits of other processes: at first, and after a second in
/// which nothing happened.
const FOREIGN_POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(50));

/// Looks in vain before the longer interval holds.
const QUIET_LOOKS: u32 = 50;

/// Attempts to get the write lock, of 5 s each, before the callers are told.
const LOCK_ATTEMPTS: u32 = 6;

/// Handle of the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    calls: Sender<Message<SqliteTx>>,
    room: Arc<Semaphore>,
}

impl Writer {
    pub(super) fn start(
        tx: SqliteTx,
        shared: Arc<Shared>,
        failed: CancellationToken,
        polls: bool,
    ) -> Result<Self, Error> {
        let (calls, queue) = channel();
        let thread = WriterThread { tx, queue, shared, failed, polls, version: 0, quiet_looks: 0 };
        thread::Builder::new()
            .name("windlass-sqlite".to_owned())
            .spawn(move || {
                let ended = Ended { failed: thread.failed.clone() };
                thread.run();
                std::mem::forget(ended);
            })
            .map_err(|error| Error::unavailable(format!("cannot start a thread: {error}")))?;
        Ok(Self { calls, room: Arc::new(Semaphore::new(CALLS_MAX)) })
    }

    /// Runs `verb` in a group commit. The work is done even if the caller goes away.
    pub(super) async fn run<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Error::Closed)?;
        let (call, reply) = VerbCall::new(verb, room);
        self.calls.send(Message::Call(Box::new(call))).map_err(|_| Error::Closed)?;
        reply.await.map_err(|_| Error::Closed)?
    }

    /// Finishes what is queued and ends the thread.
    pub(super) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.calls.send(Message::Stop(done)).is_ok() {
            // An error means that the thread has already gone.
            stopped.await.ok();
        }
    }
}

/// Trips `failed` when the thread ends by a panic: without a writer nothing works any more, and
/// nobody else would notice.
struct Ended {
    failed: CancellationToken,
}

impl Drop for Ended {
    fn drop(&mut self) {
        tracing::error!("the writer thread panicked");
        self.failed.cancel();
    }
}

struct WriterThread {
    tx: SqliteTx,
    queue: Receiver<Message<SqliteTx>>,
    shared: Arc<Shared>,
    failed: CancellationToken,
    polls: bool,
    version: i64,
    quiet_looks: u32,
}

impl WriterThread {
    fn run(mut self) {
        self.look_for_observers();
        loop {
            match self.next() {
                Some(Message::Call(first)) => {
                    if let Some(stop) = self.serve(first) {
                        return self.end(stop);
                    }
                }
                Some(Message::Stop(done)) => return self.end(done),
                None => return,
            }
        }
    }

    /// The next message. An idle writer looks at the other processes' commits meanwhile.
    fn next(&mut self) -> Option<Message<SqliteTx>> {
        loop {
            if !self.polls {
                return self.queue.recv().ok();
            }
            let is_quiet = self.quiet_looks >= QUIET_LOOKS;
            let poll = if is_quiet { FOREIGN_POLL.1 } else { FOREIGN_POLL.0 };
            match self.queue.recv_timeout(poll) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => self.look_at_others(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Runs a group that begins with `first`; returns a stop that was queued behind it.
    fn serve(&mut self, first: Box<dyn Call<SqliteTx>>) -> Option<oneshot::Sender<()>> {
        let mut rows = first.weight();
        let mut group = vec![first];
        let mut stop = None;
        while group.len() < GROUP_CALLS_MAX && rows < GROUP_ROWS_MAX {
            match self.queue.try_recv() {
                Ok(Message::Call(call)) => {
                    rows = rows.saturating_add(call.weight());
                    group.push(call);
                }
                Ok(Message::Stop(done)) => {
                    stop = Some(done);
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.commit_group(group);
        self.quiet_looks = 0;
        if self.polls {
            self.look_at_others();
        }
        stop
    }

    fn commit_group(&mut self, mut group: Vec<Box<dyn Call<SqliteTx>>>) {
        if let Some(why) = self.tx.fatal() {
            let error = Error::unavailable(format!("stopped after a storage failure: {why}"));
            return answer_all(group, Err(&error));
        }
        match self.attempt(&mut group) {
            // One call failed and took the others' work with it: each gets its own transaction.
            Err(None) if group.len() > 1 => {
                for call in group {
                    self.commit_group(vec![call]);
                }
            }
            // A call that failed alone answers with its own error.
            Ok(()) | Err(None) => answer_all(group, Ok(())),
            Err(Some(error)) => answer_all(group, Err(&error)),
        }
        if self.tx.fatal().is_some() {
            self.failed.cancel();
        }
    }

    /// Runs the calls in one transaction. `Err(None)`: a call failed. `Err(Some)`: the database did.
    fn attempt(&mut self, group: &mut [Box<dyn Call<SqliteTx>>]) -> Result<(), Option<Error>> {
        self.lock()?;
        self.tx.effects().observe(self.shared.watching.now_if_on());
        for call in group.iter_mut() {
            let before = self.tx.total_changes();
            let succeeded = finish(call.run(&mut self.tx))?;
            let is_sound = self.tx.is_open() && self.tx.fatal().is_none();
            // A call that failed before it wrote anything leaves nothing to undo.
            if !is_sound || (!succeeded && self.tx.total_changes() != before) {
                self.tx.roll_back();
                let lost = || Error::unavailable("the database undid a transaction by itself");
                return Err((succeeded && !is_sound).then(lost));
            }
        }
        crash_point!("commit");
        if sabotage::on("commit_skipped") && fastrand::u8(..) < 8 {
            self.tx.roll_back();
            return Ok(());
        }
        match self.tx.commit() {
            Ok(effects) => {
                crash_point!("committed");
                effects.announce(&self.shared);
                Ok(())
            }
            Err(error) => {
                self.tx.roll_back();
                Err(Some(error))
            }
        }
    }

    fn lock(&mut self) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            match self.tx.begin(true) {
                Err(error) if attempt < LOCK_ATTEMPTS && self.tx.fatal().is_none() => {
                    tracing::warn!(%error, attempt, "waiting for the write lock");
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn look_at_others(&mut self) {
        match self.tx.data_version() {
            Ok(version) if version != self.version => {
                self.version = version;
                self.quiet_looks = 0;
                self.look_for_observers();
                self.shared.signals.anything();
            }
            Ok(_) => self.quiet_looks = self.quiet_looks.saturating_add(1),
            Err(error) => {
                tracing::error!(%error, "cannot look for other processes' commits");
                if self.tx.fatal().is_some() {
                    self.failed.cancel();
                    self.polls = false;
                }
            }
        }
    }

    /// Observers of other processes are told what happens here from now on.
    fn look_for_observers(&mut self) {
        match finish(self.tx.query(Sql::WatchUntil, &[])).and_then(|rows| rows?.first_int()) {
            Ok(until) => {
                let until = Timestamp::from_micros(until.unwrap_or(0));
                self.shared.watching.learn(until);
            }
            Err(error) => tracing::warn!(%error, "cannot look for observers"),
        }
    }

    /// Closes the database before the one who asked is told.
    fn end(self, done: oneshot::Sender<()>) {
        drop(self.tx);
        // Nobody may be waiting any more.
        done.send(()).ok();
    }
}
