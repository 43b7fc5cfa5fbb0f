//! Time, tasks and wake-ups: the only place that spawns or reads a clock.

mod clock;
pub(crate) mod tasks;
mod wake;

pub use clock::Clock;
pub(crate) use tasks::Tasks;
pub(crate) use wake::{Listener, Signal, Signals};
