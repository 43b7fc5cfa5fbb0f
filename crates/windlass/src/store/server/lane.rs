//! A lane: one connection that runs calls one group commit after another.
//!
//! Whatever queued while the last commit was under way goes into the next one, unless that could make
//! two transactions wait for each other. A lost connection, a
//! deadlock or a row that moved is no answer: the group runs again. Invariant: a caller is answered
//! with success only after the commit that holds its work; when the answer to a commit was lost, the
//! next connection is asked whether it took effect.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};

use super::session::{Mode, Server, Session, Trouble};
use crate::runtime::{Patience, Tasks, at_most, caught, rest};
use crate::store::Shared;
use crate::store::driver::{Tx as _, Verb, Waits};
use crate::store::effects::{Effects, News};
use crate::store::group::{
    CALLS_MAX, Call, EVERYTHING, GROUP_CALLS_MAX, GROUP_ROWS_MAX, Message, VerbCall, answer_all,
};
use crate::{Error, crash_point};

/// How long a call waits for a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the smallest transaction may take, what a wait for a lock adds (the servers' own limit) and
/// what each row adds, and the most that any may take. A connection that says nothing for so long is
/// dropped. The next try of the same calls has twice as long: perhaps the server is only slow.
const SILENCE_MAX: Duration = Duration::from_secs(5);
const LOCK_WAIT: Duration = Duration::from_secs(5);
const PER_ROW: Duration = Duration::from_millis(10);
const TRANSACTION_MAX: Duration = Duration::from_secs(30);

/// How long a call may take that looks at everything ([`EVERYTHING`]).
const EVERYTHING_MAX: Duration = Duration::from_secs(3600);

/// Repetitions after deadlocks and moved rows.
const TRIES_MAX: u32 = 8;

/// First and longest wait before a lost connection is opened again.
const RECONNECT_WAIT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A queue of calls and the tasks that run them.
pub(crate) struct Lane<S: Server> {
    calls: mpsc::Sender<Message<S::Session>>,
    room: Arc<Semaphore>,
    connections: usize,
}

type Queue<T> = Arc<Mutex<mpsc::Receiver<Message<T>>>>;

impl<S: Server> Lane<S> {
    /// A lane of `connections`, opened when first needed.
    pub(crate) fn start(
        server: &Arc<S>,
        mode: Mode,
        connections: usize,
        shared: &Arc<Shared>,
        tasks: &Tasks,
    ) -> Self {
        let (calls, queue) = mpsc::channel(CALLS_MAX + 1);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..connections {
            let (server, queue, shared) =
                (Arc::clone(server), Arc::clone(&queue), Arc::clone(shared));
            // A stop comes through the queue, behind the calls that are in it.
            tasks.supervise("lane", move |_| {
                let runner = Runner {
                    server: Arc::clone(&server),
                    mode,
                    session: None,
                    queue: Arc::clone(&queue),
                    shared: Arc::clone(&shared),
                    is_committing: false,
                    in_doubt: false,
                    silences: 0,
                };
                runner.run()
            });
        }
        Self { calls, room: Arc::new(Semaphore::new(CALLS_MAX)), connections }
    }

    /// Runs `verb`. The work is done even if the caller goes away.
    pub(crate) async fn run<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Error::Closed)?;
        let (call, reply) = VerbCall::new(verb, room);
        self.calls.send(Message::Call(Box::new(call))).await.map_err(|_| Error::Closed)?;
        reply.await.unwrap_or_else(|_| Err(self.unanswered()))
    }

    /// Why nobody answers a call: there is no more of the lane, or a defect ended its runner.
    fn unanswered(&self) -> Error {
        if self.room.is_closed() {
            return Error::Closed;
        }
        Error::unavailable("a defect ended the call; nobody knows whether it took effect")
    }

    /// Finishes what is queued, refuses more and closes the connections.
    pub(crate) async fn stop(&self) {
        self.room.close();
        for _ in 0..self.connections {
            let (done, stopped) = oneshot::channel();
            if self.calls.send(Message::Stop(done)).await.is_ok() {
                // An error means that the task has already gone.
                stopped.await.ok();
            }
        }
    }
}

/// Calls that share a transaction.
type Group<T> = Vec<Box<dyn Call<T>>>;

/// How a transaction ended.
enum Verdict {
    Done(Box<Effects>),
    /// A call or the commit failed; everything is undone.
    Spoiled(Error),
    /// A deadlock or the like: nothing happened, and it may work now.
    Again(Error),
    /// The connection went before the commit: nothing happened.
    Lost(Error),
    /// The connection went during the commit: nobody knows.
    InDoubt(Error),
}

struct Runner<S: Server> {
    server: Arc<S>,
    mode: Mode,
    session: Option<S::Session>,
    queue: Queue<S::Session>,
    shared: Arc<Shared>,
    is_committing: bool,
    /// The answer to a commit of the present group was lost.
    in_doubt: bool,
    /// How often a connection said nothing while it ran the present group.
    silences: u32,
}

impl<S: Server> Runner<S> {
    async fn run(mut self) {
        loop {
            let (group, stop) = next(&self.queue, self.mode).await;
            for part in in_order(group) {
                self.serve(part).await;
            }
            if let Some(done) = stop {
                if let Some(session) = self.session.take() {
                    session.close().await;
                }
                // Nobody may be waiting any more.
                done.send(()).ok();
                return;
            }
        }
    }

    /// Runs a group until every caller is answered.
    async fn serve(&mut self, mut group: Group<S::Session>) {
        let patience = Patience::new(PATIENCE);
        let (mut tries, mut wait) = (0, RECONNECT_WAIT.0);
        (self.in_doubt, self.silences) = (false, 0);
        loop {
            match self.attempt(&mut group).await {
                Verdict::Done(effects) => {
                    self.announce(&effects);
                    return answer_all(group, Ok(()));
                }
                // Perhaps refused because the commit in doubt holds the very same rows.
                Verdict::Spoiled(error) if self.in_doubt => match self.has_landed(&group).await {
                    Some(true) => return self.believe(group),
                    Some(false) => return self.one_by_one(group, &error).await,
                    None => return self.give_up(group, &error),
                },
                Verdict::Spoiled(error) => return self.one_by_one(group, &error).await,
                Verdict::Again(error) if patience.is_over() => return self.give_up(group, &error),
                Verdict::Again(error) => {
                    tries += 1;
                    if tries == TRIES_MAX {
                        tracing::warn!(%error, tries, "giving up a transaction");
                        return self.one_by_one(group, &error).await;
                    }
                    rest(RECONNECT_WAIT.0.mul_f64(f64::from(tries) * fastrand::f64())).await;
                }
                Verdict::Lost(error) if patience.is_over() => return self.give_up(group, &error),
                Verdict::Lost(error) => {
                    tracing::warn!(%error, "lost the database: trying again");
                    rest(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    wait = (wait * 2).min(RECONNECT_WAIT.1);
                }
                Verdict::InDoubt(error) => {
                    tracing::warn!(%error, "lost the database during a commit: asking what became of it");
                    self.in_doubt = true;
                    group.iter_mut().for_each(|call| call.doubt());
                    match self.has_landed(&group).await {
                        Some(true) => return self.believe(group),
                        Some(false) if !patience.is_over() => {
                            rest(wait.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                            wait = (wait * 2).min(RECONNECT_WAIT.1);
                        }
                        Some(false) | None => return self.give_up(group, &error),
                    }
                }
            }
        }
    }

    /// One call failed, and took the others' work with it: each gets its own transaction. A call that
    /// failed alone answers with its own error; if it has none, the commit failed.
    async fn one_by_one(&mut self, group: Group<S::Session>, error: &Error) {
        if group.len() == 1 {
            return answer_all(group, Err(error));
        }
        for call in group {
            Box::pin(self.serve(vec![call])).await;
        }
    }

    /// The commit in doubt took effect. What it brought was not announced; anything may have happened.
    fn believe(&self, mut group: Group<S::Session>) {
        group.iter_mut().for_each(|call| call.believe());
        answer_all(group, Ok(()));
        self.shared.signals.anything();
    }

    /// The database is away, or nobody knows what became of a commit.
    fn give_up(&self, mut group: Group<S::Session>, error: &Error) {
        group.iter_mut().for_each(|call| call.forget());
        let error = Error::unavailable(format!("{}: {error}", self.server.address()));
        answer_all(group, Err(&error));
    }

    /// Runs the calls in one transaction, in bounded time.
    async fn attempt(&mut self, group: &mut Group<S::Session>) -> Verdict {
        self.is_committing = false;
        let limit = patience_with(group, self.silences);
        let verdict = at_most(limit, caught(self.transaction(group))).await;
        if let Some(Ok(verdict)) = verdict {
            return verdict;
        }
        // Half-way through something: this connection cannot be used any more.
        self.session = None;
        let has_panicked = verdict.is_some();
        let error = if has_panicked {
            Error::bug("a call panicked")
        } else {
            self.silences += 1;
            Error::unavailable(format!("no answer for {} s", limit.as_secs()))
        };
        match (self.is_committing, has_panicked) {
            (true, _) => Verdict::InDoubt(error),
            (false, true) => Verdict::Spoiled(error),
            (false, false) => Verdict::Lost(error),
        }
    }

    async fn transaction(&mut self, group: &mut Group<S::Session>) -> Verdict {
        if let Err(error) = self.connect().await {
            return Verdict::Lost(error);
        }
        let Some(session) = &mut self.session else {
            return Verdict::Lost(Error::bug("a connection was opened and is not there"));
        };
        // Reads come one by one, each in a snapshot of its own.
        if self.mode == Mode::Read && group.iter().all(|call| call.is_one_statement()) {
            session.begin_nothing();
        } else if let Err(error) = session.begin(group.len()).await {
            return self.judge(error).await;
        }
        session.effects().observe(self.shared.watching.now_if_on());
        for call in group.iter_mut() {
            let succeeded = call.run(session).await;
            if call.is_moved() {
                session.roll_back().await;
                return Verdict::Again(Error::unavailable("a row moved"));
            }
            // A call that failed before it wrote anything leaves nothing to undo. When a commit is in
            // doubt, it may have failed because that took effect.
            let has_spoiled = session.trouble().is_some() || session.has_written() || self.in_doubt;
            if !succeeded && has_spoiled {
                let error = call.error().unwrap_or_else(|| Error::unavailable("a call failed"));
                return self.judge(error).await;
            }
        }
        crash_point!("commit");
        self.is_committing = true;
        match session.commit().await {
            Ok(effects) => {
                crash_point!("committed");
                Verdict::Done(Box::new(effects))
            }
            Err(error) if session.trouble() == Some(Trouble::Lost) => {
                self.session = None;
                Verdict::InDoubt(error)
            }
            Err(error) => self.judge(error).await,
        }
    }

    /// What to do after a failure before the commit, or one that says there was none.
    async fn judge(&mut self, error: Error) -> Verdict {
        let Some(session) = &mut self.session else {
            return Verdict::Lost(error);
        };
        match session.trouble() {
            Some(Trouble::Lost) => {
                self.session = None;
                Verdict::Lost(error)
            }
            Some(Trouble::Again) => {
                session.roll_back().await;
                Verdict::Again(error)
            }
            Some(Trouble::Refused) | None => {
                session.roll_back().await;
                Verdict::Spoiled(error)
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Error> {
        if self.session.is_none() {
            self.session = Some(self.server.connect(self.mode).await?);
        }
        Ok(())
    }

    /// Asks a new connection whether the commit in doubt took effect: for the whole group, which was
    /// one transaction. None when there is nobody to ask.
    async fn has_landed(&mut self, group: &Group<S::Session>) -> Option<bool> {
        let asking = async {
            let mut wait = RECONNECT_WAIT.0;
            loop {
                match at_most(SILENCE_MAX, self.ask(group)).await {
                    Some(Ok(landed)) => return landed,
                    Some(Err(error)) => tracing::debug!(%error, "cannot ask yet"),
                    None => tracing::debug!("asked, and got no answer"),
                }
                self.session = None;
                rest(wait).await;
                wait = (wait * 2).min(RECONNECT_WAIT.1);
            }
        };
        let landed = at_most(PATIENCE, asking).await;
        if landed.is_none() {
            // Half-way through a question.
            self.session = None;
        }
        landed
    }

    async fn ask(&mut self, group: &Group<S::Session>) -> Result<bool, Error> {
        self.connect().await?;
        let Some(session) = &mut self.session else { return Ok(false) };
        session.begin(group.len()).await?;
        let mut landed = false;
        for call in group {
            landed = landed || call.landed(session).await?;
        }
        session.roll_back().await;
        Ok(landed)
    }

    fn announce(&self, effects: &Effects) {
        effects.announce(&self.shared);
        let news = effects.news();
        if news != News::default() {
            self.server.announce(news);
        }
    }
}

/// How long a transaction of these calls may take.
fn patience_with<T>(group: &Group<T>, silences: u32) -> Duration {
    let waits = group.iter().any(|call| call.waits() != Waits::Nothing);
    let rows = group.iter().map(|call| call.weight()).fold(0, usize::saturating_add);
    patience(rows, waits, silences)
}

fn patience(rows: usize, waits: bool, silences: u32) -> Duration {
    if rows == EVERYTHING {
        return EVERYTHING_MAX;
    }
    let lock = if waits { LOCK_WAIT } else { Duration::ZERO };
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    let once = SILENCE_MAX + lock + PER_ROW.saturating_mul(rows);
    once.saturating_mul(1 << silences.min(3)).min(TRANSACTION_MAX)
}

/// The calls as they may share transactions: each waits only for locks that come after those it holds.
fn in_order<T>(group: Group<T>) -> Vec<Group<T>> {
    let mut calls: Vec<_> = group.into_iter().map(|call| (call.waits(), call)).collect();
    calls.sort_by(|a, b| a.0.cmp(&b.0));
    let mut parts: Vec<Group<T>> = Vec::new();
    let mut last: Option<Waits> = None;
    for (waits, call) in calls {
        match parts.last_mut() {
            Some(part) if last.is_some_and(|last| last.may_precede(&waits)) => part.push(call),
            _ => parts.push(vec![call]),
        }
        last = Some(waits);
    }
    parts
}

/// The calls of the next transactions, and a stop that was queued behind them.
async fn next<T>(queue: &Queue<T>, mode: Mode) -> (Group<T>, Option<oneshot::Sender<()>>) {
    let mut queue = queue.lock().await;
    let (mut group, mut rows): (Group<T>, usize) = (Vec::new(), 0);
    let mut message = queue.recv().await;
    loop {
        match message {
            Some(Message::Call(call)) => {
                rows += call.weight();
                group.push(call);
            }
            Some(Message::Stop(done)) => return (group, Some(done)),
            None if group.is_empty() => return (group, Some(oneshot::channel().0)),
            None => return (group, None),
        }
        // Every read has a snapshot of its own.
        let full = mode == Mode::Read || group.len() >= GROUP_CALLS_MAX || rows >= GROUP_ROWS_MAX;
        if full {
            return (group, None);
        }
        match queue.try_recv() {
            Ok(more) => message = Some(more),
            Err(_) => return (group, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_at_everything_has_more_than_half_a_minute() {
        assert_eq!(patience(1, false, 0), SILENCE_MAX + PER_ROW);
        assert_eq!(patience(1, true, 1), 2 * (SILENCE_MAX + LOCK_WAIT + PER_ROW));
        assert_eq!(patience(EVERYTHING - 1, false, 0), TRANSACTION_MAX);
        assert_eq!(patience(EVERYTHING, false, 0), EVERYTHING_MAX);
    }
}
