//! The keys this process has met lately.
//!
//! Invariant: a key that was revoked through this process is refused at once, through another one within
//! [`KNOWN_FOR`]; what is refused is never remembered.

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

/// How long a key that was good is taken to be good.
const KNOWN_FOR: Duration = Duration::from_secs(30);

/// Keys that are remembered; beyond it all are forgotten, which costs a look at the database each.
const KNOWN_MAX: usize = 10_000;

/// How long it is believed that there is no key at all.
const NONE_FOR: Duration = Duration::from_secs(1);

/// How often the use of a key is noted.
const NOTED_EVERY: Duration = Duration::from_secs(300);

/// What this process knows of keys.
#[derive(Debug)]
pub(crate) struct KeyRing {
    /// Whether calls need a key although there is none.
    is_always_needed: bool,
    known: Mutex<Known>,
    throttle: Throttle,
    /// Told of each change of keys.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the digest of the whole key.
    keys: HashMap<[u8; 32], (Arc<KeyRecord>, Timestamp)>,
    /// Grows when keys change, so that what was read before is not remembered after.
    turn: u64,
    has_any: bool,
    /// When there was none.
    had_none_at: Option<Timestamp>,
}

impl KeyRing {
    pub(crate) fn new(is_always_needed: bool) -> Self {
        let (known, throttle, changes) =
            (Mutex::default(), Throttle::default(), watch::Sender::new(0));
        Self { is_always_needed, known, throttle, changes }
    }

    /// Forgets everything: a key was made, rotated or revoked.
    pub(crate) fn changed(&self) {
        let mut known = self.known();
        let turn = known.turn + 1;
        *known = Known { turn, has_any: known.has_any, ..Known::default() };
        drop(known);
        self.changes.send_replace(turn);
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
        let session = is_page.then_some(&app.dashboard.sessions);
        let Some(key) = session.and_then(|sessions| sessions.key_of(&parts.headers, now)) else {
            return Err(Problem::unauthorized());
        };
        match self.check(app, &key.reveal(), ip).await {
            Ok(caller) => Ok(caller.by_session()),
            Err(problem) => {
                if problem.is_unauthorized() {
                    app.dashboard.sessions.end(&parts.headers);
                }
                Err(problem)
            }
        }
    }

    /// Says whose key this is.
    pub(crate) async fn check(
        &self,
        app: &App,
        presented: &str,
        ip: IpAddr,
    ) -> Result<Caller, Problem> {
        let (queue, now) = (app.queue()?, app.now());
        let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        if let Some(key) = self.recall(&digest, now) {
            return Ok(Caller::with_key(key, ip));
        }
        if self.throttle.is_shut(ip, now) {
            return Err(Problem::rate_limited(
                "too many wrong keys from this address; wait a minute",
            ));
        }
        let turn = self.known().turn;
        let Some(key) = queue.authenticate(presented).await? else {
            self.throttle.failed(ip, now);
            tracing::warn!(%ip, "a request with a wrong key was refused");
            return Err(Problem::unauthorized());
        };
        let key = Arc::new(key);
        self.remember(digest, &key, turn, now);
        if key.used_at.is_none_or(|at| now.since(at) >= NOTED_EVERY)
            && let Err(error) = queue.note_key_use(&key.id, NOTED_EVERY).await
        {
            tracing::warn!(%error, key = key.id, "the use of a key was not noted");
        }
        Ok(Caller::with_key(key, ip))
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

    fn recall(&self, digest: &[u8; 32], now: Timestamp) -> Option<Arc<KeyRecord>> {
        let known = self.known();
        let (key, since) = known.keys.get(digest)?;
        let is_fresh = *since <= now && now.since(*since) < KNOWN_FOR && key.is_live(now);
        is_fresh.then(|| Arc::clone(key))
    }

    fn remember(&self, digest: [u8; 32], key: &Arc<KeyRecord>, turn: u64, now: Timestamp) {
        let mut known = self.known();
        if known.turn != turn {
            return;
        }
        if known.keys.len() >= KNOWN_MAX {
            known.keys.clear();
        }
        known.keys.insert(digest, (Arc::clone(key), now));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
