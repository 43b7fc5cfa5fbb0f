//! Who may do what: the gate that every request passes before its handler.
//!
//! Invariant: what the table of endpoints does not allow is refused here, whatever the router knows.

mod addresses;
mod caller;
mod credentials;
mod key_ring;
mod meter;
mod redact;
mod refusals;
mod standing;
#[cfg(test)]
mod tests;
mod throttle;

use axum::extract::{FromRequestParts as _, MatchedPath, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use windlass::{Actor, JobId};

use crate::app::{App, Shared};
use crate::dashboard;
use crate::endpoints::{self, Endpoint, Permission, Reach};
use crate::problem::Problem;
use crate::request::RequestId;
pub use addresses::Network;
pub(crate) use addresses::{Peer, Proxies};
pub(crate) use caller::Caller;
pub(crate) use key_ring::KeyRing;
pub(crate) use meter::Meter;
pub use meter::Rates;
pub(crate) use refusals::Refusals;
pub(crate) use standing::Standing;
pub(crate) use throttle::group;

/// The one open page that asks the database.
const SIGN_IN: &str = "/ui/login";

/// Lets a request through to its handler, as the work of whoever sent it, or refuses it.
pub(crate) async fn gate(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match admit(&app, &mut parts).await {
        Ok(caller) => caller,
        Err((caller, problem)) => {
            if let Some(refused) = caller.and_then(|caller| Attempted::of(&caller, &parts))
                && problem.is_forbidden()
            {
                refused.note(&app).await;
            }
            return problem.into_response();
        }
    };
    let Some(caller) = caller else { return next.run(Request::from_parts(parts, body)).await };
    let sees_payloads = caller.role().sees_payloads();
    let (actor, attempted) = (actor(&caller, &parts), Attempted::of(&caller, &parts));
    parts.extensions.insert(caller);
    let response = actor.doing(next.run(Request::from_parts(parts, body))).await;
    if let Some(refused) = attempted.filter(|_| response.status() == StatusCode::FORBIDDEN) {
        refused.note(&app).await;
    }
    if sees_payloads { response } else { redact::without_payloads(response).await }
}

/// Who does what follows.
fn actor(caller: &Caller, parts: &Parts) -> Actor {
    Actor {
        name: caller.name().to_owned(),
        role: caller.role().as_str().to_owned(),
        ip: Some(caller.ip().to_string()),
        request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()),
    }
}

/// A request that would change something, by somebody who is known.
struct Attempted {
    caller: Caller,
    actor: Actor,
    target: String,
    headers: HeaderMap,
}

impl Attempted {
    fn of(caller: &Caller, parts: &Parts) -> Option<Self> {
        let route = parts.extensions.get::<MatchedPath>()?;
        let is_change = !matches!(parts.method, Method::GET | Method::HEAD);
        is_change.then(|| Self {
            caller: caller.clone(),
            actor: actor(caller, parts),
            target: format!("{} {}", parts.method, route.as_str()),
            headers: parts.headers.clone(),
        })
    }

    /// Leaves a line in the audit.
    async fn note(self, app: &Shared) {
        let Self { caller, actor, target, headers } = self;
        let queue = caller.queue_of(app, &headers).ok().or_else(|| app.queue().ok().cloned());
        let Some(queue) = queue else { return };
        if !app.refusals.is_news(caller.name(), &target, app.now()) {
            return;
        }
        if let Err(error) = actor.doing(queue.note_refused(&target, "")).await {
            tracing::warn!(%error, target, "a refusal was not written down");
        }
    }
}

/// Who sent the request, if it has to be known.
async fn admit(
    app: &Shared,
    parts: &mut Parts,
) -> Result<Option<Caller>, (Option<Caller>, Problem)> {
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let route = route.as_ref().map(|route| app.dashboard.within(route.as_str()));
    let endpoint = route.and_then(|route| endpoints::find(parts.method.as_str(), route));
    if let Some(endpoint) = endpoint.filter(|endpoint| endpoint.permission == Permission::Open) {
        let met = if endpoint.path == SIGN_IN { met_stranger(app, parts) } else { Ok(()) };
        return met.map(|()| None).map_err(|problem| (None, problem));
    }
    let is_for_any = endpoint.is_some_and(|endpoint| endpoint.permission == Permission::Any);
    if is_for_any && app.queue().is_err() {
        // Before the database is open nobody is known, and there is nothing to hide.
        return Ok(None);
    }
    let caller = match app.keys.identify(app, parts).await {
        Ok(caller) => caller,
        Err(problem) if problem.is_unauthorized() => {
            return Err((None, met_stranger(app, parts).err().unwrap_or(problem)));
        }
        Err(problem) => return Err((None, problem)),
    };
    dashboard::choose_namespace(&caller, parts);
    let Some(endpoint) = endpoint else {
        return Err((None, nowhere(parts, route)));
    };
    if !endpoint.permission.allows(caller.role()) {
        let detail = format!("a key with the role {} may not do this", caller.role());
        return Err((Some(caller), Problem::forbidden(detail)));
    }
    if let Err(problem) = app.meter.request(&caller, endpoint, app.now()) {
        return Err((Some(caller), problem));
    }
    match within_reach(app, parts, &caller, endpoint).await {
        Ok(()) => Ok(Some(caller)),
        Err(problem) => Err((Some(caller), problem)),
    }
}

/// Counts a request of somebody who is not known.
fn met_stranger(app: &App, parts: &Parts) -> Result<(), Problem> {
    let ip = app.proxies.client(Peer::of(&parts.extensions), &parts.headers);
    app.meter.stranger(ip, app.now())
}

fn nowhere(parts: &Parts, route: Option<&str>) -> Problem {
    let path = parts.uri.path();
    match route.and_then(endpoints::methods) {
        Some(allowed) => {
            let method = &parts.method;
            Problem::method_not_allowed(format!("{path} does not take {method}"), allowed)
        }
        None => Problem::not_found(format!("there is nothing at {path}")),
    }
}

/// Compares what the endpoint shows with what the caller's key is bound to. What belongs to others is answered as
/// what does not exist.
async fn within_reach(
    app: &Shared,
    parts: &mut Parts,
    caller: &Caller,
    endpoint: &Endpoint,
) -> Result<(), Problem> {
    match endpoint.reach {
        Reach::Server if caller.has_namespaces() || caller.has_queues() => Err(Problem::forbidden(
            "this is about the whole server, and the key is bound to namespaces or queues",
        )),
        Reach::Namespace if caller.has_queues() => Err(Problem::forbidden(
            "this is about a whole namespace, and the key is bound to queues",
        )),
        Reach::Nothing | Reach::Checked | Reach::Server | Reach::Namespace => Ok(()),
        Reach::Queue | Reach::Job if !caller.has_queues() => Ok(()),
        Reach::Queue => {
            let name = in_path(app, parts).await?;
            caller.check_queue(&name, || format!("queue `{name}` not found"))
        }
        Reach::Job => {
            let text = in_path(app, parts).await?;
            // What is no id is for the handler to say.
            let Ok(id) = text.parse::<JobId>() else { return Ok(()) };
            let job = caller.queue_of(app, &parts.headers)?.get(id).await?;
            caller.check_queue(&job.queue, || format!("job {id} not found"))
        }
    }
}

async fn in_path(app: &Shared, parts: &mut Parts) -> Result<String, Problem> {
    let path = Path::<String>::from_request_parts(parts, app).await;
    path.map(|Path(text)| text).map_err(|error| Problem::unreadable(error.to_string()))
}
