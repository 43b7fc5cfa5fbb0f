//! Labels, bounded: names come from clients, and every new one costs memory here and in Prometheus.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};

/// Combinations of namespace, queue and type with series of their own.
pub(crate) const COMBINATIONS_MAX: usize = 500;

/// What the rest of them are counted under.
const OTHER: &str = "other";

/// Namespace, queue and type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct JobLabels {
    namespace: Arc<str>,
    queue: Arc<str>,
    kind: Arc<str>,
}

impl JobLabels {
    /// Namespace and queue.
    pub(crate) fn queue(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.namespace), Arc::clone(&self.queue))
    }
}

impl EncodeLabelSet for JobLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        ("namespace", &*self.namespace).encode(encoder.encode_label())?;
        ("queue", &*self.queue).encode(encoder.encode_label())?;
        ("type", &*self.kind).encode(encoder.encode_label())
    }
}

/// The combinations seen so far. The first ones keep their series, so that no counter ever falls.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    admitted: Mutex<HashSet<JobLabels>>,
}

impl Labels {
    /// The labels of a job, `other` when there are too many already.
    pub(crate) fn admit(
        &self,
        namespace: &Arc<str>,
        queue: &Arc<str>,
        kind: &Arc<str>,
    ) -> JobLabels {
        let labels = JobLabels {
            namespace: Arc::clone(namespace),
            queue: Arc::clone(queue),
            kind: Arc::clone(kind),
        };
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.contains(&labels) {
            return labels;
        }
        if admitted.len() < COMBINATIONS_MAX {
            admitted.insert(labels.clone());
            return labels;
        }
        let other: Arc<str> = OTHER.into();
        JobLabels { namespace: Arc::clone(&other), queue: Arc::clone(&other), kind: other }
    }
}

/// Route, method and status of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HttpLabels {
    route: Option<Arc<str>>,
    method: &'static str,
    status: u16,
}

impl HttpLabels {
    pub(crate) fn new(route: Option<&MatchedPath>, method: &Method, status: StatusCode) -> Self {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = known.into_iter().find(|known| method == known).unwrap_or(OTHER);
        let route = route.map(|route| Arc::from(route.as_str()));
        Self { route, method, status: status.as_u16() }
    }
}

impl EncodeLabelSet for HttpLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        ("route", self.route.as_deref().unwrap_or(OTHER)).encode(encoder.encode_label())?;
        ("method", self.method).encode(encoder.encode_label())?;
        ("status", u64::from(self.status)).encode(encoder.encode_label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_everything_is_other() {
        let labels = Labels::default();
        let admit =
            |kind: usize| labels.admit(&"default".into(), &"q".into(), &kind.to_string().into());
        let first = admit(0);
        (1..COMBINATIONS_MAX + 10).for_each(|kind| drop(admit(kind)));

        assert_eq!(admit(0), first);
        assert_eq!(&*admit(COMBINATIONS_MAX).kind, OTHER);
        assert_eq!(labels.admitted.lock().unwrap().len(), COMBINATIONS_MAX);
    }
}
