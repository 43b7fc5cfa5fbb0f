//! What `windlass serve` is made of: the log, signals, the address to bind, the database to
//! open, built-in and configured handlers.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod bounds;
pub(crate) mod builtin;
pub(crate) mod handlers;
pub(crate) mod logging;
pub(crate) mod opening;
pub(crate) mod rates;
pub(crate) mod signals;
pub(crate) mod telemetry;
