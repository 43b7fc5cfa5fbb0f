//! The verbs about counts and times by the minute.

use std::sync::Arc;

use super::Reply;
use super::driver::Driver;
use super::sql_store::SqlStore;
use super::verb::{self, Minutes, minute_of};
use crate::core::random_i64;
use crate::job::{RunRecord, Timestamp};

/// As [`Store`](super::Store), for minutes.
pub(crate) trait MinuteStore {
    /// Stores what this process saw until now as part of the minute before this one, and keeps how the
    /// totals grew, unless another node has.
    fn sample(&self) -> Reply<'_, ()>;
    /// Since when the first job of each queue and kind that can run has been able to, of so many pairs.
    fn oldest_by_kind(&self, namespace: &Arc<str>, limit: usize) -> Reply<'_, OldestByKind>;
    /// How the newest jobs of a kind ended, of so many that are looked at.
    fn runs(&self, namespace: &Arc<str>, kind: &str, limit: usize) -> Reply<'_, Vec<RunRecord>>;
    /// The minutes of a namespace from one on.
    fn minutes(&self, namespace: &Arc<str>, from: i64) -> Reply<'_, Minutes>;
}

/// Queue, kind and instant.
pub(crate) type OldestByKind = Vec<(String, String, Timestamp)>;

impl<D: Driver> MinuteStore for SqlStore<D> {
    fn sample(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            let (now, shared) = (self.now(), self.shared());
            let taken = shared.times.take();
            if !taken.is_empty() {
                let (minute, source) = (minute_of(now) - 1, random_i64()?);
                let keep = verb::KeepTimes { minute, source, taken: taken.clone() };
                if let Err(error) = self.driver().write(keep).await {
                    shared.times.put_back(&taken);
                    return Err(error);
                }
            }
            self.driver().write(verb::Sample { now }).await.map(drop)
        })
    }

    fn oldest_by_kind(&self, namespace: &Arc<str>, limit: usize) -> Reply<'_, OldestByKind> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver().read(verb::OldestByKind { namespace, limit, shared }))
    }

    fn runs(&self, namespace: &Arc<str>, kind: &str, limit: usize) -> Reply<'_, Vec<RunRecord>> {
        let (namespace, kind, shared) = (Arc::clone(namespace), kind.to_owned(), self.shared());
        Box::pin(self.driver().read(verb::ReadRuns { namespace, kind, limit, shared }))
    }

    fn minutes(&self, namespace: &Arc<str>, from: i64) -> Reply<'_, Minutes> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.now(), self.shared());
        Box::pin(self.driver().read(verb::ReadMinutes { namespace, from, now, shared }))
    }
}
