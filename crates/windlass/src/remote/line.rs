//! A line: claims that want the same, in their order.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::handed::Handed;
use crate::Error;
use crate::job::Timestamp;
use crate::store::Taker;

/// Jobs and claims of one round, at most: its transaction stays short.
const ROUND_JOBS_MAX: usize = 500;
const ROUND_CLAIMS_MAX: usize = 64;

pub(super) type Answer = Result<Handed, Error>;

/// Claims that want the same.
#[derive(Debug)]
pub(super) struct Line {
    /// By ticket: in their order.
    pub(super) waiting: BTreeMap<u64, Waiter>,
    /// A round is under way.
    pub(super) is_busy: bool,
    /// Nothing was left for this line at this count of news.
    dry_at: Option<u64>,
    /// When a rate lets the next job pass.
    next_at: Option<Timestamp>,
    looked_at: Timestamp,
    turn: usize,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) taker: Taker,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// Whether a line has nothing left, and when a rate lets the next job pass.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dry {
    No,
    Until(Option<Timestamp>),
}

impl Line {
    pub(super) const fn new(now: Timestamp) -> Self {
        let waiting = BTreeMap::new();
        Self { waiting, is_busy: false, dry_at: None, next_at: None, looked_at: now, turn: 0 }
    }

    /// Whether a round is to begin, which is then under way.
    pub(super) fn begins(&mut self, version: u64, now: Timestamp, poll: Duration) -> bool {
        let has_news = self.dry_at != Some(version) || self.due_at(poll) <= now;
        let begins = !self.is_busy && !self.waiting.is_empty() && has_news;
        self.is_busy |= begins;
        begins
    }

    /// When it is looked at although nothing was announced.
    pub(super) fn due_at(&self, poll: Duration) -> Timestamp {
        let poll_at = self.looked_at + poll;
        self.next_at.map_or(poll_at, |at| at.min(poll_at))
    }

    /// Takes the first claims, as many as one round serves, and the number of its turn.
    pub(super) fn first(&mut self, now: Timestamp) -> (Vec<(u64, Waiter)>, usize) {
        self.looked_at = now;
        self.turn += 1;
        let (mut first, mut jobs) = (Vec::new(), 0);
        while let Some((ticket, waiter)) = self.waiting.pop_first() {
            jobs += waiter.taker.limit;
            if !first.is_empty() && (jobs > ROUND_JOBS_MAX || first.len() == ROUND_CLAIMS_MAX) {
                self.waiting.insert(ticket, waiter);
                break;
            }
            first.push((ticket, waiter));
        }
        (first, self.turn)
    }

    /// A round is over that began at this count of news: those it had nothing for wait again, if they are there.
    pub(super) fn put_back(&mut self, unserved: Vec<(u64, Waiter)>, (version, dry): (u64, Dry)) {
        (self.dry_at, self.next_at) = match dry {
            Dry::No => (None, None),
            Dry::Until(next_at) => (Some(version), next_at),
        };
        let present = unserved.into_iter().filter(|(_, waiter)| !waiter.answer.is_closed());
        self.waiting.extend(present);
    }
}

impl Waiter {
    /// When nobody is there any more, jobs in the answer go back.
    pub(super) fn answer(self, answer: Answer) {
        drop(self.answer.send(answer));
    }
}
