//! One file per resource: request in, library call, answer out.

pub(crate) mod audit;
pub(crate) mod batches;
pub(crate) mod enqueue;
pub(crate) mod events;
pub(crate) mod handler;
pub(crate) mod health;
pub(crate) mod info;
pub(crate) mod job;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod metrics;
pub(crate) mod namespaces;
pub(crate) mod operations;
pub(crate) mod queue;
pub(crate) mod queues;
pub(crate) mod remote;
pub(crate) mod schedule;
pub(crate) mod schedules;
pub(crate) mod stats;
pub(crate) mod types;
pub(crate) mod wait;
pub(crate) mod workers;
pub(crate) mod workflows;

use axum::response::Response;

use crate::problem::Problem;

/// What a handler gives back.
pub(crate) type Answer = Result<Response, Problem>;
