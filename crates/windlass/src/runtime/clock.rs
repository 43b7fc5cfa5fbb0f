//! The clock: everything that needs the time or a pause gets it from here, so that tests own both.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::Timestamp;

/// Source of time. [`Clock::system`] for real life, [`Clock::manual`] for tests.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    Anchored(Arc<Anchor>),
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until it is advanced.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Source::Anchored(anchor) => anchor.now(),
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Moves a manual clock forward and wakes whoever waited for that time.
    ///
    /// # Panics
    /// If this is the system clock.
    pub fn advance(&self, span: Duration) {
        let Source::Manual(time) = &self.0 else {
            unreachable!("only a manual clock can be advanced")
        };
        time.send_modify(|now| *now = *now + span);
    }

    /// Waits for `span`.
    pub async fn sleep(&self, span: Duration) {
        let Source::Manual(time) = &self.0 else { return tokio::time::sleep(span).await };
        let end = self.now() + span;
        let mut time = time.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        drop(time.wait_for(|now| *now >= end).await);
    }
}

/// Time of a database server, carried on by this machine's monotonic clock: nodes agree on the time
/// although their own clocks do not, and a clock that is set changes nothing.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug)]
struct Anchor {
    start: std::time::Instant,
    /// The database's time when `start` was taken, in microseconds.
    base_us: std::sync::atomic::AtomicI64,
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl Anchor {
    fn now(&self) -> Timestamp {
        let base = self.base_us.load(std::sync::atomic::Ordering::Relaxed);
        Timestamp::from_micros(base) + self.start.elapsed()
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl Clock {
    /// A clock for a database server: this one, unless it is the machine's; then one that starts at
    /// the machine's time and follows the database.
    pub(crate) fn for_server(&self) -> Self {
        match &self.0 {
            Source::System => Self(Source::Anchored(Arc::new(Anchor {
                start: std::time::Instant::now(),
                base_us: system_now().as_micros().into(),
            }))),
            _ => self.clone(),
        }
    }

    /// Before the database is asked for its time: what [`anchor`](Self::anchor) needs afterwards.
    pub(crate) fn reading() -> std::time::Instant {
        std::time::Instant::now()
    }

    /// Follows the database, which said `there` some time after `asked`. The middle of the exchange
    /// is the best guess; what is off by less than its length is left alone.
    pub(crate) fn anchor(&self, asked: std::time::Instant, there: Timestamp) {
        let Source::Anchored(anchor) = &self.0 else { return };
        let exchange = asked.elapsed();
        let here = anchor.now() - exchange / 2;
        let off = there.as_micros() - here.as_micros();
        let tolerated = i64::try_from(exchange.as_micros()).unwrap_or(i64::MAX);
        if off.abs() > tolerated {
            anchor.base_us.fetch_add(off, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_now() -> Timestamp {
    SystemTime::now().into()
}

#[cfg(all(test, any(feature = "postgres", feature = "mysql")))]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_clock_of_a_server_goes_by_what_the_server_says() {
        let clock = Clock::system().for_server();
        let there = clock.now() - HOUR;

        clock.anchor(Clock::reading(), there);

        let off = clock.now().since(there);
        assert!(off < Duration::from_secs(60), "{off:?}");
    }

    #[test]
    fn the_clock_of_a_test_stays_with_the_test() {
        let clock = Clock::manual(Timestamp::from_micros(7)).for_server();

        clock.anchor(Clock::reading(), Timestamp::from_micros(7) + HOUR);

        assert_eq!(clock.now(), Timestamp::from_micros(7));
    }
}
