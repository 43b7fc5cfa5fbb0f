//! How often an API key may ask, and what of a key may be changed.

use serde::{Deserialize, Serialize};

use super::api_key::check_label;
use super::{Rate, parse_duration};
use crate::{Error, FieldError};

/// How often something may be asked for with an API key. Each server counts on its own: behind two of them twice as
/// much passes. What is not set is as the server says it for all keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRates {
    /// Jobs that are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enqueues: Option<Rate>,
    /// Requests for jobs, however many each of them is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Rate>,
}

/// What of an API key may be changed; what is not set stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyEdit {
    /// What it is for, at most 128 bytes.
    pub label: Option<String>,
    /// How often it may ask, all of it.
    pub rates: Option<KeyRates>,
}

impl KeyRates {
    /// Nothing is said of any.
    pub const NONE: Self = Self { enqueues: None, claims: None };

    /// Those that are set, or else those of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { enqueues: self.enqueues.or(other.enqueues), claims: self.claims.or(other.claims) }
    }

    /// Every broken rule.
    pub(crate) fn broken(self) -> Vec<FieldError> {
        let rates = [("enqueues", self.enqueues), ("claims", self.claims)];
        let broken = rates.into_iter().filter_map(|(name, rate)| {
            let (member, detail) = rate?.check().err()?;
            Some(FieldError::new(format!("/rates/{name}/{member}"), detail))
        });
        broken.collect()
    }
}

impl KeyEdit {
    /// Checks every bound and names each broken one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut broken: Vec<FieldError> =
            self.label.as_deref().and_then(check_label).into_iter().collect();
        broken.extend(self.rates.unwrap_or_default().broken());
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// Reads a rate as people write it: `100/1s`, or `100/1s/500` with a burst, which otherwise is the count: a whole
/// period at once after a rest.
///
/// # Errors
/// What is wrong, for people.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("`{text}` is not a rate such as 100/1s or 100/1s/500");
    let mut parts = text.split('/');
    let (Some(count), Some(per), burst, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let count = count.parse().map_err(|_| wrong())?;
    let burst = burst.map_or(Ok(count), str::parse).map_err(|_| wrong())?;
    let rate = Rate::new(count, parse_duration(per)?).burst(burst);
    rate.check().map_err(|(member, detail)| format!("`{text}`: {member} {detail}"))?;
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_is_read_as_people_write_it() {
        let second = Duration::from_secs(1);

        assert_eq!(parse_rate("100/1s"), Ok(Rate::new(100, second).burst(100)));
        assert_eq!(parse_rate("100/1s/1"), Ok(Rate::new(100, second)));
        for wrong in ["", "100", "100/s/1/1", "0/1s", "x/1s", "1/1s/0", "1/soon", "-1/1s"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_key_sets_stands_over_what_the_server_says() {
        let (own, all) =
            (Rate::new(1, Duration::from_secs(1)), Rate::new(2, Duration::from_secs(1)));
        let of_key = KeyRates { enqueues: Some(own), claims: None };
        let of_server = KeyRates { enqueues: Some(all), claims: Some(all) };

        assert_eq!(of_key.or(of_server), KeyRates { enqueues: Some(own), claims: Some(all) });
    }

    #[test]
    fn an_edit_that_breaks_rules_is_told_each_of_them() {
        let wrong = Rate::new(0, Duration::from_secs(1));
        let edit = KeyEdit {
            label: Some("a\nb".to_owned()),
            rates: Some(KeyRates { enqueues: None, claims: Some(wrong) }),
        };

        let Err(Error::Invalid(broken)) = edit.check() else { panic!("refused") };

        let pointers: Vec<&str> = broken.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/label", "/rates/claims/count"]);
    }
}
