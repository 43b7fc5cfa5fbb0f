//! A shop that takes orders over HTTP. Each order is stored together with its jobs, in one transaction: an
//! email to the customer, a note for the warehouse, a call of a partner's web hook. Every morning a report.
//!
//! Invariant: there is a job for every order, and none for an order that was refused.

pub mod config;
pub mod handlers;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod shop;

pub use config::Config;
pub use shop::Shop;
