//! The desk: claims that wait, and the jobs that are handed to them.
//!
//! Claims that want the same wait in one line, in their order, and one round at a time serves it: a single
//! transaction leases jobs to the first of them until there are no more. So one job wakes one claim, however many
//! wait, and a commit that brings nothing for a line costs it one look.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::handed::Handed;
use super::line::{Answer, Dry, Line, Waiter};
use super::roster::Roster;
use crate::Error;
use crate::job::{JobId, Timestamp, WorkerId};
use crate::runtime::Tasks;
use crate::store::{Claims, Served, Store, TakenBy, Taker, WorkerKey};

/// How often a line is looked at although nothing was announced: where something looks at the database all the
/// time, and elsewhere.
const POLL: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));

/// Shortest time between two renewals of those who wait.
const RENEW_REST: Duration = Duration::from_millis(100);

/// How often jobs that nobody received are tried to be given back before their lease has to end by itself, and
/// the wait in between.
const GIVE_BACK_ATTEMPTS: usize = 5;
const GIVE_BACK_WAIT: Duration = Duration::from_millis(500);

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
    /// Transactions that looked for jobs.
    #[cfg(test)]
    looks: std::sync::atomic::AtomicUsize,
}

#[derive(Debug)]
struct State {
    lines: HashMap<Arc<Served>, Line>,
    next_ticket: u64,
    is_started: bool,
    /// When someone who waits has to be renewed.
    renew_at: Timestamp,
}

/// The first of a line, and the count of news before they are served.
struct Round {
    waiters: Vec<(u64, Waiter)>,
    version: u64,
    turn: usize,
}

/// The place of a claim in its line: dropped with it.
struct Place {
    desk: Arc<Desk>,
    served: Arc<Served>,
    ticket: u64,
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
            looks: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) const fn roster(&self) -> &Roster {
        &self.roster
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

    /// Hands out what there is. Returns those for whom there was nothing, and when a rate lets more pass; none
    /// of them when the jobs ran out at the last one or not at all.
    async fn serve(
        self: &Arc<Self>,
        round: Round,
        served: &Arc<Served>,
    ) -> (Vec<(u64, Waiter)>, Dry) {
        #[cfg(test)]
        self.looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let asked_at = self.store.clock().now();
        let takers = round.waiters.iter().map(|(_, waiter)| waiter.taker.clone()).collect();
        let replies = match self.store.hand_out(takers, served, round.turn).await {
            Ok(replies) => replies,
            Err(error) => {
                tracing::warn!(%error, claims = round.waiters.len(), "nothing handed out");
                fail(round.waiters, error);
                return (Vec::new(), Dry::Until(None));
            }
        };
        let mut dry = Dry::No;
        if replies.len() < round.waiters.len() {
            dry = Dry::Until(None);
        }
        let mut replies = replies.into_iter();
        let mut unserved = Vec::new();
        for (ticket, waiter) in round.waiters {
            match replies.next() {
                Some((worker, Claims::Jobs { jobs, more, next_at })) => {
                    if !more {
                        dry = Dry::Until(next_at);
                    }
                    if jobs.is_empty() {
                        unserved.push((ticket, waiter));
                        continue;
                    }
                    let (by, expires_at) = self.holder(&waiter.taker.by, worker, asked_at);
                    let handed = Handed::new(self, by, jobs, (asked_at, expires_at));
                    waiter.answer(Ok(handed));
                }
                Some((worker, Claims::WorkerExpired)) => {
                    let id = WorkerId::from_i64(worker.id);
                    self.roster.forget(id);
                    let message = format!("worker {id} has expired: register anew");
                    waiter.answer(Err(Error::Conflict { code: "lease_lost", message }));
                }
                None => unserved.push((ticket, waiter)),
            }
        }
        (unserved, dry)
    }

    /// Who holds what was handed out, and until when at least.
    fn holder(
        &self,
        by: &TakenBy,
        worker: WorkerKey,
        asked_at: Timestamp,
    ) -> ((WorkerKey, bool), Timestamp) {
        match by {
            TakenBy::Passing(passing) => ((worker, true), asked_at + passing.lease),
            TakenBy::Registered(_) => {
                let known = self.roster.expires_at(WorkerId::from_i64(worker.id));
                ((worker, false), known.unwrap_or(asked_at))
            }
        }
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

    /// Jobs that nobody received: these leases of a worker, or all of one that was made for them.
    pub(super) fn give_back(self: &Arc<Self>, worker: WorkerKey, only: Option<Vec<(JobId, i64)>>) {
        if tokio::runtime::Handle::try_current().is_err() {
            // The process ends: the leases end by themselves.
            return;
        }
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            for _ in 0..GIVE_BACK_ATTEMPTS {
                match store.leave(&worker, only.clone()).await {
                    Ok(jobs) => {
                        tracing::info!(worker = %worker.name, jobs, "a claim's answer was not received: given back");
                        return;
                    }
                    Err(error) => tracing::warn!(%error, "jobs not given back yet"),
                }
                store.clock().sleep(GIVE_BACK_WAIT).await;
            }
        });
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

    /// Renews those who wait, as soon as one of them is due.
    async fn renew(&self) {
        let now = self.store.clock().now();
        let due = {
            let mut state = self.lock();
            if state.lines.is_empty() || now < state.renew_at {
                return;
            }
            let (due, next_at) = self.due(&state, now);
            state.renew_at = next_at.max(now + RENEW_REST);
            due
        };
        if due.is_empty() {
            return;
        }
        let workers = due.iter().map(|worker| (worker.id, worker.nonce)).collect();
        match self.store.renew_workers(workers).await {
            Ok(_) => due.iter().for_each(|worker| {
                self.roster.heard(WorkerId::from_i64(worker.id), now);
            }),
            Err(error) => tracing::warn!(%error, "workers that wait are not renewed yet"),
        }
        let mut state = self.lock();
        let (_, next_at) = self.due(&state, now);
        state.renew_at = next_at.max(now + RENEW_REST);
    }

    /// The waiting workers whose time has come or is about to, and when the next one's does.
    fn due(&self, state: &State, now: Timestamp) -> (Vec<WorkerKey>, Timestamp) {
        let (mut due, mut next_at) = (BTreeMap::new(), now + POLL.0);
        for waiter in state.lines.values().flat_map(|line| line.waiting.values()) {
            let TakenBy::Registered(worker) = &waiter.taker.by else { continue };
            let Some((at, lease)) = self.roster.renewal_at(WorkerId::from_i64(worker.id)) else {
                continue;
            };
            if at <= now + lease / 12 {
                due.insert(worker.id, worker.clone());
            }
            next_at = next_at.min(at);
        }
        (due.into_values().collect(), next_at)
    }

    /// When someone who waits has to be renewed; a claim without registration never has to.
    fn renewal_at(&self, by: &TakenBy) -> Option<Timestamp> {
        match by {
            TakenBy::Passing(_) => None,
            TakenBy::Registered(worker) => {
                self.roster.renewal_at(WorkerId::from_i64(worker.id)).map(|(at, _)| at)
            }
        }
    }

    fn version(&self) -> u64 {
        self.store.signals().ready.version()
    }

    fn poll(&self) -> Duration {
        if self.store.is_watched() { POLL.0 } else { POLL.1 }
    }

    fn next_ticket(&self) -> u64 {
        let mut state = self.lock();
        state.next_ticket += 1;
        state.next_ticket
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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

/// All of them learn why.
fn fail(waiters: Vec<(u64, Waiter)>, error: Error) {
    let message = error.to_string();
    let mut first = Some(error);
    for (_, waiter) in waiters {
        let error = first.take().unwrap_or_else(|| Error::unavailable(message.clone()));
        waiter.answer(Err(error));
    }
}

fn ticket_turn(ticket: u64) -> usize {
    usize::try_from(ticket).unwrap_or_default()
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
    use crate::runtime::Clock;

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
        let before = remote.desk.looks.load(Ordering::SeqCst);

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
        assert_eq!(remote.desk.looks.load(Ordering::SeqCst), before + 1);
        given.into_iter().for_each(Handed::received);
        drop(claims);
        assert_eq!(waiting(&remote), 0);
        remote.stop().await;
    }
}
