//! The behaviour suite: what Windlass promises, one file per verb, on every backend.

#![expect(clippy::panic, clippy::disallowed_methods, reason = "tests panic and spawn as they like")]

mod admission;
mod batches;
mod buffer;
mod cancel;
mod checkpoint;
mod claim;
#[cfg(feature = "testing")]
mod claimable;
mod clients;
mod complete;
mod days;
mod delete;
mod depends;
mod edit;
mod enqueue;
mod events;
mod expire;
mod explain;
mod faults;
mod follow_ups;
mod gate;
mod handlers;
mod idempotency;
mod keys;
mod layers;
mod lease;
mod limits;
mod limits_history;
mod list_plans;
mod listing;
mod logs;
mod migrate;
mod migrate_slots;
mod namespaces;
mod operations;
mod order;
mod pause;
mod processes;
mod prune;
mod queues;
mod rates;
mod remote;
mod replies;
mod retained;
mod retry;
mod rights;
mod schedules;
mod series;
mod sessions;
mod shutdown;
mod snooze;
mod sql_doors;
mod stats;
mod steps;
#[cfg(feature = "testing")]
mod testing;
mod texts;
mod trace;
mod transfer;
mod typed;
mod unique;
mod within;
mod workflows;
