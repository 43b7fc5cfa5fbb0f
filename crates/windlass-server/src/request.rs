//! Parts of a request, read or refused: namespace, job id, query and body.

use std::future::poll_fn;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use tokio::time::Instant;
use windlass::remote::RemoteWorkers;
use windlass::{JobId, Queue};

use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 10 << 20;

/// Bytes of a body that earn it another second.
const BODY_BYTES_PER_SECOND_MIN: usize = 8 << 10;

/// Things on a page of a list of names, unless the query says otherwise, and at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 500;

/// How much and how long we go on reading a body that is too large. A client that sends everything
/// before it listens would otherwise see a broken connection instead of the answer.
const DISCARD_BYTES_MAX: usize = 256 << 20;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(10);

/// The queue in the namespace that the request names, if its key is for that one.
pub(crate) struct Namespaced(pub(crate) Queue);

impl FromRequestParts<Shared> for Namespaced {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.queue_of(app, &parts.headers).map(Self)
    }
}

/// What serves remote workers, in the namespace that the request names.
pub(crate) struct Remote(pub(crate) RemoteWorkers);

impl FromRequestParts<Shared> for Remote {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let Namespaced(queue) = Namespaced::from_request_parts(parts, app).await?;
        Ok(Self(app.remote()?.of(&queue)))
    }
}

/// The id of the request, as it is answered and logged.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// The id in the path.
pub(crate) struct Id<I = JobId>(pub(crate) I);

impl<I: FromStr<Err = String>> FromRequestParts<Shared> for Id<I> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let Path(text) = path.map_err(|error| Problem::unreadable(error.to_string()))?;
        text.parse().map(Self).map_err(Problem::unreadable)
    }
}

/// The name in the path.
pub(crate) struct Name(pub(crate) String);

impl FromRequestParts<Shared> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let Path(name) = path.map_err(|error| Problem::unreadable(error.to_string()))?;
        storable("the name in the path", &name)?;
        Ok(Self(name))
    }
}

/// The version that the request wants to meet, if it names one (`If-Match: "3"`).
pub(crate) struct IfMatch<V = i64>(pub(crate) Option<V>);

impl<V: FromStr> FromRequestParts<Shared> for IfMatch<V> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        match header_text(&parts.headers, "if-match")? {
            None | Some("*") => Ok(Self(None)),
            Some(text) => read_tag(text).map(|version| Self(Some(version))),
        }
    }
}

/// Reads one entity tag. A weak one, or one that was never given out, is the tag of no version (RFC 9110, 13.1.1).
fn read_tag<V: FromStr>(text: &str) -> Result<V, Problem> {
    let quoted = |text: &'_ str| {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        (!inner.contains('"')).then(|| inner.to_owned())
    };
    let is_weak = text.starts_with("W/");
    match quoted(text.strip_prefix("W/").unwrap_or(text)) {
        None => Err(Problem::unreadable("if-match: must be one ETag in double quotes, or *")),
        Some(inner) => match inner.parse() {
            Ok(version) if !is_weak => Ok(version),
            _ => {
                Err(Problem::precondition_failed(format!("if-match: {text} is no version of this")))
            }
        },
    }
}

/// The query, pair by pair.
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl FromRequestParts<Shared> for Pairs {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(pairs)) => {
                let pairs: Vec<(String, String)> = pairs;
                pairs.iter().try_for_each(|(name, value)| storable(name, value))?;
                Ok(Self(pairs))
            }
            Err(error) => Err(Problem::unreadable(error.to_string())),
        }
    }
}

impl Pairs {
    /// This request has no parameters.
    pub(crate) fn none(&self) -> Result<(), Problem> {
        self.0.first().map_or(Ok(()), |(given, _)| Err(unknown_parameter(given)))
    }

    /// The one parameter this request may have.
    pub(crate) fn only(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.as_slice() {
            [] => Ok(None),
            [(given, value)] if given == name => Ok(Some(value)),
            [(given, _)] if given != name => Err(unknown_parameter(given)),
            _ => Err(Problem::unreadable(format!("takes the query parameter {name} once"))),
        }
    }

    /// The cursor and the size of a page, 100 unless the query says otherwise.
    pub(crate) fn page(&self) -> Result<(String, usize), Problem> {
        let (mut cursor, mut limit) = (None, None);
        for (name, value) in &self.0 {
            let place = match name.as_str() {
                "cursor" => &mut cursor,
                "limit" => &mut limit,
                _ => return Err(unknown_parameter(name)),
            };
            if place.replace(value.as_str()).is_some() {
                return Err(Problem::unreadable(format!("{name}: may be given once")));
            }
        }
        let limit = limit.map_or(Ok(PAGE_DEFAULT), page_limit)?;
        Ok((cursor.unwrap_or_default().to_owned(), limit.min(PAGE_MAX)))
    }

    /// The one parameter this request may have, `true` or `false`.
    pub(crate) fn only_flag(&self, name: &str) -> Result<bool, Problem> {
        match self.only(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::unreadable(format!("{name}: must be true or false"))),
        }
    }
}

/// Refuses what no database could look for.
fn storable(what: &str, text: &str) -> Result<(), Problem> {
    match text.contains('\0') {
        true => Err(Problem::unreadable(format!("{what}: holds a NUL character"))),
        false => Ok(()),
    }
}

/// More than a page holds means a full page.
pub(crate) fn page_limit(value: &str) -> Result<usize, Problem> {
    match value.parse() {
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(Problem::unreadable(
            "limit: must be a whole number, 1 or more (a page holds 500 at most)",
        )),
    }
}

pub(crate) fn unknown_parameter(name: &str) -> Problem {
    let shown: String = name.chars().take(64).collect();
    Problem::unreadable(format!("`{shown}` is not a query parameter this request has"))
}

/// A header's text.
pub(crate) fn header_text<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> Result<Option<&'a str>, Problem> {
    let text = headers.get(name).map(|value| value.to_str()).transpose();
    text.map_err(|_| Problem::unreadable(format!("the header {name} is not plain text")))
}

/// Whether a body is one JSON value a line.
pub(crate) fn is_ndjson(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind == "application/x-ndjson")
}

/// The body, at most 10 MiB of it.
pub(crate) struct RequestBody(pub(crate) Bytes);

impl FromRequest<Shared> for RequestBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let encoding = parts.headers.get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
            let detail = "content-encoding: bodies are taken as they are, not compressed";
            return Err(Problem::unsupported_media_type(detail));
        }
        let body = read(&parts.headers, body, app.body_limit).await?;
        let is_typed = media_type(&parts.headers).is_some();
        let is_json = is_ndjson(&parts.headers)
            || media_type(&parts.headers).is_some_and(|kind| kind == "application/json");
        // Browsers send other types without asking first; everyone else may leave the type out.
        if is_from_page(&parts.headers) && !is_json && (is_typed || !body.is_empty()) {
            let detail =
                "a page must send application/json (or application/x-ndjson to /jobs/batch)";
            return Err(Problem::unsupported_media_type(detail));
        }
        Ok(Self(body))
    }
}

/// Reads a whole body, at most 10 MiB of it, in no more than so long.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: Duration,
) -> Result<Bytes, Problem> {
    let begun = Instant::now();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = length.and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    let mut bytes = Vec::new();
    let mut is_too_large = announced > BODY_BYTES_MAX as u64;
    while !is_too_large {
        let seconds = u64::try_from(bytes.len() / BODY_BYTES_PER_SECOND_MIN).unwrap_or(u64::MAX);
        let until = begun + limit + Duration::from_secs(seconds);
        let Ok(data) = tokio::time::timeout_at(until, next_data(&mut body)).await else {
            return Err(Problem::too_slow("the body came too slowly"));
        };
        let Some(data) = data? else { return Ok(bytes.into()) };
        is_too_large = bytes.len() + data.len() > BODY_BYTES_MAX;
        if !is_too_large {
            bytes.extend_from_slice(&data);
        }
    }
    drop(bytes);
    // Whoever asks before sending has not sent it yet.
    if !headers.contains_key(header::EXPECT) {
        discard(body).await;
    }
    Err(Problem::too_large(format!("the body is too large (at most {BODY_BYTES_MAX} bytes)")))
}

async fn discard(mut body: Body) {
    let rest = async {
        let mut discarded = 0;
        while let Ok(Some(data)) = next_data(&mut body).await {
            discarded += data.len();
            if discarded > DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    // Time is up or not: the answer is the same.
    let _ = tokio::time::timeout(DISCARD_TIME_MAX, rest).await;
}

async fn next_data(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        let Some(frame) = frame else { return Ok(None) };
        let frame =
            frame.map_err(|_| Problem::unreadable("the body ended before it was complete"))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

fn is_from_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = value.split(';').next().unwrap_or_default();
    Some(kind.trim().to_ascii_lowercase())
}
