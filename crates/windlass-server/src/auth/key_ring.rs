//! The keys and sessions this process has met lately.
//!
//! Invariant: a key that was revoked, or a session that was ended, through this process is refused at once, through
//! another one within [`KNOWN_FOR`]; what is refused is never remembered. A session is no key: what names one counts
//! where sessions are asked for, and nowhere else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use windlass::{KeyRecord, Queue, Timestamp};

use super::addresses::Peer;
use super::caller::Caller;
use super::credentials::presented;
use super::throttle::Throttle;
use crate::app::App;
use crate::dashboard;
use crate::problem::Problem;

/// How long a key or session that was good is taken to be good.
const KNOWN_FOR: Duration = Duration::from_secs(30);

/// Keys and sessions that are remembered; beyond it all are forgotten, which costs a look at the database each.
const KNOWN_MAX: usize = 10_000;

/// How long it is believed that there is no key at all.
const NONE_FOR: Duration = Duration::from_secs(1);

/// Wrong keys of one address within a minute.
const WRONG_KEYS_MAX: u32 = 20;

/// Sessions of one address that have ended, asked for within a minute: pages that were left open ask as well. Nobody
/// guesses 256 bits; this keeps strangers from asking the database.
const OLD_SESSIONS_MAX: u32 = 200;

/// How often the use of a key is noted.
const NOTED_EVERY: Duration = Duration::from_secs(300);

/// What this process knows of keys.
#[derive(Debug)]
pub(crate) struct KeyRing {
    /// Whether calls need a key although there is none.
    is_always_needed: bool,
    known: Mutex<Known>,
    throttle: Throttle,
    /// Apart from that of keys: whoever comes back with a cookie of yesterday has guessed nothing.
    session_throttle: Throttle,
    /// Told of each change of keys.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    /// By what was shown.
    keys: HashMap<Digest, Met>,
    /// Grows when keys change, so that what was read before is not remembered after.
    turn: u64,
    has_any: bool,
    /// When there was none.
    had_none_at: Option<Timestamp>,
}

/// A key that was good.
#[derive(Debug)]
struct Met {
    key: Arc<KeyRecord>,
    since: Timestamp,
    /// When the session ends that stood for it.
    until: Option<Timestamp>,
}

/// What a request shows to be let in.
#[derive(Debug, Clone, Copy)]
enum Shown<'a> {
    Key(&'a str),
    Session(&'a str),
}

/// What was shown, without saying it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Digest {
    Key([u8; 32]),
    Session([u8; 32]),
}

impl Shown<'_> {
    fn digest(self) -> Digest {
        match self {
            Self::Key(text) => Digest::Key(Sha256::digest(text.as_bytes()).into()),
            Self::Session(id) => Digest::Session(Sha256::digest(id.as_bytes()).into()),
        }
    }

    /// Asks the database for its key, and for when the session ends.
    async fn found(
        self,
        queue: &Queue,
    ) -> Result<Option<(KeyRecord, Option<Timestamp>)>, windlass::Error> {
        Ok(match self {
            Self::Key(text) => queue.authenticate(text).await?.map(|key| (key, None)),
            Self::Session(id) => {
                let session = queue.session(id).await?;
                session.map(|session| (session.key, Some(session.expires_at)))
            }
        })
    }
}

impl KeyRing {
    pub(crate) fn new(is_always_needed: bool) -> Self {
        Self {
            is_always_needed,
            known: Mutex::default(),
            throttle: Throttle::new(WRONG_KEYS_MAX),
            session_throttle: Throttle::new(OLD_SESSIONS_MAX),
            changes: watch::Sender::new(0),
        }
    }

    /// Forgets everything: a key was made, rotated or revoked.
    pub(crate) fn changed(&self) {
        let mut known = self.known();
        let turn = known.turn + 1;
        *known = Known { turn, has_any: known.has_any, ..Known::default() };
        drop(known);
        self.changes.send_replace(turn);
    }

    /// Forgets a session that was ended.
    pub(crate) fn session_ended(&self, id: &str) {
        let mut known = self.known();
        known.turn += 1;
        known.keys.remove(&Shown::Session(id).digest());
    }

    /// Hears of changes of keys in this process.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says who sent a request. Whatever is wrong with a key is answered in one way.
    pub(crate) async fn identify(&self, app: &App, parts: &Parts) -> Result<Caller, Problem> {
        let ip = app.proxies.client(Peer::of(&parts.extensions), &parts.headers);
        let presented = presented(parts)?;
        let (queue, now) = (app.queue()?, app.now());
        if !self.is_always_needed && !self.has_any(queue, now).await? {
            return Ok(Caller::local(ip));
        }
        if let Some(presented) = presented {
            return self.check(app, presented, ip).await;
        }
        // Pages alone take the cookie: the API has nothing that a browser sends by itself.
        let is_page = dashboard::is_page_path(parts.uri.path());
        let session = is_page.then(|| dashboard::session_of(&parts.headers)).flatten();
        let Some(session) = session else { return Err(Problem::unauthorized()) };
        let key = self.meet(app, Shown::Session(session), ip).await?;
        Ok(Caller::with_key(key, ip).by_session())
    }

    /// Says whose key this is.
    pub(crate) async fn check(
        &self,
        app: &App,
        presented: &str,
        ip: IpAddr,
    ) -> Result<Caller, Problem> {
        Ok(Caller::with_key(self.meet(app, Shown::Key(presented), ip).await?, ip))
    }

    /// The key that what is shown stands for.
    async fn meet(
        &self,
        app: &App,
        shown: Shown<'_>,
        ip: IpAddr,
    ) -> Result<Arc<KeyRecord>, Problem> {
        let (queue, now, digest) = (app.queue()?, app.now(), shown.digest());
        if let Some(key) = self.recall(&digest, now) {
            return Ok(key);
        }
        let (throttle, what) = match shown {
            Shown::Key(_) => (&self.throttle, "wrong keys"),
            Shown::Session(_) => (&self.session_throttle, "sessions that have ended"),
        };
        if throttle.is_shut(ip, now) {
            let detail = format!("too many {what} from this address; wait a minute");
            return Err(Problem::rate_limited(detail));
        }
        let turn = self.known().turn;
        let Some((key, until)) = shown.found(queue).await? else {
            throttle.failed(ip, now);
            if matches!(shown, Shown::Key(_)) {
                tracing::warn!(%ip, "a request with a wrong key was refused");
            }
            return Err(Problem::unauthorized());
        };
        let key = Arc::new(key);
        self.remember(digest, Met { key: Arc::clone(&key), since: now, until }, turn);
        if key.used_at.is_none_or(|at| now.since(at) >= NOTED_EVERY)
            && let Err(error) = queue.note_key_use(&key.id, NOTED_EVERY).await
        {
            tracing::warn!(%error, key = key.id, "the use of a key was not noted");
        }
        Ok(key)
    }

    async fn has_any(&self, queue: &Queue, now: Timestamp) -> Result<bool, Problem> {
        {
            let known = self.known();
            if known.has_any {
                return Ok(true);
            }
            if known.had_none_at.is_some_and(|at| at <= now && now.since(at) < NONE_FOR) {
                return Ok(false);
            }
        }
        let turn = self.known().turn;
        let has_any = queue.has_keys().await?;
        let mut known = self.known();
        // Keys are revoked, never removed.
        known.has_any |= has_any;
        if known.turn == turn {
            known.had_none_at = (!has_any).then_some(now);
        }
        Ok(has_any)
    }

    fn recall(&self, digest: &Digest, now: Timestamp) -> Option<Arc<KeyRecord>> {
        let known = self.known();
        let met = known.keys.get(digest)?;
        let is_fresh = met.since <= now && now.since(met.since) < KNOWN_FOR;
        let counts = met.key.is_live(now) && met.until.is_none_or(|until| now < until);
        (is_fresh && counts).then(|| Arc::clone(&met.key))
    }

    fn remember(&self, digest: Digest, met: Met, turn: u64) {
        let mut known = self.known();
        if known.turn != turn {
            return;
        }
        if known.keys.len() >= KNOWN_MAX {
            known.keys.clear();
        }
        known.keys.insert(digest, met);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
