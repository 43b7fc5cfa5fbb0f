//! The subcommands, one file each: its arguments, and a `run` that does it.

pub(crate) mod audit;
pub(crate) mod batches;
pub(crate) mod bench;
mod bulk;
pub(crate) mod completions;
pub(crate) mod confirm;
pub(crate) mod db;
pub(crate) mod dead;
pub(crate) mod doctor;
mod edit;
pub(crate) mod events;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod namespaces;
pub(crate) mod operations;
pub(crate) mod queues;
mod schedule_settings;
pub(crate) mod schedules;
pub(crate) mod serve;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod version;
pub(crate) mod wait;
pub(crate) mod workflows;
