//! Databases under faults: answers that get lost, servers that cannot be reached, sessions that end.
//!
//! These take place in real time, so each wait has an upper bound in real time.

mod answers;
mod idle;
mod outages;
mod sessions;
mod silence;
