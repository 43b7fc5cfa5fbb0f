//! The key in a request: in one of two headers, and nowhere else.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use windlass::ApiKey;

use crate::problem::Problem;

/// Query parameters in which other programs take keys.
const NAMES: [&str; 6] =
    ["api_key", "apikey", "access_token", "token", "x-api-key", "authorization"];

/// The key that the request presents; none when it presents nothing.
///
/// A key in the URL is refused, because URLs are written into logs and histories.
pub(super) fn presented(parts: &Parts) -> Result<Option<&str>, Problem> {
    if parts.uri.query().is_some_and(has_key) {
        return Err(Problem::unreadable(
            "a key does not belong into the URL: send it as `Authorization: Bearer KEY`, and make another \
             one, as this one may be in logs now",
        ));
    }
    let bearers = all(&parts.headers, header::AUTHORIZATION.as_str()).map(|value| {
        let (scheme, key) = value?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let mut keys =
        bearers.chain(all(&parts.headers, "x-api-key").map(|value| value.map(str::trim)));
    let Some(first) = keys.next() else { return Ok(None) };
    // Two that differ would let somebody in under a name that a proxy in between did not see.
    match first {
        Some(key) if keys.all(|other| other == Some(key)) => Ok(Some(key)),
        _ => Err(Problem::unauthorized()),
    }
}

/// The values of a header; none for one that is not plain text.
fn all<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Option<&'a str>> {
    headers.get_all(name).into_iter().map(|value| value.to_str().ok())
}

fn has_key(query: &str) -> bool {
    query.split('&').any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        NAMES.contains(&name.to_ascii_lowercase().as_str()) || ApiKey::parse(value).is_some()
    })
}
