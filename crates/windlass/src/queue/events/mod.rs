//! Events for observers: one reader a process, a ring of what came last, and any number of streams that
//! go through it at their own pace.
//!
//! Invariant: a stream shows events in the order of their ids and leaves none out that its filter
//! passes, or says that it did ([`Observed::Resync`]). It holds a position, never a queue of its own.

mod feed;
mod ring;

use std::sync::Arc;

pub(crate) use feed::Feed;
use feed::Seat;

use super::Queue;
use crate::Error;
use crate::job::{EventName, JobId, JobRecord, Timestamp};
use crate::protocol::event_text;
use crate::store::Happened;

/// Which events a stream shows; what is not set does not filter.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    names: Vec<EventName>,
    jobs: Vec<JobId>,
    kinds: Vec<String>,
    queues: Vec<String>,
    since: Option<i64>,
}

impl EventFilter {
    /// All events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events of this name; several mean any of them.
    #[must_use]
    pub fn name(mut self, name: EventName) -> Self {
        self.names.push(name);
        self
    }

    /// Events of this job; several mean any of them.
    #[must_use]
    pub fn job(mut self, job: JobId) -> Self {
        self.jobs.push(job);
        self
    }

    /// Events of jobs of this kind; several mean any of them.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// Events of jobs in this queue, and of the queue; several mean any of them.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queues.push(queue.into());
        self
    }

    /// Events after the one with this id, those that are remembered included (default: from now on).
    #[must_use]
    pub const fn since(mut self, id: i64) -> Self {
        self.since = Some(id);
        self
    }

    fn passes(&self, namespace: &str, event: &QueueEvent) -> bool {
        let is_one_of = |wanted: &[String], name: Option<&str>| {
            wanted.is_empty() || name.is_some_and(|name| wanted.iter().any(|it| it == name))
        };
        event.namespace.as_deref().is_none_or(|of| of == namespace)
            && (self.names.is_empty() || self.names.contains(&event.name))
            && (self.jobs.is_empty() || event.job.is_some_and(|job| self.jobs.contains(&job)))
            && is_one_of(&self.kinds, event.kind.as_deref())
            && is_one_of(&self.queues, event.queue.as_deref())
    }
}

/// Something that happened, after the commit that made it so.
#[derive(Debug)]
#[non_exhaustive]
pub struct QueueEvent {
    /// Grows from event to event, over all namespaces.
    pub id: i64,
    /// When its transaction began.
    pub at: Timestamp,
    /// What happened.
    pub name: EventName,
    /// Where; none for what concerns every namespace, such as a worker that serves all.
    pub namespace: Option<Arc<str>>,
    /// The job it happened to, or that a tick became.
    pub job: Option<JobId>,
    /// The queue.
    pub queue: Option<Arc<str>>,
    /// The kind.
    pub kind: Option<Arc<str>>,
    /// The job as it stood when the event was read, which may be a moment later: without payload
    /// and result. None when it is gone.
    pub record: Option<JobRecord>,
    text: String,
}

impl QueueEvent {
    fn of(happened: Happened) -> Option<Self> {
        let text = event_text(&happened);
        let Happened { id, at, name, subject, .. } = happened;
        let (namespace, job, queue, kind) =
            (subject.namespace, subject.job, subject.queue, subject.kind);
        let record = subject.record;
        Some(Self { id, at, name: name?, namespace, job, queue, kind, record, text })
    }

    /// What the API tells of it: one line of JSON (docs/events.md).
    pub fn json(&self) -> &str {
        &self.text
    }
}

/// What a stream shows next.
#[derive(Debug, Clone)]
pub enum Observed {
    /// Something happened.
    Event(Arc<QueueEvent>),
    /// Events are missing: the reader was too slow, or what it asked for is no longer remembered. Look
    /// at everything again; the stream goes on after this id.
    Resync(i64),
}

/// A stream of events, at the pace of its reader; made by [`Queue::events`].
#[derive(Debug)]
pub struct EventStream {
    seat: Seat,
    namespace: Arc<str>,
    filter: EventFilter,
    position: i64,
    complete_from: Timestamp,
}

impl EventStream {
    /// The next event that passes the filter; none once the queue is closed.
    pub async fn next(&mut self) -> Option<Observed> {
        loop {
            self.seat.mark();
            if let Some(observed) = self.ready() {
                return Some(observed);
            }
            if !self.seat.news().await {
                return None;
            }
        }
    }

    /// The same, if it is there already.
    pub fn ready(&mut self) -> Option<Observed> {
        let passes = |event: &QueueEvent| self.filter.passes(&self.namespace, event);
        match self.seat.ring().after(&mut self.position, passes) {
            ring::Found::Event(event) => Some(Observed::Event(event)),
            ring::Found::Behind => Some(Observed::Resync(self.position)),
            ring::Found::Nothing => None,
        }
    }

    /// The id of the last event this stream came past: where another one would go on.
    pub const fn position(&self) -> i64 {
        self.position
    }

    /// From when on nothing is missing: other nodes begin to write events down a moment after the
    /// first observer came.
    pub const fn complete_from(&self) -> Timestamp {
        self.complete_from
    }
}

impl Queue {
    /// What happens in this namespace from now on, or since an event.
    ///
    /// As many streams as wanted share one reader of the database and the memory of some thousand
    /// events. While one is open, and for an hour after, every transition writes a row; without, none does.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), windlass::Error> {
    /// use windlass::{EventFilter, EventName, NewJob, Observed, Queue};
    ///
    /// let queue = Queue::open("memory:").await?;
    /// let mut events = queue.events(EventFilter::new().name(EventName::JobCreated)).await?;
    /// let job = queue.enqueue_new(NewJob::new("greet", "null")).await?;
    ///
    /// let Some(Observed::Event(event)) = events.next().await else { unreachable!() };
    /// assert_eq!(event.job, Some(job.id()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`] when the database does not answer.
    pub async fn events(&self, filter: EventFilter) -> Result<EventStream, Error> {
        self.store.find_namespace(&self.namespace).await?;
        let (seat, complete_from) = Feed::seat(&self.feed, &self.store).await?;
        let position = filter.since.unwrap_or_else(|| seat.ring().last());
        let namespace = Arc::clone(&self.namespace);
        Ok(EventStream { seat, namespace, filter, position, complete_from })
    }
}
