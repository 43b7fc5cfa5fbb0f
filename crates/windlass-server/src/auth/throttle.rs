//! Guessing is slow: after too many wrong keys, an address waits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use windlass::Timestamp;

/// How long failures count.
const WINDOW: Duration = Duration::from_secs(60);

/// Addresses that are remembered; beyond it those whose time has passed are forgotten, then all.
const ADDRESSES_MAX: usize = 10_000;

/// Wrong keys by address.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Of one address within [`WINDOW`].
    most: u32,
    failures: Mutex<HashMap<IpAddr, (Timestamp, u32)>>,
}

impl Throttle {
    pub(super) fn new(most: u32) -> Self {
        Self { most, failures: Mutex::default() }
    }

    /// Whether the address has to wait.
    pub(super) fn is_shut(&self, ip: IpAddr, now: Timestamp) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures
            .get(&group(ip))
            .is_some_and(|(since, n)| now.since(*since) < WINDOW && *n >= self.most)
    }

    /// Counts a wrong key.
    pub(super) fn failed(&self, ip: IpAddr, now: Timestamp) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX {
            failures.retain(|_, (since, _)| now.since(*since) < WINDOW);
            if failures.len() >= ADDRESSES_MAX {
                failures.clear();
            }
        }
        let (since, n) = failures.entry(group(ip)).or_insert((now, 0));
        if now.since(*since) >= WINDOW {
            (*since, *n) = (now, 0);
        }
        *n += 1;
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
pub(crate) fn group(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_wrong_keys_shut_an_address_for_a_minute() {
        let throttle = Throttle::new(20);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);

        (0..20).for_each(|_| throttle.failed(ip("2001:db8::1"), at(0)));

        assert!(throttle.is_shut(ip("2001:db8::2"), at(59)));
        assert!(!throttle.is_shut(ip("2001:db8:0:1::2"), at(59)));
        assert!(!throttle.is_shut(ip("2001:db8::1"), at(60)));
        throttle.failed(ip("2001:db8::1"), at(60));
        assert!(!throttle.is_shut(ip("2001:db8::1"), at(61)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::new(20);
        let now = Timestamp::from_micros(0);

        for n in 0..=u32::try_from(ADDRESSES_MAX).unwrap() {
            throttle.failed(IpAddr::V4(n.into()), now);
        }

        assert!(throttle.failures.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
