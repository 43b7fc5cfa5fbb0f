//! The ring: the latest events of a process, bounded in number and bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::QueueEvent;

/// Events that are remembered.
pub(super) const EVENTS_MAX: usize = 4096;

/// Bytes of their texts; what a record takes beside is about as much.
const BYTES_MAX: usize = 8 << 20;

/// The latest events, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ring {
    events: VecDeque<Arc<QueueEvent>>,
    bytes: usize,
    /// Everything after this id is here.
    floor: i64,
    last: i64,
}

/// What comes next for a reader.
#[derive(Debug)]
pub(super) enum Found {
    Event(Arc<QueueEvent>),
    /// What comes next is no longer here; the reader goes on with what comes from now on.
    Behind,
    Nothing,
}

impl Ring {
    /// Forgets everything: what is added next begins after this id.
    pub(super) fn start_after(&mut self, id: i64) {
        *self = Self { floor: id, last: id, ..Self::default() };
    }

    /// Adds an event that comes after all others.
    pub(super) fn push(&mut self, event: QueueEvent) {
        self.last = event.id;
        self.bytes += event.json().len();
        self.events.push_back(Arc::new(event));
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(gone) = self.events.pop_front() else { return };
            self.bytes -= gone.json().len();
            self.floor = gone.id;
        }
    }

    /// The id of the last event.
    pub(super) const fn last(&self) -> i64 {
        self.last
    }

    /// The first event after `position` that passes, which moves on to it.
    pub(super) fn after(&self, position: &mut i64, passes: impl Fn(&QueueEvent) -> bool) -> Found {
        if *position < self.floor || *position > self.last {
            *position = self.last;
            return Found::Behind;
        }
        let first = self.events.partition_point(|event| event.id <= *position);
        let found = self.events.range(first..).find(|event| passes(event));
        *position = found.map_or(self.last, |event| event.id);
        found.map_or(Found::Nothing, |event| Found::Event(Arc::clone(event)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{EventName, Timestamp};

    fn event(id: i64, bytes: usize) -> QueueEvent {
        QueueEvent {
            id,
            at: Timestamp::from_micros(0),
            name: EventName::JobCreated,
            namespace: None,
            job: None,
            queue: None,
            kind: None,
            record: None,
            text: "x".repeat(bytes),
        }
    }

    #[test]
    fn a_reader_that_is_too_slow_is_told_and_goes_on_at_the_end() {
        let mut ring = Ring::default();
        ring.start_after(10);
        for id in (11..).take(EVENTS_MAX + 1) {
            ring.push(event(id, 10));
        }
        let last = ring.last();
        let mut position = 10;

        assert!(matches!(ring.after(&mut position, |_| true), Found::Behind));
        assert_eq!(position, last);
        assert!(matches!(ring.after(&mut position, |_| true), Found::Nothing));
        position = 11;
        assert!(matches!(ring.after(&mut position, |_| true), Found::Event(it) if it.id == 12));
    }

    #[test]
    fn what_never_was_is_no_place_to_go_on_from() {
        let mut ring = Ring::default();
        ring.start_after(10);

        let (mut before, mut at, mut beyond) = (9, 10, 11);
        assert!(matches!(ring.after(&mut before, |_| true), Found::Behind));
        assert!(matches!(ring.after(&mut at, |_| true), Found::Nothing));
        assert!(matches!(ring.after(&mut beyond, |_| true), Found::Behind));
    }

    #[test]
    fn large_events_leave_sooner() {
        let mut ring = Ring::default();
        for id in 1..=20 {
            ring.push(event(id, BYTES_MAX / 10));
        }

        assert_eq!(ring.events.len(), 10);
        assert!(ring.bytes <= BYTES_MAX && ring.floor == 10);
    }
}
