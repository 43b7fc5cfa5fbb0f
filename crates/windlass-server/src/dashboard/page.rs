//! A page: who looks at it, what stands around its content, and what is shown when something is wrong.

use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use windlass::{Queue, Role, Timestamp};

use super::assets::{self, Links};
use super::live::Fragment;
use super::sessions::cookie;
use super::text::encoded;
use super::{PAGE_HEADERS, Place, is_encrypted, peer};
use crate::app::Shared;
use crate::auth::Caller;
use crate::endpoints::Permission;
use crate::problem::Problem;
use crate::routes::Answer;

/// What is said on the page after a form, by the word in its address.
const NOTICES: [(&str, &str); 19] = [
    ("cancelled", "The job is cancelled, or will be as soon as its handler lets go."),
    ("changed", "The changes are stored."),
    ("created", "It is made."),
    ("deleted", "It is deleted."),
    ("duplicated", "This is a new job with the same content."),
    ("key-revoked", "The key is revoked; its sessions have ended."),
    ("namespace", "You look at another namespace now."),
    ("paused", "It is paused. What runs goes on to its end."),
    ("purged", "The jobs that waited are deleted."),
    ("quiet", "The worker will claim no more jobs."),
    ("resumed", "It goes on."),
    ("retried", "The job gets another attempt."),
    ("run", "The job runs as soon as a worker is free."),
    ("started", "The operation has begun; this page shows how far it is."),
    ("stopped", "The operation stops after the jobs it is at."),
    ("terminate", "The worker will stop after the jobs it runs."),
    ("triggered", "This is the job of the schedule, made just now."),
    ("workflow-cancelled", "Every job of the workflow that had not ended is cancelled."),
    ("workflow-retried", "Every job of the workflow that ended without success runs again."),
];

/// Who looks at a page, and at what.
pub(super) struct Viewer {
    pub(super) app: Shared,
    pub(super) caller: Caller,
    pub(super) queue: Queue,
    headers: HeaderMap,
    uri: Uri,
    place: Place,
    is_fragment: bool,
}

impl FromRequestParts<Shared> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let queue = caller.queue_of(app, &parts.headers)?;
        Ok(Self {
            app: Shared::clone(app),
            caller,
            queue,
            place: Place::of(app, &parts.extensions, &parts.headers),
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
            is_fragment: parts.extensions.get::<Fragment>().is_some(),
        })
    }
}

impl Viewer {
    /// The path of the first page, which all links begin with.
    pub(super) fn root(&self) -> String {
        self.place.root()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.app.now()
    }

    /// Whether the caller's role allows this; buttons that would be refused are not shown.
    pub(super) fn may(&self, permission: Permission) -> bool {
        permission.allows(self.caller.role())
    }

    /// Whether the caller may do something to a whole namespace.
    pub(super) fn may_all(&self, permission: Permission) -> bool {
        self.may(permission) && !self.caller.has_queues()
    }

    /// What forms of this page have to bring along. What many look at has none: scripts put in their own.
    pub(super) fn token(&self) -> String {
        if self.is_fragment {
            return String::new();
        }
        let session = self.caller.session(&self.headers);
        self.app.dashboard.tokens.token(session, self.queue.namespace())
    }

    /// The parameters in the address.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(given, _)| given == name).map(|(_, value)| value.into_owned())
    }

    /// A page with this title, in this part of the navigation.
    pub(super) async fn page(
        &self,
        title: &str,
        place: &'static str,
        content: &impl Template,
    ) -> Answer {
        let content = content.render().map_err(|error| {
            tracing::error!(%error, "a page was not rendered");
            Problem::internal()
        })?;
        if self.is_fragment {
            return Ok(Html(content).into_response());
        }
        let namespaces = self.queue.namespaces("").await?;
        let namespaces =
            namespaces.into_iter().filter(|name| self.caller.allows_namespace(name)).collect();
        let notice = self.parameter("notice").unwrap_or_default();
        let notice = NOTICES.iter().find(|(word, _)| *word == notice).map_or("", |(_, text)| text);
        let layout = Layout {
            root: self.root(),
            links: assets::links(),
            theme: theme(&self.headers),
            density: chosen(&self.headers, "windlass_density", &["roomy", "dense"]),
            title,
            place,
            notice,
            namespace: self.queue.namespace(),
            namespaces,
            nav: self.nav(),
            role: self.caller.role(),
            name: self.caller.name(),
            is_signed_in: self.caller.is_signed_in(),
            token: self.token(),
            version: &self.app.version,
            content,
        };
        written(&layout)
    }

    /// The parts of the dashboard that this caller may see: path, name, icon.
    fn nav(&self) -> Vec<(&'static str, &'static str)> {
        let all = !self.caller.has_queues();
        let entries = [
            (self.may(Permission::View) && all, ("", "Overview")),
            (self.may(Permission::ReadJobs), ("jobs", "Jobs")),
            (self.may(Permission::View), ("queues", "Queues")),
            (self.may(Permission::View) && all, ("types", "Types")),
            (self.may(Permission::View) && all, ("schedules", "Schedules")),
            (self.may(Permission::ReadJobs) && all, ("workflows", "Workflows")),
            (self.may(Permission::ReadJobs) && all, ("batches", "Batches")),
            (self.may(Permission::View) && all, ("dead", "Dead letters")),
            (self.may(Permission::View) && all, ("operations", "Operations")),
            (self.may(Permission::View) && all, ("workers", "Workers")),
            (self.may(Permission::View) && all, ("limits", "Limits")),
            (self.may(Permission::Operate) && all, ("audit", "Audit")),
            (self.may(Permission::Administer), ("keys", "Keys")),
        ];
        entries.into_iter().filter(|(is_shown, _)| *is_shown).map(|(_, entry)| entry).collect()
    }
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'a> {
    root: String,
    links: Links,
    theme: &'static str,
    density: &'static str,
    title: &'a str,
    place: &'static str,
    notice: &'static str,
    namespace: &'a str,
    namespaces: Vec<String>,
    nav: Vec<(&'static str, &'static str)>,
    role: Role,
    name: &'a str,
    is_signed_in: bool,
    token: String,
    version: &'a str,
    content: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    root: String,
    links: Links,
    theme: &'static str,
    status: u16,
    title: &'a str,
    detail: &'a str,
    rules: Vec<(&'a str, &'a str)>,
    request_id: &'a str,
}

/// A page as an answer.
pub(super) fn written(page: &impl Template) -> Answer {
    let html = page.render().map_err(|error| {
        tracing::error!(%error, "a page was not rendered");
        Problem::internal()
    })?;
    Ok(Html(html).into_response())
}

/// Leads to another page; after a form this is what makes a repeated load harmless.
pub(super) fn see(place: &str) -> Answer {
    let place = HeaderValue::from_str(place).map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response())
}

/// The theme that was chosen in this browser; none means that of the system.
pub(super) fn theme(headers: &HeaderMap) -> &'static str {
    chosen(headers, "windlass_theme", &["auto", "light", "dark", "contrast"])
}

/// One of these words, as a cookie says; the first one otherwise.
fn chosen(headers: &HeaderMap, name: &str, words: &[&'static str]) -> &'static str {
    let said = cookie(headers, name);
    let found = words.iter().find(|word| Some(**word) == said).or_else(|| words.first());
    found.copied().unwrap_or_default()
}

/// Makes every page complete: headers for browsers, and compression.
pub(super) async fn dress(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let (parts, body) = request.into_parts();
    let is_secure = is_encrypted(&app, peer(&parts), &headers);
    let response = next.run(Request::from_parts(parts, body)).await;
    let mut response = assets::pack(&headers, response).await;
    if assets::is_html(&response) {
        headed(response.headers_mut());
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
        if is_secure {
            let year = HeaderValue::from_static("max-age=31536000");
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
        }
    }
    response
}

fn headed(headers: &mut HeaderMap) {
    for (name, value) in PAGE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Shows what went wrong as a page, or leads to where one signs in.
pub(crate) fn render(
    place: &Place,
    (method, uri): (&Method, &Uri),
    (problem, request_id): (&Problem, &str),
    response: &mut Response,
) {
    let root = place.root();
    headed(response.headers_mut());
    if problem.is_unauthorized() && *method == Method::GET {
        let wanted = uri.path_and_query().map_or("", |it| it.as_str());
        let place = format!("{root}/login?next={}", encoded(wanted));
        if let Ok(place) = HeaderValue::from_str(&place) {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, place);
            return;
        }
    }
    let page = ProblemPage {
        root,
        links: assets::links(),
        theme: "auto",
        status: problem.status().as_u16(),
        title: problem.status().canonical_reason().unwrap_or("Error"),
        detail: problem.detail(),
        rules: problem.rules().collect(),
        request_id,
    };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = page.render().unwrap_or_default().into();
}
