//! Forms: what came with one, and whether it came from a page of ours.
//!
//! Invariant: a request that changes something and whose sender is known only by what a browser sends by itself
//! comes from a page of this origin, written for this session and namespace, or it is refused.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::read;

/// Name of the field with the token.
const TOKEN: &str = "token";

/// The fields of a form, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl FromRequestParts<Shared> for Form {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        // `check` has put it there.
        Ok(parts.extensions.remove::<Self>().unwrap_or_default())
    }
}

impl Form {
    /// The text of a field, without blanks around it; none for one that is empty or not there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.trim()).filter(|text| !text.is_empty())
    }

    /// The content of a field as it is.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All values of a field.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.0.iter().filter(|(given, _)| given == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a box is ticked.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// Those of the fields that are filled in, as members of a document.
    pub(super) fn members(&self, names: &[&str]) -> Map<String, Value> {
        let field = |name: &&str| Some(((*name).to_owned(), self.text(name)?.into()));
        names.iter().filter_map(field).collect()
    }

    /// A field with a whole number, as a member that says what is wrong with it otherwise.
    pub(super) fn number(&self, name: &str) -> Option<Value> {
        let text = self.text(name)?;
        Some(text.parse::<u64>().map_or_else(|_| text.into(), Into::into))
    }
}

/// Reads the form of a request that changes something, and refuses it when a page of another site may have sent it.
pub(super) async fn check(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let bytes = match read(&parts.headers, body, app.body_limit).await {
        Ok(bytes) => bytes,
        Err(problem) => return problem.into_response(),
    };
    let is_form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let fields =
        if is_form { form_urlencoded::parse(&bytes).into_owned().collect() } else { vec![] };
    let form = Form(fields);
    if let Err(problem) = is_ours(&app, &parts, &form) {
        return problem.into_response();
    }
    parts.extensions.insert(form);
    next.run(Request::from_parts(parts, axum::body::Body::empty())).await
}

fn is_ours(app: &Shared, parts: &Parts, form: &Form) -> Result<(), Problem> {
    let caller = parts.extensions.get::<Caller>();
    if caller.is_some_and(Caller::is_deliberate) {
        return Ok(());
    }
    if !is_same_origin(&parts.headers) {
        return Err(Problem::forbidden("forms are taken from pages of this server only"));
    }
    // Whoever signs in has no session yet.
    let Some(caller) = caller else { return Ok(()) };
    let queue = caller.queue_of(app, &parts.headers)?;
    let session = caller.session(&parts.headers);
    let expected = app.dashboard.tokens.token(session, queue.namespace());
    if form.raw(TOKEN) == Some(&expected) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "this form is of another session or namespace: go back, load the page again, and repeat it",
    ))
}

/// Browsers say where a request comes from; `edge` has compared `Origin` with the name we answer to.
fn is_same_origin(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers.contains_key(header::ORIGIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_members() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let form = Form(vec![
            field("name", " mail "),
            field("empty", "  "),
            field("n", "12"),
            field("odd", "x"),
            field("id", "1"),
            field("id", "2"),
        ]);

        assert_eq!(form.members(&["name", "empty", "none"]).len(), 1);
        assert_eq!(form.members(&["name"])["name"], "mail");
        assert_eq!((form.number("n"), form.number("odd")), (Some(12.into()), Some("x".into())));
        assert_eq!(form.all("id"), ["1", "2"]);
        assert_eq!(form.raw("name"), Some(" mail "));
        assert!(form.is_on("n") && !form.is_on("empty"));
    }

    #[test]
    fn a_request_of_a_page_says_where_it_comes_from() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            is_same_origin(&headers)
        };

        assert!(with("sec-fetch-site", "same-origin") && with("origin", "http://localhost"));
        assert!(!with("sec-fetch-site", "same-site") && !with("sec-fetch-site", "none"));
        assert!(!is_same_origin(&HeaderMap::new()));
    }
}
