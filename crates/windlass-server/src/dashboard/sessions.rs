//! Who is signed in: the cookie that names a session, and the tokens of its forms.
//!
//! Invariant: a session is kept by the database, so that every server of it knows it; what is in the cookie is known to
//! the browser alone, and so is what a token is made with.

use axum::http::HeaderMap;
use axum::http::header;
use sha2::{Digest as _, Sha256};
use windlass::SESSION_LASTS;

use super::assets::hex;
use crate::app::App;
use crate::problem::Problem;

/// Where a connection is encrypted, browsers themselves see to it that the cookie is of this host and path.
const SECURE_NAME: &str = "__Host-windlass";
const PLAIN_NAME: &str = "windlass";

/// What tokens of forms are made with.
pub(crate) struct Tokens {
    /// For callers without a session, where no key is needed.
    secret: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Default for Tokens {
    fn default() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("a system that lets a server start has random numbers");
        Self { secret: hex(&secret) }
    }
}

impl Tokens {
    /// What a form of this session and namespace has to bring along: nobody else can know it, and a form that was
    /// written for another namespace does not have it.
    pub(super) fn token(&self, session: Option<&str>, namespace: &str) -> String {
        let digest = Sha256::new()
            .chain_update("windlass form\0")
            .chain_update(session.unwrap_or(&self.secret))
            .chain_update("\0")
            .chain_update(namespace)
            .finalize();
        // Half of it says nothing about what it was made with, not even how it would go on.
        hex(&digest[..16])
    }
}

/// Ends the session that a request names.
pub(super) async fn end(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(id) = session_of(headers) {
        app.queue()?.end_session(id).await?;
        app.keys.session_ended(id);
    }
    Ok(())
}

/// What names the session of a request.
pub(crate) fn session_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SECURE_NAME).or_else(|| cookie(headers, PLAIN_NAME))
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(given, _)| *given == name).map(|(_, value)| value)
}

/// The cookie that names a session, or, without one, ends it.
pub(super) fn set_cookie(id: Option<&str>, is_secure: bool) -> String {
    let (name, secure) = if is_secure { (SECURE_NAME, "; Secure") } else { (PLAIN_NAME, "") };
    let (value, age) = id.map_or(("", 0), |id| (id, SESSION_LASTS.as_secs()));
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_one_session_and_one_namespace() {
        let (here, there) = (Tokens::default(), Tokens::default());

        let token = here.token(Some("a"), "default");

        assert_eq!(token, there.token(Some("a"), "default"), "every server writes the same");
        assert_ne!(token, here.token(Some("b"), "default"));
        assert_ne!(token, here.token(Some("a"), "b"));
        assert_ne!(token, here.token(None, "default"));
        assert_eq!(here.token(None, "b"), here.token(None, "b"));
        assert_ne!(here.token(None, "b"), there.token(None, "b"));
    }

    #[test]
    fn a_session_is_named_by_its_cookie() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "theme=dark; windlass=plain".parse().unwrap());
        assert_eq!(session_of(&headers), Some("plain"));

        headers.append(header::COOKIE, "__Host-windlass=secure".parse().unwrap());

        assert_eq!(session_of(&headers), Some("secure"));
        assert_eq!(session_of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_cookie_of_an_encrypted_connection_is_bound_to_its_host() {
        assert_eq!(
            set_cookie(Some("x"), true),
            "__Host-windlass=x; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(set_cookie(None, false).starts_with("windlass=; Path=/; Max-Age=0;"));
    }
}
