//! Where calls queue, and what they may wait for: the order of locks.

use crate::JobId;

/// Who waits for whom: calls of one lane run one after another, lanes run beside each other where the
/// database allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// New jobs.
    Enqueue,
    /// What workers take.
    Claim,
    /// What workers report.
    Settle,
    /// That workers live. Nothing may hold this up.
    Heartbeat,
    /// Upkeep and what people ask for.
    Upkeep,
}

/// The locks of others that a call may wait for. Everybody takes locks in one order, so that no two
/// transactions ever wait for each other; calls that cannot keep it together do not share a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waits {
    /// It takes what is free and leaves the rest.
    Nothing,
    /// Idempotency keys between the first and the last.
    Keys(String, String),
    /// Jobs between the first and the last.
    Jobs(i64, i64),
    /// Anything, or what it holds may be waited for by others in any order: it commits alone.
    Anything,
}

impl Waits {
    /// The keys of a call, if it has any.
    pub(crate) fn of_keys<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> Self {
        match (keys.clone().min(), keys.max()) {
            (Some(first), Some(last)) => Self::Keys(first.to_owned(), last.to_owned()),
            _ => Self::Nothing,
        }
    }

    /// The jobs of a call, if it has any.
    pub(crate) fn of_jobs(jobs: impl Iterator<Item = JobId> + Clone) -> Self {
        match (jobs.clone().min(), jobs.max()) {
            (Some(first), Some(last)) => Self::Jobs(first.as_i64(), last.as_i64()),
            _ => Self::Nothing,
        }
    }

    /// Whether a call that waits for `next` may come after one that waits for this, which is not
    /// greater, in the same transaction.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn may_precede(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Anything, _) | (_, Self::Anything) => false,
            (Self::Keys(_, last), Self::Keys(first, _)) => last <= first,
            (Self::Jobs(_, last), Self::Jobs(first, _)) => last <= first,
            _ => true,
        }
    }
}
