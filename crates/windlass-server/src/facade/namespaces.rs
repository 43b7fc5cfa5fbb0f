//! `/api/namespace`.

use axum::extract::State;

use super::Span;
use super::shape::{ListObject, done};
use crate::app::Shared;
use crate::auth::Caller;
use crate::request::Pairs;
use crate::routes::Answer;

pub(crate) async fn namespaces(caller: Caller, State(app): State<Shared>, pairs: Pairs) -> Answer {
    let span = Span::only(&pairs)?;
    let queue = app.queue()?;
    let mut names: Vec<String> = Vec::new();
    let mut after = String::new();
    loop {
        let page = queue.namespaces(&after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        names.extend(page.into_iter().filter(|name| caller.allows_namespace(name)));
    }
    let count = names.len();
    done(&ListObject::of(count, span.page(names).collect()))
}
