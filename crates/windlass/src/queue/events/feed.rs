//! The feed: the one reader of a process, at work while anyone listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::QueueEvent;
use super::ring::{EVENTS_MAX, Ring};
use crate::Error;
use crate::job::{EVENTS_KEPT, Timestamp};
use crate::runtime::Tasks;
use crate::store::{Happened, Store};

/// Events read at a time.
const PAGE: usize = 500;

/// How often to look although nothing was announced: for databases that announce nothing.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Wait after a failed look.
const ERROR_WAIT: Duration = Duration::from_secs(1);

/// How long the reader goes on for nobody: whoever comes back finds what was missed.
const LINGER: Duration = Duration::from_secs(60);

/// How often it is said that somebody still listens.
const RENEW_EVERY: Duration = Duration::from_secs(300);

/// When all nodes have learned that events are to be written down: what a look of the watch takes at
/// most, and a transaction that began before.
const LEARNED_AFTER: Duration = Duration::from_secs(6);

/// What the streams of one database in one process share.
#[derive(Debug)]
pub(crate) struct Feed {
    state: Mutex<State>,
    /// Held by whoever starts the reader.
    starting: tokio::sync::Mutex<()>,
    news: watch::Sender<()>,
    tasks: Tasks,
    /// How many of the next looks panic.
    #[cfg(test)]
    panics: std::sync::atomic::AtomicU32,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    listeners: usize,
    is_reading: bool,
    is_closed: bool,
    complete_from: Timestamp,
}

impl Default for Feed {
    fn default() -> Self {
        let state = State {
            ring: Ring::default(),
            listeners: 0,
            is_reading: false,
            is_closed: false,
            complete_from: Timestamp::from_micros(0),
        };
        Self {
            state: Mutex::new(state),
            starting: tokio::sync::Mutex::default(),
            news: watch::Sender::new(()),
            tasks: Tasks::default(),
            #[cfg(test)]
            panics: std::sync::atomic::AtomicU32::new(0),
        }
    }
}

impl Feed {
    /// A place among the listeners; the first one has the reader started.
    pub(super) async fn seat(
        feed: &Arc<Self>,
        store: &Arc<dyn Store>,
    ) -> Result<(Seat, Timestamp), Error> {
        let _turn = feed.starting.lock().await;
        let seat = Seat::take(feed)?;
        if !feed.lock().is_reading {
            Reader::new(feed, store).begin().await?;
            let mut state = feed.lock();
            if state.is_closed {
                return Err(Error::Closed);
            }
            state.is_reading = true;
            drop(state);
            let (of, store) = (Arc::clone(feed), Arc::clone(store));
            feed.tasks.supervise("events", move |stop| {
                let reader = Reader::new(&of, &store);
                async move {
                    stop.run_until_cancelled(reader.run()).await;
                }
            });
        }
        let complete_from = feed.lock().complete_from;
        Ok((seat, complete_from))
    }

    /// Ends every stream.
    pub(crate) async fn close(&self) {
        self.lock().is_closed = true;
        self.news.send_replace(());
        self.tasks.stop().await;
    }

    #[cfg(test)]
    fn panic_if_wanted(&self) {
        use std::sync::atomic::Ordering::SeqCst;
        if self.panics.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            panic!("as the test wanted");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the listeners, given up with the drop.
#[derive(Debug)]
pub(super) struct Seat {
    feed: Arc<Feed>,
    news: watch::Receiver<()>,
}

impl Seat {
    fn take(feed: &Arc<Feed>) -> Result<Self, Error> {
        let mut state = feed.lock();
        if state.is_closed {
            return Err(Error::Closed);
        }
        state.listeners += 1;
        Ok(Self { feed: Arc::clone(feed), news: feed.news.subscribe() })
    }

    /// Forgets the news so far; call it before looking.
    pub(super) fn mark(&mut self) {
        self.news.mark_unchanged();
    }

    /// Waits for news; false once there will be none.
    pub(super) async fn news(&mut self) -> bool {
        if self.feed.lock().is_closed {
            return false;
        }
        self.news.changed().await.is_ok() && !self.feed.lock().is_closed
    }

    pub(super) fn ring(&self) -> RingGuard<'_> {
        RingGuard(self.feed.lock())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.feed.lock().listeners -= 1;
    }
}

/// The ring, while nobody changes it.
pub(super) struct RingGuard<'a>(MutexGuard<'a, State>);

impl std::ops::Deref for RingGuard<'_> {
    type Target = Ring;

    fn deref(&self) -> &Ring {
        &self.0.ring
    }
}

/// Reads events into the ring.
struct Reader {
    feed: Arc<Feed>,
    store: Arc<dyn Store>,
    last: i64,
    renewed_at: Timestamp,
    heard_at: Timestamp,
}

impl Reader {
    /// Goes on after what is in the ring.
    fn new(feed: &Arc<Feed>, store: &Arc<dyn Store>) -> Self {
        let now = store.clock().now();
        let last = feed.lock().ring.last();
        let (feed, store) = (Arc::clone(feed), Arc::clone(store));
        Self { feed, store, last, renewed_at: now, heard_at: now }
    }

    /// Has events written down, and reads those that were before.
    async fn begin(&self) -> Result<(), Error> {
        let now = self.store.clock().now();
        let begins = self.store.watch().await?;
        while self.store.order_events().await? {}
        let latest = self.store.latest_events(1).await?;
        let last = latest.last().map_or(0, |event| event.id);
        let most = i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX);
        let mut after = (last - most).max(0);
        let mut is_first = true;
        loop {
            let page = self.store.events(after, PAGE).await?;
            if is_first {
                // Nothing between this and the first one was ever there for anyone.
                let floor = page.first().map_or(last, |event| event.id - 1);
                self.feed.lock().ring.start_after(floor);
                is_first = false;
            }
            let is_last = page.len() < PAGE;
            after = page.last().map_or(after, |event| event.id);
            self.add(page);
            if is_last {
                break;
            }
        }
        let mut state = self.feed.lock();
        let learned = if begins { now + LEARNED_AFTER } else { now };
        state.complete_from = state.complete_from.max(learned);
        Ok(())
    }

    async fn run(mut self) {
        let store = Arc::clone(&self.store);
        let clock = store.clock();
        let mut news = store.signals().observing.listen();
        while self.is_wanted() {
            news.mark();
            let wait = match self.look().await {
                Ok(true) => continue,
                Ok(false) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "cannot read events");
                    ERROR_WAIT
                }
            };
            tokio::select! {
                () = news.heard() => {}
                () = clock.sleep(wait) => {}
            }
        }
    }

    /// Reads a page; true when there may be more.
    async fn look(&mut self) -> Result<bool, Error> {
        let now = self.store.clock().now();
        if now.since(self.renewed_at) >= RENEW_EVERY {
            // What was not written down while nobody could say so shows as a gap.
            self.store.watch().await?;
            self.renewed_at = now;
        }
        let more = self.store.order_events().await?;
        let page = self.store.events(self.last, PAGE).await?;
        #[cfg(test)]
        self.feed.panic_if_wanted();
        let is_full = page.len() == PAGE;
        if let Some(last) = page.last() {
            self.last = last.id;
            self.add(page);
            self.feed.news.send_replace(());
        }
        Ok(more || is_full)
    }

    fn add(&self, page: Vec<Happened>) {
        let events: Vec<_> =
            page.into_iter().map(|happened| (happened.id, QueueEvent::of(happened))).collect();
        let mut state = self.feed.lock();
        for (id, event) in events {
            match event {
                Some(event) => state.ring.push(event),
                None => state.ring.start_after(id),
            }
        }
    }

    /// Whether anyone listens or may come back soon; otherwise the next listener starts another reader.
    fn is_wanted(&mut self) -> bool {
        let now = self.store.clock().now();
        let mut state = self.feed.lock();
        if state.listeners > 0 {
            self.heard_at = now;
        }
        let wanted = !state.is_closed && now.since(self.heard_at) < LINGER;
        state.is_reading = wanted;
        wanted
    }
}

/// Somebody who listens for an hour is heard of often enough.
const _: () = assert!(RENEW_EVERY.as_secs() * 2 < EVENTS_KEPT.as_secs());

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::queue::{EventFilter, Observed};
    use crate::runtime::at_most;
    use crate::{EventName, NewJob, Queue};

    #[tokio::test]
    async fn streams_go_on_after_a_panic_of_their_reader() {
        let queue = Queue::open("memory:").await.unwrap();
        let created = EventFilter::new().name(EventName::JobCreated);
        let mut events = queue.events(created).await.unwrap();
        queue.feed.panics.store(1, Ordering::SeqCst);

        let job = queue.enqueue_new(NewJob::new("mail", "1")).await.unwrap();
        let next = at_most(Duration::from_secs(60), events.next()).await.unwrap();

        let Some(Observed::Event(event)) = next else { panic!("no event: {next:?}") };
        assert_eq!(event.job, Some(job.id()));
    }
}
