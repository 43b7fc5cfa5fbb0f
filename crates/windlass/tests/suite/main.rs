//! The behaviour suite: what Windlass promises, one file per verb, on every backend.

mod complete;
