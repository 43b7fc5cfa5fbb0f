//! Pages of jobs.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use windlass::protocol::{JobObject, NamedPage, PageObject, searched, split_tag};
use windlass::{JobFilter, Queue};

use super::Answer;
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Namespaced, Pairs, page_limit, unknown_parameter};

/// Parameters that mean one thing only; the others may be repeated and mean any of their values.
const ONCE: [&str; 10] = [
    "workflow_id",
    "batch_id",
    "created_after",
    "created_before",
    "updated_after",
    "updated_before",
    "q",
    "limit",
    "cursor",
    "order",
];

pub(crate) async fn list(
    caller: Caller,
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    Pairs(mut pairs): Pairs,
) -> Answer {
    let asked = pairs.len();
    pairs.retain(|pair| *pair != foreign());
    filter(&pairs)?;
    // Nothing is ever in the only state that was asked for.
    let is_empty = pairs.len() < asked && !pairs.iter().any(|(name, _)| name == "state");
    if is_empty || (caller.has_queues() && !narrow(&caller, &queue, &mut pairs).await?) {
        return Ok(Json(NamedPage::<JobObject<'_>>::new("jobs", Vec::new(), None)).into_response());
    }
    let (jobs, span) = app.looks;
    let page = queue.list(filter(&pairs)?.look_at_most(jobs, span)).await?;
    Ok(Json(PageObject::from(&page)).into_response())
}

/// Narrows the query to queues of the caller's key; says whether any is left.
pub(crate) async fn narrow(
    caller: &Caller,
    queue: &Queue,
    pairs: &mut Vec<(String, String)>,
) -> Result<bool, Problem> {
    let (asked, rest): (Vec<_>, Vec<_>) =
        std::mem::take(pairs).into_iter().partition(|(name, _)| name == "queue");
    let asked = asked.into_iter().map(|(_, name)| name).collect();
    let own = caller.own_queues(queue, asked).await?;
    let is_any = !own.is_empty();
    pairs.extend(own.into_iter().map(|name| ("queue".to_owned(), name)).chain(rest));
    Ok(is_any)
}

/// A state of `GopherQueue`'s that no job of ours is in: its clients may ask for it.
fn foreign() -> (String, String) {
    ("state".to_owned(), "scheduled".to_owned())
}

pub(crate) fn filter(pairs: &[(String, String)]) -> Result<JobFilter, Problem> {
    let mut filter = JobFilter::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let is_again = pairs[..index].iter().any(|(earlier, _)| earlier == name);
        if is_again && ONCE.contains(&name.as_str()) {
            return Err(Problem::unreadable(format!("{name}: may be given once")));
        }
        filter = match name.as_str() {
            "state" => filter.state(read(name, value)?),
            "reason" => filter.reason(read(name, value)?),
            "type" => filter.kind(value),
            "queue" => filter.queue(value),
            "priority" => filter.priority(read(name, value)?),
            "tag" => {
                let (key, value) = split_tag(value)
                    .map_err(|detail| Problem::unreadable(format!("tag: {detail}")))?;
                filter.tag(key, value)
            }
            "fingerprint" => filter.fingerprint(value),
            "correlation_id" => filter.correlation_id(value),
            "workflow_id" => filter.workflow(read(name, value)?),
            "batch_id" => filter.batch(read(name, value)?),
            "created_after" => filter.created_after(read(name, value)?),
            "created_before" => filter.created_before(read(name, value)?),
            "updated_after" => filter.updated_after(read(name, value)?),
            "updated_before" => filter.updated_before(read(name, value)?),
            "q" => {
                let wrong = |detail| Problem::unreadable(format!("q: {detail}"));
                filter.text(searched(value).map_err(wrong)?)
            }
            "limit" => filter.limit(page_limit(value)?),
            "cursor" => filter.after(read(name, value)?),
            "order" => match value.as_str() {
                "asc" => filter.oldest_first(),
                "desc" => filter,
                _ => return Err(Problem::unreadable("order: must be asc or desc")),
            },
            _ => return Err(unknown_parameter(name)),
        };
    }
    let is_given = |wanted| pairs.iter().any(|(name, _)| name == wanted);
    if is_given("workflow_id") && is_given("batch_id") {
        return Err(Problem::unreadable("batch_id: cannot be given together with workflow_id"));
    }
    Ok(filter)
}

fn read<T: FromStr<Err = String>>(name: &str, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|detail| Problem::unreadable(format!("{name}: {detail}")))
}
