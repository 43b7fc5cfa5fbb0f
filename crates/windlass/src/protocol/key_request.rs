//! API keys and lines of the audit, as they are sent and shown.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Refusal;
use super::limit_request::read_named_rate;
use super::members::Object;
use super::requests::read;
use super::values::{duration, instant, text, texts};
use crate::Timestamp;
use crate::job::{ApiKey, AuditRecord, KeyEdit, KeyRates, KeyRecord, NewKey, Role};

/// How long the old secret works after a rotation, unless the request says otherwise.
const OVERLAP_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// Reads `{"role": "producer", "namespaces": ["shop"], "queues": ["mail.*"], "label": "checkout", "expires_at":
/// "2027-01-01T00:00:00Z", "rates": {...}}`; all but the role may be left out.
///
/// Rates are `{"enqueues": {"count": 100, "per": "1s", "burst": 500}, "claims": {...}}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_new_key(body: &[u8]) -> Result<NewKey, Refusal> {
    read(body, |object| {
        let role = object.get("role", role);
        if role.is_none() && !object.is_broken("/role") {
            object.refuse("/role", "is missing");
        }
        NewKey {
            role: role.unwrap_or(Role::Viewer),
            namespaces: object.get("namespaces", texts).unwrap_or_default(),
            queues: object.get("queues", texts).unwrap_or_default(),
            label: object.get("label", text).unwrap_or_default(),
            expires_at: object.get("expires_at", instant),
            rates: read_rates(object).unwrap_or_default(),
        }
    })
}

/// Reads `{"label": "checkout", "rates": {...}}`, both of which may be left out; null or `{}` as rates ends those of the
/// key's own.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_key_edit(body: &[u8]) -> Result<KeyEdit, Refusal> {
    read(body, |object| KeyEdit { label: object.get("label", text), rates: read_rates(object) })
}

fn read_rates(object: &mut Object<'_>) -> Option<KeyRates> {
    if object.take_null("rates") {
        return Some(KeyRates::NONE);
    }
    // After a rest a whole period at once: requests do not come evenly spread.
    let rate = |inner: &mut Object<'_>, name| read_named_rate(inner, name, |count| count).flatten();
    object.object("rates", |inner| KeyRates {
        enqueues: rate(inner, "enqueues"),
        claims: rate(inner, "claims"),
    })
}

/// Reads `{"overlap": "24h"}`, which may be left out.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_rotation(body: &[u8]) -> Result<Duration, Refusal> {
    read(body, |object| object.get("overlap", duration).unwrap_or(OVERLAP_DEFAULT))
}

fn role(json: &RawValue) -> Result<Role, String> {
    text(json)?.parse()
}

/// A key as the API shows it: its secret only in the answer to the request that made it. Members that are not set are
/// absent.
#[derive(Debug, Serialize)]
pub struct KeyObject<'a> {
    id: &'a str,
    role: &'static str,
    namespaces: &'a [String],
    queues: &'a [String],
    label: &'a str,
    created_at: Timestamp,
    created_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// Until when the secret before the last rotation works as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secret_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_unlimited")]
    rates: KeyRates,
    #[serde(skip_serializing_if = "Shown::is_none")]
    key: Shown,
}

fn is_unlimited(rates: &KeyRates) -> bool {
    *rates == KeyRates::NONE
}

/// The whole key, for the one time it is shown; not by `Debug`.
struct Shown(Option<String>);

impl Shown {
    const fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_none() { "none" } else { "***" })
    }
}

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'a> KeyObject<'a> {
    /// A key with its secret.
    pub fn with_secret(record: &'a KeyRecord, key: &ApiKey) -> Self {
        Self { key: Shown(Some(key.reveal())), ..Self::from(record) }
    }
}

impl<'a> From<&'a KeyRecord> for KeyObject<'a> {
    fn from(record: &'a KeyRecord) -> Self {
        Self {
            id: &record.id,
            role: record.role.as_str(),
            namespaces: &record.namespaces,
            queues: &record.queues,
            label: &record.label,
            created_at: record.created_at,
            created_by: &record.created_by,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
            last_used_at: record.used_at,
            old_secret_until: record.old_until,
            rates: record.rates,
            key: Shown(None),
        }
    }
}

/// A line of the audit as the API shows it. Members that are not set are absent.
#[derive(Debug, Serialize)]
pub struct AuditObject<'a> {
    /// A decimal string, as ids of jobs.
    id: String,
    at: Timestamp,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    actor: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    action: &'a str,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl<'a> From<&'a AuditRecord> for AuditObject<'a> {
    fn from(line: &'a AuditRecord) -> Self {
        Self {
            id: line.id.to_string(),
            at: line.at,
            namespace: &line.namespace,
            actor: &line.actor,
            role: &line.role,
            ip: line.ip.as_deref(),
            action: &line.action,
            target: &line.target,
            request_id: line.request_id.as_deref(),
            detail: &line.detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Rate;

    #[test]
    fn a_key_needs_a_role_and_nothing_else() {
        let new = read_new_key(br#"{"role":"worker"}"#).unwrap();
        assert_eq!(new, NewKey::new(Role::Worker));

        let refused = read_new_key(br#"{"label":1,"scope":"all"}"#).unwrap_err();
        let pointers: Vec<&str> = refused.errors().iter().map(|it| it.pointer.as_str()).collect();
        assert_eq!(pointers, ["/role", "/label", "/scope"]);
        assert_eq!(read_rotation(b"").unwrap(), OVERLAP_DEFAULT);
    }

    #[test]
    fn rates_of_a_key_have_a_burst_of_a_period_unless_they_say_otherwise() {
        let body = br#"{"rates":{"enqueues":{"count":5,"per":"1m"},"claims":{"count":5,"per":"1m","burst":2}}}"#;
        let (edit, minute) = (read_key_edit(body).unwrap(), Duration::from_secs(60));

        let rates = edit.rates.unwrap();
        assert_eq!(rates.enqueues, Some(Rate::new(5, minute).burst(5)));
        assert_eq!(rates.claims, Some(Rate::new(5, minute).burst(2)));
        assert_eq!(read_key_edit(br#"{"rates":null}"#).unwrap().rates, Some(KeyRates::NONE));
        assert_eq!(read_key_edit(b"{}").unwrap(), KeyEdit::default());
        let refused = read_key_edit(br#"{"rates":{"enqueues":{"count":0},"all":1}}"#).unwrap_err();
        let pointers: Vec<&str> = refused.errors().iter().map(|it| it.pointer.as_str()).collect();
        assert_eq!(pointers, ["/rates/enqueues/per", "/rates/enqueues/count", "/rates/all"]);
    }

    #[test]
    fn a_secret_is_shown_once_and_not_by_debug() {
        let key = ApiKey::parse(&format!("wl_abcdefghijkl_{}", "s".repeat(43))).unwrap();
        let record = KeyRecord {
            id: key.id().to_owned(),
            role: Role::Admin,
            namespaces: Vec::new(),
            queues: Vec::new(),
            label: String::new(),
            created_at: Timestamp::from_micros(0),
            created_by: "local".to_owned(),
            expires_at: None,
            revoked_at: None,
            used_at: None,
            old_until: None,
            rates: KeyRates::NONE,
        };
        let (once, later) = (KeyObject::with_secret(&record, &key), KeyObject::from(&record));

        assert_eq!(serde_json::to_value(&once).unwrap()["key"], key.reveal());
        assert!(serde_json::to_value(&later).unwrap().get("key").is_none());
        assert!(!format!("{once:?}").contains("sss"));
    }
}
