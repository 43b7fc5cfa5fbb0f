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
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Moves a manual clock forward and wakes whoever waited for that time.
    ///
    /// # Panics
    /// If this is the system clock.
    pub fn advance(&self, span: Duration) {
        match &self.0 {
            Source::System => unreachable!("the system clock cannot be advanced"),
            Source::Manual(time) => time.send_modify(|now| *now = *now + span),
        }
    }

    /// Waits for `span`.
    pub async fn sleep(&self, span: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(span).await,
            Source::Manual(time) => {
                let end = self.now() + span;
                let mut time = time.subscribe();
                // The sender lives in `self`, so the wait cannot fail.
                drop(time.wait_for(|now| *now >= end).await);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_now() -> Timestamp {
    SystemTime::now().into()
}
