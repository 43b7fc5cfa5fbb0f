//! The page of metrics.

mod labels;
mod snapshot;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

pub(crate) use labels::{COMBINATIONS_MAX, HttpLabels, JobLabels, Labels};
pub(crate) use snapshot::Snapshot;

use crate::app::App;

/// Content types of the page. The older format ignores what the newer one adds.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(crate) const PLAIN_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page: the counts of the database as they were read just now, and what this process saw.
pub(crate) fn page(app: &App, snapshot: Snapshot) -> String {
    let labels = app.service.iter().map(|name| ("service".into(), name.clone().into()));
    let mut registry = Registry::with_labels(labels);
    registry.register_collector(Box::new(snapshot));
    app.observer.register(&mut registry);
    registry.register("windlass_http_requests", "Requests answered", app.requests.clone());
    let dropped = Counter::<u64>::default();
    dropped.inc_by((app.log_dropped)());
    registry.register("windlass_log_dropped_lines", "Lines of the log dropped", dropped);
    let mut text = String::new();
    // Writing to a string cannot fail, and no collector of ours does.
    let _ = encode(&mut text, &registry);
    text
}
