//! What tests of applications let go wrong: enqueues that fail, and enqueues whose answer is lost.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Error;

/// How many of the next enqueues fail, and how.
#[derive(Debug, Default)]
pub(crate) struct TestFaults {
    pub(crate) refused: AtomicU32,
    pub(crate) unanswered: AtomicU32,
}

impl TestFaults {
    /// Enqueues, unless that is to fail.
    pub(super) async fn around<R>(
        &self,
        enqueue: impl Future<Output = Result<R, Error>>,
    ) -> Result<R, Error> {
        if takes_one(&self.refused) {
            return Err(Error::unavailable("the test lets this enqueue fail"));
        }
        let done = enqueue.await;
        if done.is_ok() && takes_one(&self.unanswered) {
            return Err(Error::unavailable("the test loses the answer to this enqueue"));
        }
        done
    }
}

fn takes_one(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}
