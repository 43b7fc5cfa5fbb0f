//! What every request passes: a request id, the check of Host and Origin, the guard against panics,
//! and the count of answers.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::app::{App, Shared};
use crate::dashboard;
use crate::facade;
use crate::metrics::HttpLabels;
use crate::problem::Problem;
use crate::request::RequestId;

/// Bytes of a path and query. Pages of jobs by many filters stay far below.
const URI_BYTES_MAX: usize = 8 << 10;

/// What every answer says, unless it says something else.
const HARDENING: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];

const REQUEST_ID: &str = "x-request-id";

/// Characters of a client's request id that we repeat.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// Names under which a loopback address is reached.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Lets a request in, and makes its answer complete.
pub(crate) async fn edge(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let uri = request.uri().clone();
    let is_facade = facade::is_path(uri.path());
    let place = dashboard::is_page_path(uri.path())
        .then(|| dashboard::Place::of(&app, request.extensions(), request.headers()));
    let mut response = match checked(&app, &request) {
        Ok(()) => guarded(next.run(request)).await,
        Err(problem) => problem.into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if let Some(place) = &place {
            dashboard::render(place, (&method, &uri), (&problem, &id), &mut response);
        } else if is_facade {
            problem.render_plain(method.as_str(), &mut response);
        } else {
            problem.render(&id, &mut response);
        }
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    harden(response.headers_mut());
    let labels = HttpLabels::new(route.as_ref(), &method, response.status());
    app.requests.get_or_create(&labels).inc();
    response
}

/// Refuses what no handler should see.
fn checked(app: &App, request: &Request) -> Result<(), Problem> {
    let uri_bytes = request.uri().path().len() + request.uri().query().map_or(0, str::len);
    if uri_bytes > URI_BYTES_MAX {
        let detail = format!("the URI is {uri_bytes} bytes long (at most {URI_BYTES_MAX})");
        return Err(Problem::uri_too_long(detail));
    }
    app.hosts.check(request.uri(), request.headers())
}

/// Tells browsers to do nothing with an answer but hand it to whoever asked, unless it says otherwise.
fn harden(headers: &mut HeaderMap) {
    for (name, value) in HARDENING {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// The client's id when it is harmless in a log line, a new one otherwise.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match given.filter(is_plain) {
        Some(id) => id.to_owned(),
        None => format!("{:032x}", fastrand::u128(..)),
    }
}

/// Runs a handler; a panic in it is a defect that answers 500 and leaves the connection alone.
async fn guarded(answer: impl Future<Output = Response>) -> Response {
    let mut answer = pin!(answer);
    let caught =
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(response)) => Poll::Ready(Ok(response)),
            Err(panic) => Poll::Ready(Err(panic)),
        });
    caught.await.unwrap_or_else(|panic| {
        tracing::error!(panic = panic_text(&*panic), "a request handler panicked");
        Problem::internal().into_response()
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Which names the server answers under.
///
/// A web page can point a name of its own at 127.0.0.1 and so reach a server that trusts its
/// machine; the name in Host gives it away, and Origin gives away a page of another site.
#[derive(Debug)]
pub(crate) struct HostRule {
    names: Option<Vec<String>>,
}

impl HostRule {
    /// On a loopback address its names and `hosts`; elsewhere `hosts`, or any name when there are
    /// none.
    pub(crate) fn new(is_loopback: bool, hosts: Vec<String>) -> Self {
        let own = LOOPBACK_NAMES.into_iter().filter(|_| is_loopback).map(str::to_owned);
        let names: Vec<String> = own.chain(hosts).map(|name| name.to_ascii_lowercase()).collect();
        Self { names: (!names.is_empty()).then_some(names) }
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(Authority::as_str));
        let Some(host) = host.map(str::to_ascii_lowercase) else {
            return Err(Problem::unreadable("the request has no readable Host header"));
        };
        let is_ours = |names: &Vec<String>| {
            let name = without_port(&host);
            names.iter().any(|ours| ours == name || *ours == host)
        };
        if !self.names.as_ref().is_none_or(is_ours) {
            return Err(Problem::misdirected(
                "this server does not answer for the name in the Host header",
            ));
        }
        match headers.get(header::ORIGIN) {
            Some(origin) if !is_same_origin(origin, &host) => {
                Err(Problem::forbidden("requests from pages of another origin are not answered"))
            }
            _ => Ok(()),
        }
    }
}

fn is_same_origin(origin: &HeaderValue, host: &str) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let origin = origin.to_ascii_lowercase();
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority == Some(host)
}

/// The name in `name:port`; brackets keep the colons of an IPv6 address.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &HostRule, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        rule.check(&Uri::from_static("/"), &headers).is_ok()
    }

    #[test]
    fn a_loopback_server_answers_for_its_own_names() {
        let rule = HostRule::new(true, vec!["Jobs.example".to_owned()]);

        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:1", "jobs.example:443"] {
            assert!(check(&rule, host, None), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil", "[::2]", ""] {
            assert!(!check(&rule, host, None), "{host}");
        }
    }

    #[test]
    fn a_public_server_answers_for_any_name_unless_told() {
        assert!(check(&HostRule::new(false, Vec::new()), "any.example", None));
        assert!(!check(&HostRule::new(false, vec!["a.example".to_owned()]), "b.example", None));
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let rule = HostRule::new(true, Vec::new());

        assert!(check(&rule, "localhost:8080", Some("http://localhost:8080")));
        for origin in ["http://localhost:9090", "http://evil.example", "null", "localhost:8080"] {
            assert!(!check(&rule, "localhost:8080", Some(origin)), "{origin}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let response = guarded(async { panic!("secret") }).await;

        assert_eq!(response.status(), 500);
        assert!(response.extensions().get::<Problem>().is_some());
    }
}
