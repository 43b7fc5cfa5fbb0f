//! Who is signed in: sessions of this process, and the cookie that names one.
//!
//! Invariant: a session never outlives its key. It is nothing but a key that the browser need not know: every
//! request asks again whether that key counts.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header;
use sha2::{Digest as _, Sha256};
use windlass::{ApiKey, Error, Timestamp};

use super::assets::hex;

/// How long a session lasts, whatever is done in it.
pub(super) const LASTS: Duration = Duration::from_secs(12 * 3600);

/// Sessions of a process; beyond it the oldest are ended.
const SESSIONS_MAX: usize = 10_000;

/// Where a connection is encrypted, browsers themselves see to it that the cookie is of this host and path.
const SECURE_NAME: &str = "__Host-windlass";
const PLAIN_NAME: &str = "windlass";

/// Sessions by the digest of their id, and what tokens of forms are made with.
pub(crate) struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
    secret: [u8; 32],
}

struct Session {
    key: ApiKey,
    since: Timestamp,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("open", &self.open().len()).finish_non_exhaustive()
    }
}

impl Default for Sessions {
    fn default() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("a system that lets a server start has random numbers");
        Self { open: Mutex::default(), secret }
    }
}

impl Sessions {
    /// Opens a session for a key that counts, and returns its id.
    pub(super) fn open_for(&self, key: ApiKey, now: Timestamp) -> Result<String, Error> {
        let mut id = [0; 32];
        getrandom::fill(&mut id).map_err(|error| Error::Unavailable {
            message: "the system has no random numbers".to_owned(),
            source: Some(Box::new(error)),
        })?;
        let id = hex(&id);
        let mut open = self.open();
        open.retain(|_, session| now.since(session.since) < LASTS);
        if open.len() >= SESSIONS_MAX {
            let oldest = open.iter().min_by_key(|(_, session)| session.since).map(|(id, _)| *id);
            open.extract_if(|id, _| Some(*id) == oldest).for_each(drop);
        }
        open.insert(digest(&id), Session { key, since: now });
        Ok(id)
    }

    /// The key of the session that a request names.
    pub(crate) fn key_of(&self, headers: &HeaderMap, now: Timestamp) -> Option<ApiKey> {
        let id = cookie_id(headers)?;
        let open = self.open();
        let session = open.get(&digest(id))?;
        let is_open = session.since <= now && now.since(session.since) < LASTS;
        is_open.then(|| session.key.clone())
    }

    /// Ends the session that a request names.
    pub(crate) fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookie_id(headers) {
            self.open().remove(&digest(id));
        }
    }

    /// What a form of this session and namespace has to bring along: nobody else can know it, and a form that was
    /// written for another namespace does not have it.
    pub(super) fn token(&self, headers: &HeaderMap, namespace: &str) -> String {
        let session = cookie_id(headers).map_or([0; 32], digest);
        let inner = Sha256::new()
            .chain_update(self.secret)
            .chain_update(session)
            .chain_update(namespace.as_bytes())
            .finalize();
        hex(&Sha256::new().chain_update(self.secret).chain_update(inner).finalize()[..16])
    }

    fn open(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

/// The id of the session that a request names.
fn cookie_id(headers: &HeaderMap) -> Option<&str> {
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
    let (value, age) = id.map_or(("", 0), |id| (id, LASTS.as_secs()));
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cookie(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_session_lasts_half_a_day_and_ends_when_asked() {
        let sessions = Sessions::default();
        let at = |hours: i64| Timestamp::from_micros(hours * 3_600_000_000);
        let key = ApiKey::random().unwrap();

        let id = sessions.open_for(key.clone(), at(0)).unwrap();

        let asked = with_cookie(&format!("theme=dark; windlass={id}"));
        assert_eq!(id.len(), 64);
        assert_eq!(sessions.key_of(&asked, at(11)), Some(key));
        assert_eq!(sessions.key_of(&asked, at(12)), None);
        assert_eq!(sessions.key_of(&with_cookie("windlass=guess"), at(1)), None);
        sessions.end(&asked);
        assert_eq!(sessions.key_of(&asked, at(1)), None);
    }

    #[test]
    fn tokens_are_of_one_session_and_one_namespace() {
        let sessions = Sessions::default();
        let (mine, others) = (with_cookie("windlass=a"), with_cookie("windlass=b"));

        let token = sessions.token(&mine, "default");

        assert_eq!(token, sessions.token(&mine, "default"));
        assert_ne!(token, sessions.token(&others, "default"));
        assert_ne!(token, sessions.token(&mine, "b"));
        assert_ne!(token, Sessions::default().token(&mine, "default"));
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
