//! Pages of jobs.

use std::str::FromStr;

use axum::Json;
use axum::response::IntoResponse as _;
use windlass::protocol::{JobObject, NamedPage, PageObject, split_tag};
use windlass::{JobFilter, Queue};

use super::Answer;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Namespaced, Pairs, page_limit, unknown_parameter};

/// Parameters that mean one thing only; the others may be repeated and mean any of their values.
const ONCE: [&str; 8] = [
    "workflow_id",
    "batch_id",
    "correlation_id",
    "created_after",
    "created_before",
    "limit",
    "cursor",
    "order",
];

pub(crate) async fn list(
    caller: Caller,
    Namespaced(queue): Namespaced,
    Pairs(mut pairs): Pairs,
) -> Answer {
    filter(&pairs)?;
    if caller.has_queues() && !narrow(&caller, &queue, &mut pairs).await? {
        return Ok(Json(NamedPage::<JobObject<'_>>::new("jobs", Vec::new(), None)).into_response());
    }
    let page = queue.list(filter(&pairs)?).await?;
    Ok(Json(PageObject::from(&page)).into_response())
}

/// Narrows the query to queues of the caller's key; says whether any is left.
async fn narrow(
    caller: &Caller,
    queue: &Queue,
    pairs: &mut Vec<(String, String)>,
) -> Result<bool, Problem> {
    let is_queue = |(name, _): &(String, String)| name == "queue";
    if pairs.iter().any(is_queue) {
        pairs.retain(|pair| !is_queue(pair) || caller.allows_queue(&pair.1));
    } else {
        let mut after = String::new();
        loop {
            let page = queue.queues(&after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.name);
            let own = page.into_iter().filter(|queue| caller.allows_queue(&queue.name));
            pairs.extend(own.map(|queue| ("queue".to_owned(), queue.name)));
        }
    }
    Ok(pairs.iter().any(is_queue))
}

fn filter(pairs: &[(String, String)]) -> Result<JobFilter, Problem> {
    let mut filter = JobFilter::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let is_again = pairs[..index].iter().any(|(earlier, _)| earlier == name);
        if is_again && ONCE.contains(&name.as_str()) {
            return Err(Problem::unreadable(format!("{name}: may be given once")));
        }
        filter = match name.as_str() {
            "state" => filter.state(read(name, value)?),
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
