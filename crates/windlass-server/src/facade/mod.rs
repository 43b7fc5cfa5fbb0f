//! pgqueue's API over the same engine: its paths, shapes and codes (docs/compatibility.md).
//!
//! Invariant: nothing here is stored that the rest of the API does not show.

mod metrics;
mod namespaces;
mod queues;
mod shape;
mod stream;
mod tasks;
mod tickers;
mod written;

pub(crate) use metrics::metrics;
pub(crate) use namespaces::namespaces;
pub(crate) use shape::indented;
pub(crate) use stream::stream;

pub(crate) mod queue {
    pub(crate) use super::queues::{change, create, delete, get, list};
}

pub(crate) mod task {
    pub(crate) use super::tasks::{create, get, list, release, retain, retain_of};
}

pub(crate) mod ticker {
    pub(crate) use super::tickers::{change, create, delete, get, list};
}

use windlass::{Error, Queue, QueueRecord};

use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::Pairs;

/// The type of the jobs that are made here.
pub(crate) const TASK: &str = "task";

/// Things on a page unless the query says otherwise, and at most.
const PAGE_MAX: usize = 100;

/// Things that a page may leave out before its first: they are walked over.
const OFFSET_MAX: usize = 10_000;

/// Bytes of a name, as pgqueue has it.
const NAME_BYTES_MAX: usize = 64;

/// How often a change meets another one before it gives up.
const MEETINGS_MAX: usize = 10;

/// Parts of a path after `/api/` or `/api/v1/` that are ours.
const PARTS: [&str; 4] = ["namespace", "queue", "task", "ticker"];

/// Whether a path is one of this facade: its errors have pgqueue's shape.
pub(crate) fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/api/") else { return false };
    let part = rest.strip_prefix("v1/").unwrap_or(rest).split('/').next();
    rest == "metrics" || part.is_some_and(|part| PARTS.contains(&part))
}

/// A name as pgqueue keeps it: in lower case.
fn new_name(name: &str) -> Result<String, Problem> {
    let name = name.trim().to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain) {
        return Ok(name);
    }
    Err(Problem::unreadable(
        "a name must begin with a letter and have 1 to 64 letters, digits, _ and -",
    ))
}

/// The queue of this name, or of the name in lower case.
async fn find_queue(caller: &Caller, queue: &Queue, name: &str) -> Result<QueueRecord, Problem> {
    let lower = name.trim().to_ascii_lowercase();
    let missing = || format!("queue `{name}` not found");
    let found = match queue.queue(name).await {
        Err(Error::NotFound { .. }) if lower != name => queue.queue(&lower).await?,
        found => found?,
    };
    caller.check_queue(&found.name, missing)?;
    Ok(found)
}

/// Where a page begins, and how much is on it.
#[derive(Debug, Clone, Copy)]
struct Span {
    offset: usize,
    limit: usize,
}

impl Span {
    /// Reads `offset` and `limit`; everything else goes to `other`.
    fn read(
        Pairs(pairs): &Pairs,
        mut other: impl FnMut(&str, &str) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        let mut span = Self { offset: 0, limit: PAGE_MAX };
        for (name, value) in pairs {
            let number = || {
                let number = value.parse::<usize>();
                let wrong = |_| Problem::unreadable(format!("{name}: must be a whole number"));
                number.map_err(wrong)
            };
            match name.as_str() {
                "offset" => span.offset = number()?,
                "limit" => span.limit = number()?.min(PAGE_MAX),
                _ => other(name, value)?,
            }
        }
        if span.offset > OFFSET_MAX {
            return Err(Problem::unreadable("offset: is at most 10000"));
        }
        Ok(span)
    }

    /// Reads `offset` and `limit`; there is nothing else.
    fn only(pairs: &Pairs) -> Result<Self, Problem> {
        Self::read(pairs, |_, _| Ok(()))
    }

    /// Things to look at until the page is full.
    const fn end(self) -> usize {
        self.offset + self.limit
    }

    fn page<T>(self, all: Vec<T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(self.offset).take(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_facade_are_known_from_ours() {
        for path in ["/api/queue", "/api/task/1", "/api/v1/ticker/x", "/api/metrics"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["/api/v1", "/api/v1/queues/task", "/api/v1/jobs", "/metrics", "/queue"] {
            assert!(!is_path(path), "{path}");
        }
    }

    #[test]
    fn names_are_pgqueues() {
        assert_eq!(new_name(" Emails-2 ").unwrap(), "emails-2");
        for name in ["", "2fast", "a.b", "a b", &"a".repeat(65)] {
            assert!(new_name(name).is_err(), "{name}");
        }
    }
}
