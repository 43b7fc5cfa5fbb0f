//! One live job per key: what is alike, for how long, and what happens to the next one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{DELAY_MAX, KEY_BYTES_MAX};

/// Payload fields that may make a key.
pub(crate) const FIELDS_MAX: usize = 16;

/// A member, and a sentence of what is wrong with it.
type Broken = (&'static str, String);

/// Bytes of the digest that are kept: 128 bits.
const DIGEST_BYTES: usize = 16;

/// Says that a job is to be the only one with its key.
///
/// The key is taken when the job is stored and held for the job's whole life, retries included, unless
/// [`until_started`](Self::until_started) or [`for_period`](Self::for_period) says otherwise. A second
/// job with a key that is held is not stored; the caller is given the first one, which is no error.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), windlass::Error> {
/// use windlass::{NewJob, Queue, Unique};
///
/// let queue = Queue::open("memory:").await?;
/// let welcome = || NewJob::new("welcome", r#"{"user":7}"#).unique(Unique::fields(["user"]));
/// let first = queue.enqueue_new(welcome()).await?;
/// let second = queue.enqueue_new(welcome()).await?;
/// assert!(!second.is_new());
/// assert_eq!(first.id(), second.id());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unique {
    #[serde(flatten)]
    pub(crate) of: UniqueOf,
    pub(crate) scope: UniqueScope,
    pub(crate) until: UniqueUntil,
    /// With `until: period` only.
    #[serde(with = "millis", skip_serializing_if = "Option::is_none", default)]
    pub(crate) period: Option<Duration>,
    pub(crate) on_conflict: OnConflict,
}

/// The unique key of a stored job: what was asked for, and what the database compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) digest: String,
    #[serde(flatten)]
    pub(crate) unique: Unique,
}

impl Held {
    /// The key, if the end of its job gives it back.
    pub(crate) fn until_end(&self) -> Option<&str> {
        (self.unique.until != UniqueUntil::Period).then_some(&self.digest)
    }
}

/// What makes two jobs alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UniqueOf {
    Key(String),
    Fields(Vec<String>),
}

/// Among which jobs a unique key is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UniqueScope {
    Type,
    Queue,
    Namespace,
}

/// How long a unique key is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UniqueUntil {
    Finished,
    Started,
    Period,
}

/// What becomes of a job whose unique key is held by a job that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnConflict {
    Keep,
    Replace,
    Supersede,
    Debounce {
        #[serde(with = "span")]
        quiet: Duration,
        #[serde(with = "span")]
        max_wait: Duration,
    },
}

impl Unique {
    /// Jobs with this key are alike (1 to 256 bytes).
    pub fn key(key: impl Into<String>) -> Self {
        Self::of(UniqueOf::Key(key.into()))
    }

    /// Jobs with the same values in these members of their payload are alike (1 to 16 names; a member
    /// that is missing counts as null).
    pub fn fields<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self::of(UniqueOf::Fields(names.into_iter().map(Into::into).collect()))
    }

    const fn of(of: UniqueOf) -> Self {
        let (scope, until) = (UniqueScope::Type, UniqueUntil::Finished);
        Self { of, scope, until, period: None, on_conflict: OnConflict::Keep }
    }

    /// Among all jobs of the queue, whatever their kind (default: of the kind, whatever their queue).
    #[must_use]
    pub const fn per_queue(mut self) -> Self {
        self.scope = UniqueScope::Queue;
        self
    }

    /// Among all jobs of the namespace.
    #[must_use]
    pub const fn per_namespace(mut self) -> Self {
        self.scope = UniqueScope::Namespace;
        self
    }

    /// Holds the key until the first attempt starts (default: until the job has ended).
    #[must_use]
    pub const fn until_started(mut self) -> Self {
        (self.until, self.period) = (UniqueUntil::Started, None);
        self
    }

    /// Holds the key for this long from the moment the job is stored, ended or not (1 s to 366 days).
    #[must_use]
    pub const fn for_period(mut self, period: Duration) -> Self {
        (self.until, self.period) = (UniqueUntil::Period, Some(period));
        self
    }

    /// A job that waits takes over payload, options and time of the new one (default: it is kept as it
    /// is). One that runs is always kept.
    #[must_use]
    pub const fn replace(mut self) -> Self {
        self.on_conflict = OnConflict::Replace;
        self
    }

    /// A job that waits ends `cancelled (superseded)`, and the new one takes its place.
    #[must_use]
    pub const fn supersede(mut self) -> Self {
        self.on_conflict = OnConflict::Supersede;
        self
    }

    /// The job runs when no other one with its key came for `quiet`, but at most `max_wait` after the
    /// first; it runs with the payload of the last.
    #[must_use]
    pub const fn debounce(mut self, quiet: Duration, max_wait: Duration) -> Self {
        self.on_conflict = OnConflict::Debounce { quiet, max_wait };
        self
    }

    /// What is wrong with it.
    pub(crate) fn check(&self) -> Result<(), Broken> {
        match &self.of {
            UniqueOf::Key(key) if !(1..=KEY_BYTES_MAX).contains(&key.len()) => {
                return Err(("key", format!("must be 1 to {KEY_BYTES_MAX} bytes long")));
            }
            UniqueOf::Fields(names) if !(1..=FIELDS_MAX).contains(&names.len()) => {
                return Err(("fields", format!("must be 1 to {FIELDS_MAX} names")));
            }
            _ => {}
        }
        let spans = 1..=DELAY_MAX.as_secs();
        match (self.until, self.period) {
            (UniqueUntil::Period, None) => {
                return Err(("period", "is missing (how long the key is held)".to_owned()));
            }
            (UniqueUntil::Period, Some(period)) if !spans.contains(&period.as_secs()) => {
                return Err(("period", "must be between 1 s and 366 days".to_owned()));
            }
            (UniqueUntil::Finished | UniqueUntil::Started, Some(_)) => {
                return Err(("period", "goes with `until: period` only".to_owned()));
            }
            _ => {}
        }
        match self.on_conflict {
            OnConflict::Debounce { quiet, max_wait }
                if quiet.is_zero() || quiet > max_wait || max_wait > DELAY_MAX =>
            {
                let detail =
                    "needs a quiet time above 0, at most max_wait, which is at most 366 days";
                Err(("on_conflict", detail.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// What the database compares: a digest of scope and key, for the columns of these jobs.
    pub(crate) fn digest(&self, place: &Place<'_>) -> Result<String, Broken> {
        let mut hash = Sha256::new();
        let mut part = |text: &[u8]| {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        };
        part(&place.namespace_id.to_be_bytes());
        match self.scope {
            UniqueScope::Type => part(&[b"type:", place.kind.as_bytes()].concat()),
            UniqueScope::Queue => part(&[b"queue:", place.queue.as_bytes()].concat()),
            UniqueScope::Namespace => part(b"namespace"),
        }
        match &self.of {
            UniqueOf::Key(key) => part(&[b"key:", key.as_bytes()].concat()),
            UniqueOf::Fields(names) => {
                for (name, value) in values(names, place.payload)? {
                    part(&[b"field:", name.as_bytes()].concat());
                    part(value.as_bytes());
                }
            }
        }
        let digest = hash.finalize();
        let hex =
            |byte: &u8| [byte >> 4, byte & 15].map(|half| b"0123456789abcdef"[usize::from(half)]);
        let text = digest.iter().take(DIGEST_BYTES).flat_map(hex).map(char::from);
        Ok(text.collect())
    }
}

/// Where a job is, and what is in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) namespace_id: i64,
    pub(crate) queue: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) payload: &'a [u8],
}

/// The named members of a payload, in the order of their names, as compact JSON.
fn values<'n>(names: &'n [String], payload: &[u8]) -> Result<Vec<(&'n str, String)>, Broken> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(payload)
        .map_err(|_| ("fields", "needs a payload that is a JSON object".to_owned()))?;
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let value = |name| members.get(name).map_or_else(|| "null".to_owned(), ToString::to_string);
    Ok(names.into_iter().map(|name| (name, value(name))).collect())
}

mod span {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::ref_option, reason = "the shape that serde wants")]
    pub(super) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(unique: &Unique, payload: &str) -> String {
        let payload = payload.as_bytes();
        unique.digest(&Place { namespace_id: 1, queue: "q", kind: "k", payload }).unwrap()
    }

    #[test]
    fn fields_are_compared_by_value_whatever_their_order_and_spacing() {
        let unique = Unique::fields(["b", "a"]);
        let one = digest(&unique, r#"{"a": 1, "b": {"y":2,"x":[1, 2]}, "c": 3}"#);

        assert_eq!(one, digest(&unique, r#"{"b":{"x":[1,2],"y":2},"a":1,"c":4}"#));
        assert_eq!(one, digest(&Unique::fields(["a", "b"]), r#"{"a":1,"b":{"x":[1,2],"y":2}}"#));
        assert_ne!(one, digest(&unique, r#"{"a":"1","b":{"x":[1,2],"y":2}}"#));
        assert_eq!(digest(&unique, "{}"), digest(&unique, r#"{"a":null}"#));
        assert_eq!(one.len(), 32);
    }

    #[test]
    fn scopes_and_keys_never_meet_by_accident() {
        let key = || Unique::key("x");
        let all = [key(), key().per_queue(), key().per_namespace(), Unique::fields(["x"])];
        let mut digests: Vec<String> = all.iter().map(|unique| digest(unique, "{}")).collect();
        digests.sort();
        digests.dedup();

        assert_eq!(digests.len(), 4);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_member() {
        let second = Duration::from_secs(1);
        let member = |unique: Unique| unique.check().unwrap_err().0;

        assert_eq!(member(Unique::key("")), "key");
        assert_eq!(member(Unique::fields([""; 0])), "fields");
        assert_eq!(member(Unique::key("k").for_period(Duration::ZERO)), "period");
        assert_eq!(member(Unique::key("k").debounce(second * 2, second)), "on_conflict");
        assert!(Unique::key("k").debounce(second, second).for_period(second).check().is_ok());
        let place = Place { namespace_id: 1, queue: "q", kind: "k", payload: b"[1]" };
        assert_eq!(Unique::fields(["a"]).digest(&place).unwrap_err().0, "fields");
    }

    #[test]
    fn it_is_kept_as_json() {
        let second = Duration::from_secs(1);
        let unique = Unique::fields(["a"]).per_queue().for_period(second).debounce(second, second);

        let json = serde_json::to_string(&unique).unwrap();

        assert_eq!(
            json,
            r#"{"fields":["a"],"scope":"queue","until":"period","period":1000,"on_conflict":{"debounce":{"quiet":1000,"max_wait":1000}}}"#
        );
        assert_eq!(serde_json::from_str::<Unique>(&json).unwrap(), unique);
        let plain: Unique = serde_json::from_str(
            r#"{"key":"k","scope":"type","until":"finished","on_conflict":"keep"}"#,
        )
        .unwrap();
        assert_eq!(plain, Unique::key("k"));
    }
}
