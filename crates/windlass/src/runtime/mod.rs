//! Time, tasks and wake-ups: the only place that spawns or reads a clock.

mod clock;
pub(crate) mod tasks;
mod wake;

pub use clock::Clock;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use tasks::{Patience, at_most, caught, rest};
pub(crate) use tasks::{Tasks, detached};
pub(crate) use wake::{Listener, Signal, Signals};
