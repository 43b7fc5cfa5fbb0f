//! What pages load: the style sheet, the scripts and the icon, all part of the program.
//!
//! Invariant: the name of a file holds a digest of its content, so that browsers may keep it for ever.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;
use crate::request::Name;
use crate::routes::Answer;

/// A year, which is as good as for ever.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const SOURCES: [(&str, &str, &str, &[u8]); 4] = [
    ("app", "css", "text/css; charset=utf-8", include_bytes!("../../assets/app.css")),
    ("app", "js", "text/javascript; charset=utf-8", include_bytes!("../../assets/app.js")),
    (
        "htmx",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/vendor/htmx.min.js"),
    ),
    ("icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")),
];

struct Asset {
    stem: &'static str,
    name: String,
    kind: HeaderValue,
    plain: &'static [u8],
    packed: Vec<u8>,
}

/// Names of the files, as pages link to them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) htmx: &'static str,
    pub(super) icon: &'static str,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    SOURCES.iter().map(|(stem, end, kind, plain)| Asset::new((stem, end), kind, plain)).collect()
});

impl Asset {
    fn new((stem, end): (&'static str, &str), kind: &'static str, plain: &'static [u8]) -> Self {
        let digest = hex(&Sha256::digest(plain)[..6]);
        let kind = HeaderValue::from_static(kind);
        Self { stem, name: format!("{stem}.{digest}.{end}"), kind, plain, packed: gzip(plain) }
    }
}

/// The names that pages link to.
pub(super) fn links() -> Links {
    let name = |stem: &str, end: &str| {
        let found = ASSETS.iter().find(|it| it.stem == stem && it.name.ends_with(end));
        found.map_or("", |it| it.name.as_str())
    };
    Links {
        style: name("app", ".css"),
        script: name("app", ".js"),
        htmx: name("htmx", ".js"),
        icon: name("icon", ".svg"),
    }
}

/// Answers a file.
pub(super) async fn asset(headers: HeaderMap, Name(name): Name) -> Answer {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return Err(Problem::not_found(format!("there is no file `{name}`")));
    };
    let mut response = if takes_gzip(&headers) {
        ([(header::CONTENT_ENCODING, "gzip")], asset.packed.as_slice()).into_response()
    } else {
        asset.plain.into_response()
    };
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, asset.kind.clone());
    head.insert(header::CACHE_CONTROL, KEEP);
    head.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(response)
}

/// Compresses the page of an answer, where it is one and the browser takes it.
pub(super) async fn pack(asked: &HeaderMap, response: Response) -> Response {
    let is_page = is_html(&response);
    if !is_page || !takes_gzip(asked) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = axum::body::to_bytes(body, usize::MAX).await else {
        return Problem::internal().into_response();
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    Response::from_parts(parts, gzip(&plain).into())
}

/// Whether an answer is a page.
pub(super) fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|list| {
        list.split(',').any(|one| {
            let (name, quality) = one.split_once(';').unwrap_or((one, ""));
            name.trim() == "gzip" && quality.trim() != "q=0"
        })
    })
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing to a vector cannot fail.
    drop(encoder.write_all(plain));
    encoder.finish().unwrap_or_default()
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pair = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(pair).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_what_the_manifest_says() {
        let manifest = include_str!("../../assets/vendor/MANIFEST");
        let lines: Vec<Vec<&str>> = manifest
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .collect();
        let htmx = include_bytes!("../../assets/vendor/htmx.min.js");

        assert_eq!(lines.len(), 1, "one line for each file");
        assert_eq!(lines[0][0], "htmx.min.js");
        assert_eq!(lines[0][4], hex(&Sha256::digest(htmx)));
    }

    #[test]
    fn what_a_first_view_loads_is_small() {
        let packed: usize = ASSETS.iter().map(|asset| asset.packed.len()).sum();
        let script = ASSETS
            .iter()
            .find(|asset| asset.name.starts_with("app.") && asset.name.ends_with(".js"));

        assert!(packed < 45 << 10, "{packed} bytes");
        assert!(script.is_some_and(|script| script.packed.len() <= 6 << 10));
    }

    #[test]
    fn encodings_are_read_as_browsers_write_them() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            takes_gzip(&headers)
        };

        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, gzip;q=0.8"));
        assert!(!takes("gzip;q=0, br") && !takes("identity"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
