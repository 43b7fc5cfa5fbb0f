//! API keys: who may do what, where, and until when.
//!
//! Invariant: a secret is shown once, when it is made. What is kept is its SHA-256, which says nothing about
//! 256 random bits.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::{KeyRates, Role, Timestamp, check_name};
use crate::{Error, FieldError};

/// Characters of a key's id.
const ID_CHARS: usize = 12;

/// Characters of a secret: 256 bits in base64url.
const SECRET_CHARS: usize = 43;

/// What ids are made of.
const ID_ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Before every key, so that scanners for leaked secrets find it.
const MARK: &str = "wl_";

/// Bytes of a key's label.
const LABEL_BYTES_MAX: usize = 128;

/// Namespaces, and queue patterns, of one key.
const NAMES_MAX: usize = 64;

/// How long the old secret goes on working after a rotation, at most: a month.
pub const KEY_OVERLAP_MAX: Duration = Duration::from_secs(31 * 24 * 3600);

/// What a new key is to allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What its holder may do.
    pub role: Role,
    /// The namespaces it is bound to, at most 64; none means all.
    pub namespaces: Vec<String>,
    /// The queues it is bound to, as names in which `*` stands for any characters, at most 64; none means all.
    pub queues: Vec<String>,
    /// What it is for, at most 128 bytes.
    pub label: String,
    /// When it ends; none means never.
    pub expires_at: Option<Timestamp>,
    /// How often it may ask.
    pub rates: KeyRates,
}

/// A key as it is kept, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The part of the key that is no secret.
    pub id: String,
    /// What its holder may do.
    pub role: Role,
    /// The namespaces it is bound to; none means all.
    pub namespaces: Vec<String>,
    /// The queues it is bound to, as patterns; none means all.
    pub queues: Vec<String>,
    /// What it is for.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The id of the key that made it, or `local`.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, give or take five minutes.
    pub used_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works as well.
    pub old_until: Option<Timestamp>,
    /// How often it may ask.
    pub rates: KeyRates,
}

impl NewKey {
    /// A key of this role for all namespaces and queues, without an end.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            namespaces: Vec::new(),
            queues: Vec::new(),
            label: String::new(),
            expires_at: None,
            rates: KeyRates::NONE,
        }
    }

    /// Checks every bound and names each broken one.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Error> {
        let mut broken = Vec::new();
        let lists = [("/namespaces", &self.namespaces), ("/queues", &self.queues)];
        for (pointer, names) in lists {
            if names.len() > NAMES_MAX {
                let detail = format!("has {} names (at most {NAMES_MAX})", names.len());
                broken.push(FieldError::new(pointer, detail));
            }
            let checked = names.iter().enumerate().filter_map(|(index, name)| {
                // A star may stand wherever a letter may.
                let as_name =
                    if pointer == "/queues" { name.replace('*', "x") } else { name.clone() };
                let detail = check_name(&as_name).err()?;
                Some(FieldError::new(format!("{pointer}/{index}"), detail))
            });
            broken.extend(checked);
        }
        broken.extend(check_label(&self.label));
        if self.expires_at.is_some_and(|at| at <= now) {
            broken.push(FieldError::new("/expires_at", "must not have passed"));
        }
        broken.extend(self.rates.broken());
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

pub(super) fn check_label(label: &str) -> Option<FieldError> {
    let bytes = label.len();
    (bytes > LABEL_BYTES_MAX || label.chars().any(char::is_control)).then(|| {
        let detail = format!(
            "is {bytes} bytes long (at most {LABEL_BYTES_MAX} allowed, without control characters)"
        );
        FieldError::new("/label", detail)
    })
}

impl KeyRecord {
    /// Whether it is good for anything at this time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether it may be used in this namespace.
    pub fn allows_namespace(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|name| name == namespace)
    }

    /// Whether it may be used for this queue.
    pub fn allows_queue(&self, queue: &str) -> bool {
        self.queues.is_empty() || self.queues.iter().any(|pattern| matches(pattern, queue))
    }
}

/// Whether `name` is what `pattern` says, where `*` stands for any characters, or none.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(head) else { return false };
    // The star ends where the rest can begin.
    (0..=name.len()).any(|at| name.get(at..).is_some_and(|tail| matches(rest, tail)))
}

/// A key with its secret: `wl_`, the id, `_`, the secret. It is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ApiKey {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the system has no random numbers.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; ID_CHARS];
        fill(&mut bytes)?;
        let letter = |byte: &u8| char::from(ID_ALPHABET[usize::from(byte & 31)]);
        Self::with_id(bytes.iter().map(letter).collect())
    }

    /// A new secret for a key.
    pub(crate) fn with_id(id: String) -> Result<Self, Error> {
        let mut bytes = [0; 32];
        fill(&mut bytes)?;
        Ok(Self { id, secret: URL_SAFE_NO_PAD.encode(bytes) })
    }

    /// Reads a key; none when it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(MARK)?;
        let (id, secret) = (rest.get(..ID_CHARS)?, rest.get(ID_CHARS..)?.strip_prefix('_')?);
        let is_id = id.bytes().all(|byte| ID_ALPHABET.contains(&byte));
        let is_secret = secret.len() == SECRET_CHARS
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        (is_id && is_secret).then(|| Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// The part that is no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole of it, for its owner.
    pub fn reveal(&self) -> String {
        format!("{MARK}{}_{}", self.id, self.secret)
    }

    /// What is kept of the secret.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }
}

/// Makes bytes that nobody can guess.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes)
        .map_err(|error| Error::unavailable(format!("the system has no random numbers: {error}")))
}

/// What is kept of a key's secrets.
#[derive(Clone)]
pub(crate) struct Digests {
    pub(crate) current: Vec<u8>,
    /// The one before the last rotation, and until when it counts.
    pub(crate) old: Option<(Vec<u8>, Timestamp)>,
}

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digests").finish_non_exhaustive()
    }
}

impl Digests {
    /// Stands where no key is, so that the comparison takes as long.
    pub(crate) fn of_nobody() -> Self {
        Self { current: vec![0; 32], old: None }
    }

    /// Whether the digest is one of them, in a time that says nothing of how much of it fits.
    pub(crate) fn accept(&self, digest: &[u8; 32], now: Timestamp) -> bool {
        let nobody = [0; 32];
        let (old, is_old_good) = match &self.old {
            Some((old, until)) => (old.as_slice(), now < *until),
            None => (nobody.as_slice(), false),
        };
        let is_current = digest[..].ct_eq(&self.current);
        let is_old = digest[..].ct_eq(old) & Choice::from(u8::from(is_old_good));
        (is_current | is_old).into()
    }

    /// When a secret that was accepted ends to count, if it is the one before the last rotation.
    pub(crate) fn end_of(&self, digest: &[u8; 32]) -> Option<Timestamp> {
        let (old, until) = self.old.as_ref()?;
        bool::from(digest[..].ct_eq(old)).then_some(*until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_never_shown() {
        let key = ApiKey::random().unwrap();
        let text = key.reveal();

        assert_eq!(text.len(), MARK.len() + ID_CHARS + 1 + SECRET_CHARS);
        assert_eq!(ApiKey::parse(&text), Some(key.clone()));
        assert!(!format!("{key:?}").contains(&key.secret));
        for bad in ["", "wl_", &text[1..], &text[..text.len() - 1], &format!("{text}x")] {
            assert_eq!(ApiKey::parse(bad), None, "{bad}");
        }
        assert_eq!(ApiKey::parse(&text.replace("wl_", "wl-")), None);
    }

    #[test]
    fn both_secrets_count_until_the_old_one_ends() {
        let (old, new) = (ApiKey::random().unwrap(), ApiKey::random().unwrap());
        let at = Timestamp::from_micros;
        let digests =
            Digests { current: new.digest().to_vec(), old: Some((old.digest().to_vec(), at(10))) };

        assert!(digests.accept(&new.digest(), at(9)) && digests.accept(&old.digest(), at(9)));
        assert!(digests.accept(&new.digest(), at(10)) && !digests.accept(&old.digest(), at(10)));
        assert!(!Digests::of_nobody().accept(&new.digest(), at(0)));
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "mail"),
            ("mail", "mail"),
            ("mail.*", "mail.de"),
            ("*l*d*", "mail.de"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("mail", "mails"), ("mail.*", "mail"), ("a*b", "abc"), ("", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_a_key_may_not_be_is_named() {
        let now = Timestamp::from_micros(5);
        let key = NewKey {
            namespaces: vec!["a".to_owned(), "no spaces".to_owned()],
            queues: vec!["mail.*".to_owned(), "{}".to_owned()],
            label: "x".repeat(129),
            expires_at: Some(now),
            ..NewKey::new(Role::Viewer)
        };

        let Err(Error::Invalid(broken)) = key.check(now) else { panic!("refused") };

        let pointers: Vec<&str> = broken.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/namespaces/1", "/queues/1", "/label", "/expires_at"]);
    }
}
