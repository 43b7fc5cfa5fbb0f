//! The desk: claims that wait, and the jobs that are handed to them.
//!
//! Claims that want the same wait in one line, in their order, and one round at a time serves it: a single
//! transaction leases jobs to the first of them until there are no more. So one job wakes one claim, however many
//! wait, and a commit that brings nothing for a line costs it one look.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::handed::Handed;
use super::line::{Answer, Dry, Line, Waiter};
use super::roster::Roster;
use super::round::{Round, ticket_turn};
use crate::Error;
use crate::job::Timestamp;
use crate::runtime::Tasks;
use crate::store::{Served, Store, TakenBy, Taker};

/// How often a line is looked at although nothing was announced: where something looks at the database all the
/// time, and elsewhere.
pub(super) const POLL: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));

/// What a claim wants.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) by: TakenBy,
    pub(super) limit: usize,
    pub(super) served: Arc<Served>,
}

pub(super) struct Desk {
    store: Arc<dyn Store>,
    roster: Roster,
    tasks: Tasks,
    state: Mutex<State>,
    /// The plan of the loop is out of date.
    changed: Notify,
    /// Transactions that looked for jobs, and how many of the next ones panic.
    #[cfg(test)]
    looks: [std::sync::atomic::AtomicUsize; 2],
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) lines: HashMap<Arc<Served>, Line>,
    next_ticket: u64,
    is_started: bool,
    /// When someone who waits has to be renewed.
    pub(super) renew_at: Timestamp,
}

/// The place of a claim in its line: dropped with it.
struct Place {
    desk: Arc<Desk>,
    served: Arc<Served>,
    ticket: u64,
}

/// A line whose round is under way: a panic in it is a defect, which must not keep the line busy for ever.
struct Busy {
    desk: Arc<Desk>,
    served: Arc<Served>,
}

/// A claim that waits. The answer goes first: what is put back into a line is seen to be gone, or removed.
struct Waiting {
    answer: oneshot::Receiver<Answer>,
    _place: Place,
}

impl Desk {
    pub(super) fn new(store: &Arc<dyn Store>) -> Arc<Self> {
        let state = State {
            lines: HashMap::new(),
            next_ticket: 0,
            is_started: false,
            renew_at: store.clock().now(),
        };
        Arc::new(Self {
            store: Arc::clone(store),
            roster: Roster::default(),
            tasks: Tasks::default(),
            state: Mutex::new(state),
            changed: Notify::new(),
            #[cfg(test)]
            looks: Default::default(),
        })
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) const fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(super) const fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(super) async fn stop(&self) {
        self.tasks.stop().await;
    }

    /// Claims at once, and then waits its turn for what comes.
    pub(super) async fn claim(self: &Arc<Self>, wanted: Wanted, wait: Duration) -> Answer {
        if wait.is_zero() {
            return self.claim_now(wanted).await;
        }
        let mut waiting = self.join(wanted);
        tokio::select! {
            biased;
            answer = &mut waiting.answer => return answer.unwrap_or(Err(Error::Closed)),
            () = self.store.clock().sleep(wait) => {}
        }
        waiting.answer.close();
        waiting.answer.try_recv().unwrap_or_else(|_| Ok(Handed::none(self)))
    }

    /// In a task of its own: what the store hands out has to arrive here, whoever goes away meanwhile.
    async fn claim_now(self: &Arc<Self>, wanted: Wanted) -> Answer {
        let (answer, answered) = oneshot::channel();
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            let Wanted { by, limit, served } = wanted;
            let waiter = Waiter { taker: Taker { by, limit }, answer };
            let turn = desk.next_ticket();
            let round =
                Round { waiters: vec![(turn, waiter)], version: 0, turn: ticket_turn(turn) };
            let (unserved, _) = desk.serve(round, &served).await;
            for (_, waiter) in unserved {
                waiter.answer(Ok(Handed::none(&desk)));
            }
        });
        answered.await.unwrap_or(Err(Error::Closed))
    }

    fn join(self: &Arc<Self>, wanted: Wanted) -> Waiting {
        let Wanted { by, limit, served } = wanted;
        let (sender, answer) = oneshot::channel();
        let renewal = self.renewal_at(&by);
        let (now, version) = (self.store.clock().now(), self.version());
        let mut state = self.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let is_new = !state.lines.contains_key(&served);
        let line = state.lines.entry(Arc::clone(&served)).or_insert_with(|| Line::new(now));
        line.waiting.insert(ticket, Waiter { taker: Taker { by, limit }, answer: sender });
        let starts = line.begins(version, now, self.poll());
        let mut is_changed = is_new;
        if let Some(at) = renewal
            && at < state.renew_at
        {
            (state.renew_at, is_changed) = (at, true);
        }
        let is_first = !std::mem::replace(&mut state.is_started, true);
        drop(state);
        if is_first {
            let desk = Arc::clone(self);
            self.tasks.supervise("claims that wait", move |stop| run(Arc::clone(&desk), stop));
        } else if is_changed {
            self.changed.notify_one();
        }
        if starts {
            self.start_round(&served);
        }
        Waiting { answer, _place: Place { desk: Arc::clone(self), served, ticket } }
    }

    fn start_round(self: &Arc<Self>, served: &Arc<Served>) {
        let (desk, served) = (Arc::clone(self), Arc::clone(served));
        self.tasks.spawn(async move {
            let _busy = Busy { desk: Arc::clone(&desk), served: Arc::clone(&served) };
            while let Some(round) = desk.next_round(&served) {
                let version = round.version;
                let (unserved, next_at) = desk.serve(round, &served).await;
                desk.put_back(&served, unserved, (version, next_at));
            }
        });
    }

    /// The first of a line, unless there is nothing to look for: then the line rests.
    fn next_round(&self, served: &Arc<Served>) -> Option<Round> {
        let (now, version) = (self.store.clock().now(), self.version());
        let mut state = self.lock();
        let line = state.lines.get_mut(served)?;
        line.is_busy = false;
        if !line.begins(version, now, self.poll()) {
            drop(state);
            self.changed.notify_one();
            return None;
        }
        let (waiters, turn) = line.first(now);
        Some(Round { waiters, version, turn })
    }

    fn put_back(&self, served: &Arc<Served>, unserved: Vec<(u64, Waiter)>, found: (u64, Dry)) {
        let renewals = unserved.iter().filter_map(|(_, waiter)| self.renewal_at(&waiter.taker.by));
        let renew_at = renewals.min();
        let mut state = self.lock();
        // Whoever planned the renewals meanwhile has not seen them.
        state.renew_at = renew_at.map_or(state.renew_at, |at| at.min(state.renew_at));
        if let Some(line) = state.lines.get_mut(served) {
            line.put_back(unserved, found);
        }
    }

    /// Starts a round in each line that has news, and says when to look again.
    fn start_rounds(self: &Arc<Self>) -> Timestamp {
        let (now, version, poll) = (self.store.clock().now(), self.version(), self.poll());
        let mut state = self.lock();
        let mut look_at = state.renew_at;
        let mut starting = Vec::new();
        state.lines.retain(|_, line| line.is_busy || !line.waiting.is_empty());
        for (served, line) in &mut state.lines {
            if line.begins(version, now, poll) {
                starting.push(Arc::clone(served));
            } else if !line.is_busy {
                look_at = look_at.min(line.due_at(poll));
            }
        }
        if state.lines.is_empty() {
            look_at = now + POLL.0;
        }
        drop(state);
        for served in starting {
            self.start_round(&served);
        }
        look_at
    }

    fn version(&self) -> u64 {
        self.store.signals().ready.version()
    }

    fn poll(&self) -> Duration {
        if self.store.is_watched() { POLL.0 } else { POLL.1 }
    }

    #[cfg(test)]
    pub(super) fn looked(&self) {
        use std::sync::atomic::Ordering::SeqCst;
        let [looks, panics] = &self.looks;
        looks.fetch_add(1, SeqCst);
        if panics.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            panic!("as the test wanted");
        }
    }

    fn next_ticket(&self) -> u64 {
        let mut state = self.lock();
        state.next_ticket += 1;
        state.next_ticket
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves lines until `stop`: when there is news, when a line has not been looked at for long, when a rate lets
/// something pass.
async fn run(desk: Arc<Desk>, stop: CancellationToken) {
    let clock = desk.store.clock().clone();
    let mut ready = desk.store.signals().ready.listen();
    loop {
        ready.mark();
        desk.renew().await;
        let look_at = desk.start_rounds();
        let pause = look_at.since(clock.now());
        tokio::select! {
            () = stop.cancelled() => return,
            () = ready.heard() => {}
            () = desk.changed.notified() => {}
            () = clock.sleep(pause) => {}
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        tracing::error!("a round of claims that wait panicked: its line goes on");
        if let Some(line) = self.desk.lock().lines.get_mut(&self.served) {
            line.is_busy = false;
        }
        self.desk.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.desk.lock();
        if let Some(line) = state.lines.get_mut(&self.served) {
            line.waiting.remove(&self.ticket);
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::atomic::Ordering;
    use std::task::{Context, Poll};

    use super::*;
    use crate::job::NewJob;
    use crate::queue::Queue;
    use crate::remote::{ClaimRequest, NewRemoteWorker, RemoteWorkers};
    use crate::runtime::{Clock, at_most};

    const WAITERS: usize = 50;

    type Claim<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

    /// Those that are answered, and taken from the list.
    fn answered(claims: &mut Vec<Claim<'_>>, context: &mut Context<'_>) -> Vec<Handed> {
        let mut answers = Vec::new();
        claims.retain_mut(|claim| match claim.as_mut().poll(context) {
            Poll::Ready(answer) => {
                answers.push(answer.unwrap());
                false
            }
            Poll::Pending => true,
        });
        answers
    }

    fn waiting(remote: &RemoteWorkers) -> usize {
        remote
            .desk
            .lock()
            .lines
            .values()
            .filter(|line| !line.is_busy)
            .map(|it| it.waiting.len())
            .sum()
    }

    #[tokio::test]
    async fn one_job_wakes_one_of_many_and_costs_one_look() {
        let clock = Clock::manual(Timestamp::from_micros(1_780_000_000_000_000));
        let queue = Queue::builder().clock(clock).open("memory:").await.unwrap();
        let remote = RemoteWorkers::new(&queue);
        let mut claims: Vec<Claim<'_>> = Vec::new();
        for _ in 0..WAITERS {
            let worker = remote.register(NewRemoteWorker::new("w")).await.unwrap();
            let wanted = ClaimRequest { wait: Duration::from_secs(60), ..ClaimRequest::default() };
            claims.push(Box::pin(remote.claim(worker, wanted)));
        }
        while waiting(&remote) < WAITERS {
            let early = poll_fn(|context| Poll::Ready(answered(&mut claims, context))).await;
            assert!(early.is_empty());
            tokio::task::yield_now().await;
        }
        let before = remote.desk.looks[0].load(Ordering::SeqCst);

        queue.enqueue_new(NewJob::new("mail", "1")).await.unwrap();
        let given = poll_fn(|context| match answered(&mut claims, context) {
            none if none.is_empty() => Poll::Pending,
            given => Poll::Ready(given),
        });
        let given = given.await;
        while waiting(&remote) < WAITERS - 1 {
            tokio::task::yield_now().await;
        }

        assert_eq!((given.len(), given[0].jobs().len(), claims.len()), (1, 1, WAITERS - 1));
        assert_eq!(remote.desk.looks[0].load(Ordering::SeqCst), before + 1);
        given.into_iter().for_each(Handed::received);
        drop(claims);
        assert_eq!(waiting(&remote), 0);
        remote.stop().await;
    }
    #[tokio::test]
    async fn a_panic_in_a_round_keeps_no_line_busy() {
        let clock = Clock::manual(Timestamp::from_micros(1_780_000_000_000_000));
        let queue = Queue::builder().clock(clock).open("memory:").await.unwrap();
        let remote = RemoteWorkers::new(&queue);
        let worker = remote.register(NewRemoteWorker::new("w")).await.unwrap();
        let wanted = ClaimRequest { wait: Duration::from_secs(60), ..ClaimRequest::default() };
        remote.desk.looks[1].store(1, Ordering::SeqCst);

        let lost = remote.claim(worker, wanted.clone()).await;
        queue.enqueue_new(NewJob::new("mail", "1")).await.unwrap();
        let next = at_most(Duration::from_secs(60), remote.claim(worker, wanted)).await;
        let handed = next.unwrap().unwrap();

        assert!(matches!(lost, Err(Error::Closed)), "{lost:?}");
        assert_eq!(handed.jobs().len(), 1);
        handed.received();
        remote.stop().await;
    }
}
