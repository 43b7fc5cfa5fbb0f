//! The audit: who did what.

use axum::Json;
use axum::response::IntoResponse as _;
use windlass::AuditFilter;
use windlass::protocol::{AuditObject, NamedPage};

use super::Answer;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Namespaced, Pairs};

/// Parameters besides those of a page.
const FILTERS: [&str; 4] = ["actor", "action", "target", "everywhere"];

pub(crate) async fn list(
    caller: Caller,
    Namespaced(queue): Namespaced,
    Pairs(pairs): Pairs,
) -> Answer {
    let (mine, rest): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(name, _)| FILTERS.contains(&name.as_str()));
    let (cursor, limit) = Pairs(rest).page()?;
    let mut filter = AuditFilter { limit: limit.min(499) + 1, ..AuditFilter::default() };
    for (name, value) in mine {
        let place = match name.as_str() {
            "actor" => &mut filter.actor,
            "action" => &mut filter.action,
            "target" => &mut filter.target,
            _ => {
                filter.everywhere = flag(&value)?;
                continue;
            }
        };
        if place.replace(value).is_some() {
            return Err(Problem::unreadable(format!("{name}: may be given once")));
        }
    }
    if filter.everywhere && caller.has_namespaces() {
        let detail = "everywhere: is more than the key's namespaces";
        return Err(Problem::forbidden(detail));
    }
    if !cursor.is_empty() {
        let wrong = |_| Problem::unreadable("cursor: must be the id of a line");
        filter.before = Some(cursor.parse().map_err(wrong)?);
    }
    let limit = filter.limit - 1;
    let mut lines = queue.audit(filter).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| more).map(|last| last.id.to_string());
    let lines: Vec<AuditObject<'_>> = lines.iter().map(AuditObject::from).collect();
    Ok(Json(NamedPage::new("audit", lines, next)).into_response())
}

fn flag(value: &str) -> Result<bool, Problem> {
    value.parse().map_err(|_| Problem::unreadable("everywhere: must be true or false"))
}
