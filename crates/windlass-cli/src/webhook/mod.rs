//! Calls a URL for a job: a signed POST of the payload to an address that was looked at before.
//!
//! Invariant: one connection to one vetted address; nothing the other end answers makes us call anybody else,
//! wait longer than the attempt's time, or keep more than 64 KiB.

mod call;
mod signature;
mod target;

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use windlass::{Clock, Ctx, JobError};

use self::call::{Answer, CallError};
pub(crate) use self::signature::Secrets;
use self::target::NoAddress;
pub(crate) use self::target::Target;

/// Longest wait that a target may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// A target, and how to call it.
pub(crate) struct Webhook {
    target: Target,
    secrets: Secrets,
    tls: TlsConnector,
}

impl Webhook {
    pub(crate) fn new(target: Target, secrets: Secrets) -> Result<Self, String> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { target, secrets, tls: TlsConnector::from(Arc::new(tls)) })
    }

    /// Calls the target with the payload; what it answers is the result.
    pub(crate) async fn call(&self, payload: Vec<u8>, ctx: &Ctx) -> windlass::Result<Vec<u8>> {
        tokio::select! {
            answer = self.exchange(payload, ctx) => outcome(answer?),
            () = ctx.cancelled() => Err("stopped as asked: the call was broken off".into()),
        }
    }

    async fn exchange(&self, payload: Vec<u8>, ctx: &Ctx) -> Result<Answer, JobError> {
        let addresses = self.target.addresses().await.map_err(|error| match error {
            NoAddress::Unknown(error) => {
                JobError::from(format!("`{}` has no address: {error}", self.target.host))
            }
            NoAddress::Refused(why) => JobError::permanent(why),
        })?;
        // The same in every attempt, so that the other end can tell a repeated call.
        let id = format!("job_{}", ctx.info().id);
        let timestamp = Clock::system().now().as_micros().div_euclid(1_000_000);
        let signature = self.secrets.sign(&id, timestamp, &payload);
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
            ("windlass-attempt", ctx.info().attempt.to_string()),
        ];
        call::post(&self.target, &self.tls, &addresses, (headers, payload)).await.map_err(|error| {
            match error {
                // It may have done its work: once more would do it twice.
                CallError::TooMuch(status) => JobError::permanent(format!(
                    "answered {status} with more than {} bytes",
                    call::ANSWER_BYTES_MAX
                )),
                CallError::Broken(why) => why.into(),
            }
        })
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("target", &self.target).finish_non_exhaustive()
    }
}

fn outcome(answer: Answer) -> windlass::Result<Vec<u8>> {
    let Answer { status, retry_after, body } = answer;
    let message = format!("answered {status}");
    match status {
        200..=299 if body.is_empty() => Ok(b"null".to_vec()),
        200..=299 => Ok(body),
        408 | 429 | 500..=599 => match retry_after.as_deref().and_then(wait) {
            Some(delay) => Err(JobError::retry_after(delay, message)),
            None => Err(message.into()),
        },
        400..=499 => Err(JobError::permanent(message)),
        300..=399 => Err(format!("{message}: redirects are not followed").into()),
        _ => Err(message.into()),
    }
}

/// Reads `Retry-After`: seconds, or a date.
fn wait(text: &str) -> Option<Duration> {
    let delay = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp().as_second();
            let now = Clock::system().now().as_micros().div_euclid(1_000_000);
            Duration::from_secs(u64::try_from(at - now).unwrap_or(0))
        }
    };
    Some(delay.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, retry_after: Option<&str>) -> String {
        let retry_after = retry_after.map(str::to_owned);
        match outcome(Answer { status, retry_after, body: Vec::new() }) {
            Ok(body) => String::from_utf8(body).unwrap(),
            Err(error) => error.class().to_owned(),
        }
    }

    #[test]
    fn statuses_are_outcomes() {
        for (status, expected) in [
            (200, "null"),
            (204, "null"),
            (302, "retryable"),
            (400, "permanent"),
            (404, "permanent"),
            (410, "permanent"),
            (408, "retryable"),
            (429, "retryable"),
            (500, "retryable"),
            (503, "retryable"),
            (101, "retryable"),
        ] {
            assert_eq!(class(status, None), expected, "{status}");
        }
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_and_has_an_end() {
        assert_eq!(wait(" 90 "), Some(Duration::from_secs(90)));
        assert_eq!(wait("99999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }
}
