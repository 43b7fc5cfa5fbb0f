//! `/api/metrics`: the gauge `queue_tasks`, from the maintained counts.

use std::fmt::Write as _;

use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use windlass::{Queue, Stats};

use super::queues::all;
use super::tasks::{STATUSES, states_of};
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::Namespaced;
use crate::routes::Answer;
use crate::routes::metrics::namespaces;

const HEAD: &str = "# HELP queue_tasks Number of tasks in each queue by status\n\
                    # TYPE queue_tasks gauge\n";

/// Of the namespace that the request names, or of all.
pub(crate) async fn metrics(
    caller: Caller,
    Namespaced(queue): Namespaced,
    headers: HeaderMap,
) -> Answer {
    let mut text = HEAD.to_owned();
    for namespace in namespaces(&queue, &headers).await? {
        write_all(&mut text, &caller, &queue.in_namespace(&namespace)?).await?;
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}

async fn write_all(text: &mut String, caller: &Caller, queue: &Queue) -> Result<(), Problem> {
    let stats = queue.stats().await?;
    let namespace = queue.namespace();
    for record in all(caller, queue).await? {
        for status in STATUSES {
            let name = record.name.as_str();
            let count = count_of(&stats, status, |queue| queue == name);
            // Names need no escapes, and writing to a string cannot fail.
            let _ = writeln!(
                text,
                "queue_tasks{{namespace=\"{namespace}\",queue=\"{name}\",status=\"{status}\"}} {count}"
            );
        }
    }
    Ok(())
}

/// Tasks that may have a status, by the counts.
pub(super) fn count_of(stats: &Stats, status: &str, is_meant: impl Fn(&str) -> bool) -> u64 {
    let kinds = stats.kinds.iter().filter(|kind| is_meant(&kind.queue));
    let counts = kinds.flat_map(|kind| {
        states_of(status).iter().map(|state| kind.jobs.get(state).copied().unwrap_or(0))
    });
    counts.sum()
}
