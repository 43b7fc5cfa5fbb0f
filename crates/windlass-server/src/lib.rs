//! The HTTP API of Windlass over one [`windlass::Queue`].
//!
//! [`Server`] answers; an [`Observer`] that is given the events of the process's workers lets it
//! report how long jobs wait and run.

mod app;
mod auth;
mod base_path;
pub mod dashboard;
mod delivery;
mod edge;
mod endpoints;
mod facade;
mod listen;
mod metrics;
mod observer;
mod openapi;
mod problem;
mod repeat;
mod request;
mod router;
mod routes;
mod scale;
mod server;
mod traces;
mod window;

pub use auth::{Network, Rates};
pub use base_path::BasePath;
pub use listen::{Limits, Tls};
pub use observer::Observer;
pub use openapi::openapi;
pub use server::{Opening, Server};
pub use traces::{Sampler, Span, SpanKind, Traces};
