//! The API as clients see it: a real server on a free port over a database in memory, and requests
//! written byte by byte.

mod abuse;
mod access;
mod bad_input;
mod batch;
mod bundles;
mod client;
mod dashboard;
mod door;
mod edge;
mod enqueue;
mod events;
mod facade;
mod facade_tickers;
mod filters;
mod gopher;
mod jobs;
mod library;
mod limits;
mod list;
mod observe;
mod operations;
mod queues;
mod rates;
mod repeat;
mod schedules;
mod shape;
mod shutdown;
mod versions;
mod workers;
