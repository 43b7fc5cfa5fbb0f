//! Pure decisions: no I/O, no clock, no randomness but what is passed in.

mod fingerprint;
pub(crate) mod flow;
mod gcra;
mod id_gen;
pub(crate) mod schedule;
mod settle;
mod spread;
mod state;

pub(crate) use fingerprint::fingerprint;
pub(crate) use gcra::Gcra;
pub(crate) use id_gen::IdGen;
pub(crate) use settle::{Counts, FollowUps, Next, Run, Settlement, cancelled, rescue, settle};
pub(crate) use spread::Spread;
pub(crate) use state::Event;
pub use state::{Reason, State};

/// 63 random bits from the operating system: identities that must not repeat.
pub(crate) fn random_i64() -> Result<i64, crate::Error> {
    let bits = getrandom::u64().map_err(|error| {
        crate::Error::unavailable(format!("the system has no random numbers: {error}"))
    })?;
    Ok(i64::try_from(bits >> 1).unwrap_or(i64::MAX))
}
