//! The jobs: what is stored, and how each kind is tried again.

use serde::{Deserialize, Serialize};
use windlass::Job;

/// An email. Sent at least once; its id lets whoever delivers it drop a second one.
#[derive(Debug, Clone, Serialize, Deserialize, Job)]
#[job(queue = "mail", max_attempts = 10, backoff = "2s..1h", timeout = "30s")]
pub struct Email {
    /// The same for every attempt.
    pub id: String,
    /// The address.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// A note for the warehouse: a row in a table of this service, written exactly once.
#[derive(Debug, Clone, Serialize, Deserialize, Job)]
#[job(queue = "warehouse", output = i64)]
pub struct Notify {
    /// The order to pack.
    pub order: i64,
}

/// Tells a partner of an order.
#[derive(Debug, Clone, Serialize, Deserialize, Job)]
#[job(queue = "partners", max_attempts = 12, backoff = "5s..2h", timeout = "20s", output = u16)]
pub struct CallPartner {
    /// The order.
    pub order: i64,
    /// Where to.
    pub url: String,
}

/// Yesterday's sales, made by a schedule; the day is that of the tick, whenever the job runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Job)]
#[job(queue = "reports", output = i64)]
pub struct Report {}
