//! Signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of a secret, as the specification has them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Secrets of one target, the newest first: all of them sign while one replaces another.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Reads a file: one secret a line, as `whsec_` and base64, or as it is.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets = lines.map(|line| match line.strip_prefix("whsec_") {
            Some(encoded) => BASE64_STANDARD.decode(encoded).ok(),
            None => Some(line.as_bytes().to_vec()),
        });
        // What is in there is not repeated.
        let secrets: Option<Vec<_>> = secrets.collect();
        let secrets = secrets.ok_or("secret_file: what follows `whsec_` is no base64")?;
        if secrets.is_empty() || secrets.iter().any(|it| !SECRET_BYTES.contains(&it.len())) {
            return Err("secret_file: has to hold secrets of 24 to 64 bytes, one a line".to_owned());
        }
        Ok(Self(secrets))
    }

    /// The header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures = self.0.iter().filter_map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        let secrets = Secrets::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();

        let signature =
            secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);

        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs_and_a_weak_one_is_refused() {
        let two = Secrets::read(&format!("{}\n{}\n", "a".repeat(24), "b".repeat(64))).unwrap();

        assert_eq!(two.sign("1", 2, b"3").split(' ').count(), 2);
        assert!(!format!("{two:?}").contains("aaa"));
        for text in ["", "short", "whsec_%%%", "whsec_c2hvcnQ="] {
            assert!(Secrets::read(text).is_err(), "{text}");
        }
    }
}
