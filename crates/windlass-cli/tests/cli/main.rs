//! The built binary from outside: what it prints, and the codes it exits with.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong here is a failed test")]

mod access;
mod bundles;
mod codes;
mod config;
mod db;
mod deploy;
mod direct;
mod events;
mod files;
mod handlers;
mod help;
mod limits;
mod operations;
mod other_tools;
mod outage;
mod pages;
mod program;
mod protocol;
mod queues;
mod schedules;
mod scripts;
mod server;
mod stopping;
mod telemetry;
mod tls;
mod transfer;
mod unread;
mod worker_run;
mod workers;
