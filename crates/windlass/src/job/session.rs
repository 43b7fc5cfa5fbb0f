//! Sessions: what a browser keeps instead of the key that its user signed in with.
//!
//! Invariant: what is kept of a session says neither what the browser keeps nor the key's secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::api_key::{KeyRecord, fill};
use crate::{Error, Timestamp};

/// How long a session lasts, whatever is done in it: a working day and the evening after it.
pub const SESSION_LASTS: Duration = Duration::from_secs(12 * 3600);

/// Sessions of one key; beyond it the oldest ends. A key may be that of a whole team.
pub const SESSIONS_OF_KEY_MAX: usize = 100;

/// A session that counts, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The key that it stands for.
    pub key: KeyRecord,
    /// When it ends, if the key does not end before.
    pub expires_at: Timestamp,
}

/// What names a new session: 256 random bits in base64url.
pub(crate) fn random_session() -> Result<String, Error> {
    let mut bytes = [0; 32];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of it.
pub(crate) fn session_digest(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}
