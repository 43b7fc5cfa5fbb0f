//! The expansion compiles and says what the attributes said, against a stand-in for `windlass`.

// Makes `::windlass::..` in the expansion mean the stand-in below.
extern crate self as windlass;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use windlass_derive::Job;

trait Job: Serialize + DeserializeOwned + Send + 'static {
    const KIND: &'static str;
    const QUEUE: &'static str = "default";
    type Output: Serialize + DeserializeOwned + Send + 'static;
    fn policy() -> Policy {
        Policy::default()
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Policy {
    priority: Option<Priority>,
    max_attempts: Option<u32>,
    max_crashes: Option<u32>,
    timeout: Option<Duration>,
    backoff: Option<Backoff>,
}

impl Policy {
    fn priority(self, priority: Priority) -> Self {
        Self { priority: Some(priority), ..self }
    }

    fn max_attempts(self, n: u32) -> Self {
        Self { max_attempts: Some(n), ..self }
    }

    fn max_crashes(self, n: u32) -> Self {
        Self { max_crashes: Some(n), ..self }
    }

    fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff: Some(backoff), ..self }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Priority(u8);

impl Priority {
    const HIGH: Self = Self(1);
}

#[derive(Debug, PartialEq, Eq)]
enum Backoff {
    Constant(Duration),
    Exponential(Duration, Duration),
}

impl Backoff {
    fn constant(wait: Duration) -> Self {
        Self::Constant(wait)
    }

    fn exponential(first: Duration, max: Duration) -> Self {
        Self::Exponential(first, max)
    }
}

#[derive(Serialize, Deserialize, Job)]
struct SendEmail {
    to: String,
}

#[derive(Serialize, Deserialize, Job)]
#[job(kind = "image.resize", queue = "media", output = Vec<u8>, priority = "high")]
#[job(max_attempts = 8, max_crashes = 2, timeout = "30s", backoff = "2s..1h")]
enum Resize {
    Half,
}

#[derive(Serialize, Deserialize, Job)]
#[job(backoff = "5s")]
#[serde(bound = "")]
struct Wrap<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    inner: T,
}

fn output_name<J: Job>() -> &'static str {
    std::any::type_name::<J::Output>()
}

#[test]
fn a_bare_derive_takes_every_default() {
    let job = SendEmail { to: "ada@example.com".to_owned() };

    assert_eq!(job.to, "ada@example.com");
    assert_eq!((SendEmail::KIND, SendEmail::QUEUE), ("send_email", "default"));
    assert_eq!(output_name::<SendEmail>(), "()");
    assert_eq!(SendEmail::policy(), Policy::default());
}

#[test]
fn attributes_reach_the_job() {
    let (first, max) = (Duration::from_secs(2), Duration::from_secs(3_600));

    assert_eq!((Resize::KIND, Resize::QUEUE), ("image.resize", "media"));
    assert!(output_name::<Resize>().ends_with("Vec<u8>"));
    assert!(matches!(Resize::Half, Resize::Half));
    let expected = Policy {
        priority: Some(Priority::HIGH),
        max_attempts: Some(8),
        max_crashes: Some(2),
        timeout: Some(Duration::from_secs(30)),
        backoff: Some(Backoff::Exponential(first, max)),
    };
    assert_eq!(Resize::policy(), expected);
}

#[test]
fn a_generic_job_is_a_job() {
    let wrap = Wrap { inner: 1_u8 };

    assert_eq!(wrap.inner, 1);
    assert_eq!(Wrap::<u8>::KIND, "wrap");
    let wait = Backoff::Constant(Duration::from_secs(5));
    assert_eq!(Wrap::<u8>::policy().backoff, Some(wait));
}
