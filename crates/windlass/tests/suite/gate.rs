//! A handler's state that tests steer: notes of what happened, and a gate to wait at.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

/// Notes in the order in which handlers wrote them, and a gate that the test opens.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    notes: Arc<watch::Sender<Vec<String>>>,
    gate: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { notes: Arc::new(watch::Sender::new(Vec::new())), gate: Arc::new(Semaphore::new(0)) }
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.notes.send_modify(|notes| notes.push(text.into()));
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// Waits until there are `count` notes.
    pub(crate) async fn reached(&self, count: usize) {
        let mut notes = self.notes.subscribe();
        let waiting = notes.wait_for(|notes| notes.len() >= count);
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok(), "only {:?}", self.notes());
    }

    /// Waits until the test lets one attempt through.
    pub(crate) async fn pass(&self) {
        self.gate.acquire().await.expect("never closed").forget();
    }

    /// Lets one attempt through.
    pub(crate) fn open(&self) {
        self.gate.add_permits(1);
    }
}
