//! Whether a caller whose answer goes on for long may still be told more.

use std::time::Duration;

use tokio::sync::watch;
use windlass::{Clock, Error, Timestamp};

use super::Caller;
use crate::app::Shared;

/// How long after a key was revoked on another node its streams may go on.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// A caller, and when it was last known that they may listen.
pub(crate) struct Standing {
    app: Shared,
    caller: Caller,
    changes: watch::Receiver<u64>,
    looked_at: Timestamp,
}

impl Standing {
    pub(crate) fn new(app: &Shared, caller: &Caller) -> Self {
        let (app, caller) = (Shared::clone(app), caller.clone());
        let (changes, looked_at) = (app.keys.changes(), app.now());
        Self { app, caller, changes, looked_at }
    }

    /// Whether the stream is to end; looks only when it is time to.
    pub(crate) async fn is_over(&mut self) -> bool {
        let is_due = self.app.now().since(self.looked_at) >= LOOK_EVERY;
        if !is_due && !self.changes.has_changed().unwrap_or(false) {
            return false;
        }
        self.changes.mark_unchanged();
        self.looked_at = self.app.now();
        match self.may_listen().await {
            Ok(may) => !may,
            // A database that is away is no reason to end a stream.
            Err(Error::NotFound { .. }) => true,
            Err(_) => false,
        }
    }

    /// Waits until it is time to look.
    pub(crate) async fn due(&mut self, clock: &Clock) {
        let left = LOOK_EVERY.saturating_sub(clock.now().since(self.looked_at));
        tokio::select! {
            () = clock.sleep(left) => {}
            changed = self.changes.changed() => {
                if changed.is_ok() {
                    // Whoever waited for it looks.
                    self.changes.mark_changed();
                }
            }
        }
    }

    async fn may_listen(&self) -> Result<bool, Error> {
        let Ok(queue) = self.app.queue() else { return Ok(true) };
        match self.caller.key_id() {
            Some(id) => Ok(queue.key(id).await?.is_live(self.app.now())),
            // Without a key only as long as there is none.
            None => Ok(!queue.has_keys().await?),
        }
    }
}
