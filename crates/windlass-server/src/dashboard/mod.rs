//! The dashboard: pages over the same calls as the API, behind the same gate.
//!
//! A [`Server`] has it at `/ui/`. A program of your own mounts it with [`router`]:
//!
//! ```no_run
//! # async fn run(queue: windlass::Queue) {
//! use windlass_server::{Server, dashboard};
//!
//! let pages = dashboard::router(Server::new(queue), "/jobs");
//! let app: axum::Router = axum::Router::new().nest("/jobs", pages);
//! // The dashboard is at /jobs/ui/.
//! # drop(app);
//! # }
//! ```
//!
//! Invariant: a page is an endpoint of the table like any other: what a role may not do is refused by the gate,
//! whatever a page shows.

mod assets;
mod draw;
mod forms;
mod live;
mod login;
mod page;
mod pages;
mod routes;
mod sessions;
mod table;
#[cfg(test)]
mod tests;
mod text;

use axum::Router;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::from_fn_with_state;

use crate::Server;
use crate::app::{App, Shared};
use crate::auth::{Caller, Peer, gate};
use crate::base_path::BasePath;
use crate::edge::edge;
pub(crate) use page::render;
pub(crate) use routes::routes;
pub(crate) use sessions::session_of;
use sessions::{Tokens, cookie};
pub(crate) use table::PAGES;

/// Remembers which namespace a browser looks at.
const NAMESPACE_COOKIE: &str = "windlass_namespace";

/// What pages may load, and who may frame them: nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every page says to browsers.
const PAGE_HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    // Without it forms would be sent with `Origin: null`. Other sites are told nothing either way.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The pages of `server` under `/ui/`, to be nested at `base_path` (such as `/jobs`; empty for the root).
///
/// A key is asked for, even where there is none yet, unless [`Server::keys_needed`] says otherwise; then only
/// requests for localhost and [`Server::hosts`] are answered. Everything that is a connection's matter (limits, TLS)
/// is that of the program around it: behind a proxy that ends TLS, name its network with [`Server::proxies`].
pub fn router(server: Server, base_path: &str) -> Router {
    let app = server.mounted(base_path);
    routes(&app)
        .layer(from_fn_with_state(Shared::clone(&app), gate))
        .layer(from_fn_with_state(Shared::clone(&app), edge))
        .with_state(app)
}

/// What the pages of a server share.
#[derive(Debug)]
pub(crate) struct Dashboard {
    /// Where it is mounted in another program: empty, or a path without a slash at its end.
    mount: String,
    /// Below which path it is shown, unless a proxy says another one.
    base_path: BasePath,
    is_tls: bool,
    tokens: Tokens,
    frames: live::Frames,
}

impl Dashboard {
    pub(crate) fn new(mount: String, base_path: BasePath, is_tls: bool) -> Self {
        Self {
            mount,
            base_path,
            is_tls,
            tokens: Tokens::default(),
            frames: live::Frames::default(),
        }
    }

    /// A route without the path that the dashboard is mounted at.
    pub(crate) fn within<'a>(&self, route: &'a str) -> &'a str {
        route.strip_prefix(self.mount.as_str()).unwrap_or(route)
    }
}

/// What paths of ours begin with in the browser that sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn of(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Self {
        let Dashboard { mount, base_path, .. } = &app.dashboard;
        let told = match app.proxies.contain(Peer::of(extensions)) {
            true => BasePath::told(headers),
            false => None,
        };
        Self(format!("{}{mount}", told.as_ref().unwrap_or(base_path).as_str()))
    }

    /// A path of ours, as the browser asks for it.
    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The path of the first page, without a slash at its end.
    fn root(&self) -> String {
        self.path("/ui")
    }

    /// A path as the browser asks for it, as one of ours.
    fn inside<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(self.0.as_str()).unwrap_or(path)
    }
}

/// Makes a page show the namespace that was chosen in this browser, where the caller may see it.
pub(crate) fn choose_namespace(caller: &Caller, parts: &mut Parts) {
    if !is_page_path(parts.uri.path()) || parts.headers.contains_key("windlass-namespace") {
        return;
    }
    let chosen = cookie(&parts.headers, NAMESPACE_COOKIE).map(str::to_owned);
    if let Some(name) = chosen.filter(|name| caller.allows_namespace(name))
        && let Ok(value) = HeaderValue::from_str(&name)
    {
        parts.headers.insert("windlass-namespace", value);
    }
}

/// Whether a path is one of a page: errors are answered as pages there, and sessions count.
pub(crate) fn is_page_path(path: &str) -> bool {
    path == "/" || path == "/ui" || path.starts_with("/ui/")
}

/// Whether the browser speaks TLS, to us or to a proxy that we believe.
fn is_encrypted(app: &App, peer: std::net::IpAddr, headers: &HeaderMap) -> bool {
    let told = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    app.dashboard.is_tls || (told && app.proxies.contain(peer))
}

/// The other end of a request's connection.
fn peer(parts: &Parts) -> std::net::IpAddr {
    Peer::of(&parts.extensions)
}
