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
use crate::runtime::{Patience, Tasks, at_most, rest};
use crate::store::Shared;
use crate::store::driver::{Verb, Waits};
use crate::store::effects::{Effects, News};
use crate::store::group::{
    CALLS_MAX, Call, GROUP_CALLS_MAX, GROUP_ROWS_MAX, Message, VerbCall, answer_all,
};
use crate::{Error, crash_point};

/// How long a call waits for a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest a single transaction may take; a connection that says nothing for this long is dropped.
const TRANSACTION_MAX: Duration = Duration::from_secs(30);

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
            let runner = Runner {
                server: Arc::clone(server),
                mode,
                session: None,
                queue: Arc::clone(&queue),
                shared: Arc::clone(shared),
                is_committing: false,
                in_doubt: false,
            };
            tasks.spawn(runner.run());
        }
        Self { calls, room: Arc::new(Semaphore::new(CALLS_MAX)), connections }
    }

    /// Runs `verb`. The work is done even if the caller goes away.
    pub(crate) async fn run<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Error::Closed)?;
        let (call, reply) = VerbCall::new(verb, room);
        self.calls.send(Message::Call(Box::new(call))).await.map_err(|_| Error::Closed)?;
        reply.await.map_err(|_| Error::Closed)?
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
    Done(Effects),
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
        self.in_doubt = false;
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
        match at_most(TRANSACTION_MAX, self.transaction(group)).await {
            Some(verdict) => verdict,
            None => {
                // Half-way through something: this connection cannot be used any more.
                self.session = None;
                let seconds = TRANSACTION_MAX.as_secs();
                let error = Error::unavailable(format!("no answer for {seconds} s"));
                if self.is_committing { Verdict::InDoubt(error) } else { Verdict::Lost(error) }
            }
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
        } else if let Err(error) = session.begin().await {
            return self.judge(error).await;
        }
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
                Verdict::Done(effects)
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
                match self.ask(group).await {
                    Ok(landed) => return landed,
                    Err(error) => tracing::debug!(%error, "cannot ask yet"),
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
        session.begin().await?;
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
    use super::super::session::{Mode, Server, Session, Trouble};
    use super::*;
    use crate::store::driver::{Batch, Param, Rows, Tx};
    use crate::store::list::ListFilter;
    use crate::store::statements::Sql;
    use crate::store::within::Dialect;

    /// A server whose commits are refused.
    struct Refusing;

    struct NoCommit(Effects);

    impl Tx for NoCommit {
        async fn query(&mut self, _: Sql, _: &[Param<'_>]) -> Result<Rows, Error> {
            Ok(Rows::default())
        }

        async fn query_each(&mut self, _: Sql, _: &Batch<'_>) -> Result<Rows, Error> {
            Ok(Rows::default())
        }

        async fn query_list(&mut self, _: Sql, _: &ListFilter) -> Result<Rows, Error> {
            Ok(Rows::default())
        }

        async fn execute(&mut self, _: Sql, _: &[Param<'_>]) -> Result<u64, Error> {
            Ok(1)
        }

        async fn execute_each(&mut self, _: Sql, _: &Batch<'_>) -> Result<u64, Error> {
            Ok(1)
        }

        fn effects(&mut self) -> &mut Effects {
            &mut self.0
        }
    }

    impl Session for NoCommit {
        fn begin_nothing(&mut self) {}

        async fn begin(&mut self) -> Result<(), Error> {
            Ok(())
        }

        async fn commit(&mut self) -> Result<Effects, Error> {
            Err(Error::unavailable("commit refused"))
        }

        async fn roll_back(&mut self) {}

        fn trouble(&self) -> Option<Trouble> {
            Some(Trouble::Refused)
        }

        fn has_written(&self) -> bool {
            true
        }

        async fn close(self) {}
    }

    impl Server for Refusing {
        type Session = NoCommit;

        async fn connect(&self, _: Mode) -> Result<NoCommit, Error> {
            Ok(NoCommit(Effects::default()))
        }

        fn dialect(&self) -> Dialect {
            unreachable!("nothing asks")
        }

        fn address(&self) -> String {
            "a server of the test".to_owned()
        }

        fn days(&self) -> Option<i64> {
            None
        }

        fn announce(&self, _: News) {}
    }

    /// Succeeds until the commit.
    struct Fine;

    impl Verb for Fine {
        type Reply = ();

        async fn run<T: Tx>(&self, _: &mut T) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_refused_commit_is_never_answered_with_success() {
        let (server, shared, tasks) = (Arc::new(Refusing), Arc::default(), Tasks::default());
        let lane = Lane::start(&server, Mode::Write, 1, &shared, &tasks);

        let (one, other) = tokio::join!(lane.run(Fine), lane.run(Fine));

        for answer in [one, other] {
            assert!(answer.is_err_and(|error| error.to_string().contains("commit refused")));
        }
    }
}
