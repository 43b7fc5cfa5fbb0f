//! The token of a lease, as workers in other languages hold it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{JobId, WorkerId};

/// The first byte of a token: the layout of the rest.
const VERSION: u8 = 1;

/// Version, worker, epoch, nonce and job.
const BYTES: usize = 1 + 4 * 8;

/// Longest token that is looked at; ours have 44 characters.
const CHARS_MAX: usize = 64;

/// Says under which lease a worker holds a job: opaque ASCII of at most 64 characters.
///
/// It names the worker, its nonce (so that nothing from before a restored backup matches), the epoch of the
/// lease and the job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken {
    pub(crate) worker: WorkerId,
    pub(crate) epoch: i64,
    pub(crate) nonce: i64,
    pub(crate) job: JobId,
}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [VERSION; BYTES];
        let numbers = [self.worker.as_i64(), self.epoch, self.nonce, self.job.as_i64()];
        for (place, number) in bytes[1..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for LeaseToken {
    /// Without the nonce, which is what makes it a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, epoch, job, .. } = self;
        write!(f, "LeaseToken(worker {worker}, epoch {epoch}, job {job})")
    }
}

impl FromStr for LeaseToken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "is not a lease token (take it from the reply of the claim)".to_owned();
        if text.len() > CHARS_MAX {
            return Err(wrong());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        if bytes.len() != BYTES || bytes[0] != VERSION {
            return Err(wrong());
        }
        let mut numbers = bytes[1..]
            .chunks_exact(8)
            .map(|eight| eight.iter().fold(0_i64, |number, byte| (number << 8) | i64::from(*byte)));
        let mut next = || numbers.next().ok_or_else(wrong);
        let (worker, epoch, nonce) = (WorkerId::from_i64(next()?), next()?, next()?);
        Ok(Self { worker, epoch, nonce, job: JobId::from_i64(next()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> LeaseToken {
        LeaseToken {
            worker: WorkerId::from_i64(i64::MAX),
            epoch: 7,
            nonce: 0x0123_4567_89ab_cdef,
            job: JobId::from_i64(812),
        }
    }

    #[test]
    fn a_token_comes_back_and_is_short() {
        let text = token().to_string();

        assert_eq!(text.parse(), Ok(token()));
        assert!(text.len() <= CHARS_MAX && text.is_ascii(), "{text}");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let text = token().to_string();
        let longer = format!("{text}AAAA");
        for wrong in ["", "x", "====", &text[1..], &longer, &"A".repeat(1000), "\u{e9}"] {
            assert!(wrong.parse::<LeaseToken>().is_err(), "{wrong}");
        }
        let shown = format!("{:?}", token());
        assert!(!shown.contains("81985529216486895"), "{shown}");
    }
}
