//! The keys of a job: what it has to wait its turn for.
//!
//! Invariant: they travel in the job's metadata under names that no caller may use.

use std::collections::BTreeMap;

use super::LIMIT_KEY_BYTES_MAX;

/// Where the metadata of a job keeps its keys.
const NAMES: [&str; 3] = ["windlass.concurrency_key", "windlass.rate_key", "windlass.fairness_key"];

/// What a job has to wait its turn for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) concurrency: Option<String>,
    pub(crate) rate: Option<String>,
    pub(crate) fairness: Option<String>,
}

impl Keys {
    /// Whether the job waits for nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.concurrency.is_none() && self.rate.is_none() && self.fairness.is_none()
    }

    /// Takes them out of a job's metadata.
    pub(crate) fn take(metadata: &mut BTreeMap<String, String>) -> Self {
        if metadata.is_empty() {
            return Self::default();
        }
        let [concurrency, rate, fairness] = NAMES.map(|name| metadata.remove(name));
        Self { concurrency, rate, fairness }
    }

    /// The concurrency key among a job's metadata.
    pub(crate) fn concurrency_in(metadata: &BTreeMap<String, String>) -> Option<&str> {
        metadata.get(NAMES[0]).map(String::as_str)
    }

    /// Whether there is a fairness key among a job's metadata.
    pub(crate) fn has_fairness(metadata: &BTreeMap<String, String>) -> bool {
        !metadata.is_empty() && metadata.contains_key(NAMES[2])
    }

    /// Puts them into a job's metadata.
    pub(crate) fn put(&self, metadata: &mut BTreeMap<String, String>) {
        let keys = [&self.concurrency, &self.rate, &self.fairness];
        for (name, key) in NAMES.iter().zip(keys) {
            if let Some(key) = key {
                metadata.insert((*name).to_owned(), key.clone());
            }
        }
    }

    /// Names each broken rule.
    pub(crate) fn check(&self, refuse: &mut impl FnMut(&str, String)) {
        let keys = [
            ("/concurrency_key", &self.concurrency),
            ("/rate_key", &self.rate),
            ("/fairness_key", &self.fairness),
        ];
        for (pointer, key) in keys {
            if let Some(Err(detail)) = key.as_deref().map(check_key) {
                refuse(pointer, detail);
            }
        }
    }
}

/// Checks a key; the sentence says what is allowed.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    if !(1..=LIMIT_KEY_BYTES_MAX).contains(&key.len()) {
        let bytes = key.len();
        return Err(format!("is {bytes} bytes long (1 to {LIMIT_KEY_BYTES_MAX} allowed)"));
    }
    // Databases compare other characters each in its own way.
    match key.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => Err("may only contain printable ASCII characters without spaces".to_owned()),
    }
}
