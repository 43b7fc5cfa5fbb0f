//! Requests with an `Idempotency-Key`: carried out once, and answered alike when they come again.
//!
//! Where a job, workflow or batch keeps the key itself, it stands there; this is for the other POSTs.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use windlass::{KeptReply, Opened};

use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Namespaced, header_text, read};
use crate::routes::Answer;

/// What keeps the key itself, or changes nothing.
const OWN: [&str; 5] = [
    "/api/v1/jobs",
    "/api/v1/workflows",
    "/api/v1/batches",
    "/api/v1/jobs/{id}/wait",
    "/api/v1/schedules/preview",
];

/// What answers with a secret, which is shown once and never kept.
const SECRET: [&str; 2] = ["/api/v1/keys", "/api/v1/keys/{id}/rotate"];

/// Bytes of an answer that is kept.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// Headers of an answer that are kept with it.
const KEPT_HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::LOCATION, header::ETAG, EXISTING];

const EXISTING: HeaderName = HeaderName::from_static("windlass-existing");

/// Lets a request pass once.
pub(crate) async fn repeat(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let is_meant = request.method() == Method::POST
        && request.headers().contains_key("idempotency-key")
        && path.is_some_and(|path| !OWN.contains(&path.as_str()));
    if !is_meant {
        return next.run(request).await;
    }
    once(&app, request, next).await.unwrap_or_else(Problem::into_response)
}

async fn once(app: &Shared, request: Request, next: Next) -> Answer {
    let (mut parts, body) = request.into_parts();
    let Namespaced(queue) = Namespaced::from_request_parts(&mut parts, app).await?;
    let body = read(&parts.headers, body, app.body_limit).await?;
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let is_secret = path.is_some_and(|path| SECRET.contains(&path));
    let caller = parts.extensions.get::<Caller>().map(|caller| caller.name().to_owned());
    let caller = caller.unwrap_or_default();
    let key = header_text(&parts.headers, "idempotency-key")?.unwrap_or_default();
    let kind = header_text(&parts.headers, "content-type")?.unwrap_or_default();
    let asked = parts.uri.to_string();
    let content = [caller.as_bytes(), asked.as_bytes(), kind.as_bytes(), &body];
    match queue.open_request(key, &content).await? {
        Opened::Answered(reply) => answered(reply),
        Opened::New(open) => {
            let request = Request::from_parts(parts, Body::from(body));
            Ok(open.answer(async move { kept(next.run(request).await, is_secret).await }).await)
        }
    }
}

/// The answer, and what of it is kept: only success is.
async fn kept(response: Response, is_secret: bool) -> (Option<KeptReply>, Response) {
    if !response.status().is_success() {
        return (None, response);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return (None, Problem::internal().into_response());
    };
    let reply = KeptReply {
        status: parts.status.as_u16(),
        head: head(&parts.headers),
        body: (!is_secret && body.len() <= REPLY_BYTES_MAX).then(|| body.to_vec()),
    };
    (Some(reply), Response::from_parts(parts, Body::from(body)))
}

fn head(headers: &HeaderMap) -> String {
    let text = |name: HeaderName| Some((name.to_string(), headers.get(&name)?.to_str().ok()?));
    let kept: BTreeMap<String, &str> = KEPT_HEADERS.into_iter().filter_map(text).collect();
    serde_json::to_string(&kept).expect("texts can be written as JSON")
}

fn answered(reply: KeptReply) -> Answer {
    let Some(body) = reply.body else {
        let detail =
            "the request took effect, but its answer is not kept: it is large, or a secret";
        return Err(Problem::conflict(detail));
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    let head: BTreeMap<String, String> = serde_json::from_str(&reply.head).unwrap_or_default();
    for (name, value) in head {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
    headers.insert(EXISTING, HeaderValue::from_static("idempotency"));
    Ok(response)
}
