//! The behaviour suite: what Windlass promises, one file per verb, on every backend.

#![expect(clippy::panic, clippy::disallowed_methods, reason = "tests panic and spawn as they like")]

mod cancel;
mod claim;
mod complete;
mod delete;
mod enqueue;
mod expire;
mod faults;
mod idempotency;
mod lease;
mod listing;
mod processes;
mod retry;
mod shutdown;
mod snooze;
mod stats;
mod typed;
