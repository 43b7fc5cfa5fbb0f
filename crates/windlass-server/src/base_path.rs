//! The path below which a proxy shows the server, such as `/jobs` of `https://example.org/jobs/ui/`.
//!
//! Invariant: a request means the same whether the proxy takes the path away or leaves it; what clients say of it counts
//! from proxies that we know alone.

use std::str::FromStr;

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Request, Uri};

/// Bytes of a path.
const BYTES_MAX: usize = 128;

/// How proxies that take a path away tell which one.
const HEADER: &str = "x-forwarded-prefix";

/// A path such as `/jobs`; empty for the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_plain = |part: &str| {
            !part.is_empty()
                && !matches!(part, "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        let is_path = match path.strip_prefix('/') {
            Some(rest) => rest.split('/').all(is_plain),
            None => path.is_empty(),
        };
        if !is_path || path.len() > BYTES_MAX {
            return Err(format!(
                "`{text}` is no path such as /jobs (letters, digits, - . _ ~ between slashes, at most {BYTES_MAX} bytes)"
            ));
        }
        Ok(Self(path.to_owned()))
    }
}

impl BasePath {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What a proxy says; none where it says nothing, or what is no path.
    pub(crate) fn told(headers: &HeaderMap) -> Option<Self> {
        headers.get(HEADER)?.to_str().ok()?.trim().parse().ok()
    }

    /// Takes the path away from what a request asks for, if it begins with it.
    pub(crate) fn take_from<B>(&self, request: &mut Request<B>) {
        if let Some(uri) = self.without(request.uri()) {
            *request.uri_mut() = uri;
        }
    }

    fn without(&self, uri: &Uri) -> Option<Uri> {
        let rest = Some(&self.0).filter(|path| !path.is_empty())?;
        let rest = uri.path_and_query()?.as_str().strip_prefix(rest)?;
        let rest = match rest.as_bytes().first() {
            Some(b'/') => rest.parse::<PathAndQuery>(),
            None | Some(b'?') => format!("/{rest}").parse::<PathAndQuery>(),
            // Another path that only begins alike.
            Some(_) => return None,
        }
        .ok()?;
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(rest);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_with_or_without_a_slash_at_its_end() {
        let read = |text: &str| text.parse::<BasePath>().map(|path| path.0);

        assert_eq!(read("/jobs/"), Ok("/jobs".to_owned()));
        assert_eq!(read("/a/b-c_d.e~1"), Ok("/a/b-c_d.e~1".to_owned()));
        assert_eq!((read(""), read("/")), (Ok(String::new()), Ok(String::new())));
        let long = format!("/{}", "x".repeat(BYTES_MAX));
        for bad in
            ["jobs", "//evil.example", "/a//b", "/..", "/a b", "/a?b", "/\"x", "/a, /b", &long]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn it_is_taken_away_where_a_request_begins_with_it() {
        let base: BasePath = "/jobs".parse().unwrap();
        let asked = |uri: &str| {
            let mut request = Request::get(uri).body(()).unwrap();
            base.take_from(&mut request);
            request.uri().to_string()
        };

        assert_eq!(asked("/jobs/ui/?a=b%20c"), "/ui/?a=b%20c");
        assert_eq!((asked("/jobs"), asked("/jobs?a")), ("/".to_owned(), "/?a".to_owned()));
        assert_eq!(
            (asked("/jobsite"), asked("/ui/jobs")),
            ("/jobsite".to_owned(), "/ui/jobs".to_owned())
        );
        let mut request = Request::get("/ui").body(()).unwrap();
        BasePath::default().take_from(&mut request);
        assert_eq!(request.uri(), "/ui");
    }
}
