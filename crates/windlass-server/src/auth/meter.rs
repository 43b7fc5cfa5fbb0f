//! How often somebody may ask: a bucket for each key, and for each address of those who have none, in this process.
//!
//! Invariant: what workers report of their jobs always passes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass::{Bucket, KeyRates, Rate, Timestamp, format_duration};

use super::caller::Caller;
use super::throttle::group;
use crate::endpoints::{Endpoint, Permission};
use crate::problem::Problem;

/// Buckets that are kept; beyond it those that are full are dropped, then all.
const BUCKETS_MAX: usize = 10_000;

/// How often somebody may ask of one server. What is not set is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// For each key that has none of its own, and for each address that needs no key.
    pub each: KeyRates,
    /// Requests without a key that counts, from one address (of IPv6: from one /64). `/live` and `/ready`, and what
    /// workers report of their jobs, are none of them.
    pub without_key: Option<Rate>,
}

/// What requests are counted as, where it is limited how often somebody may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// By the jobs that are stored.
    Enqueues,
    /// By the requests for jobs.
    Claims,
}

impl Endpoint {
    /// What a request of it is counted as. What a worker reports is never counted: a lease must not end because
    /// somebody with the same key, or at the same address, asks too often.
    pub(crate) fn counted(&self) -> Option<Counted> {
        let is_retain = self.method == "PUT" && self.path.contains("/task");
        match self.permission {
            Permission::Produce => Some(Counted::Enqueues),
            Permission::Work if is_retain || self.path.ends_with("/claim") => Some(Counted::Claims),
            _ => None,
        }
    }

    /// Whether it is what a worker says of itself and of the jobs it has.
    pub(crate) fn is_report(&self) -> bool {
        self.permission == Permission::Work && self.counted().is_none()
    }
}

/// Whose bucket it is.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Who {
    Key(String),
    Address(IpAddr),
}

/// Whose bucket, and for what; none for whatever they ask.
type Owner = (Who, Option<Counted>);

/// The buckets of this process.
#[derive(Debug)]
pub(crate) struct Meter {
    rates: Rates,
    buckets: Mutex<HashMap<Owner, Bucket>>,
}

impl Meter {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Counts a request, or says when it may come again.
    pub(super) fn request(
        &self,
        caller: &Caller,
        endpoint: &Endpoint,
        now: Timestamp,
    ) -> Result<(), Problem> {
        if caller.key_id().is_none() && !endpoint.is_report() {
            self.stranger(caller.ip(), now)?;
        }
        let Some(counted) = endpoint.counted() else { return Ok(()) };
        let Some(rate) = self.rate(caller, counted) else { return Ok(()) };
        self.take((who(caller), Some(counted)), rate, now)
    }

    /// Counts a request of somebody who is not known, or says when it may come again.
    pub(super) fn stranger(&self, ip: IpAddr, now: Timestamp) -> Result<(), Problem> {
        let Some(rate) = self.rates.without_key else { return Ok(()) };
        self.take((Who::Address(group(ip)), None), rate, now)
    }

    /// Counts the jobs of a request beyond the first, which was counted with the request. They pass, and whoever
    /// comes next waits for it: otherwise a batch larger than a burst would never pass.
    pub(crate) fn stored(&self, caller: &Caller, jobs: usize, now: Timestamp) {
        let more = jobs.saturating_sub(1);
        if let Some(rate) = self.rate(caller, Counted::Enqueues).filter(|_| more > 0) {
            let mut buckets = self.buckets(now);
            let owner = (who(caller), Some(Counted::Enqueues));
            buckets.entry(owner).or_default().owe(rate, now, more);
        }
    }

    fn take(&self, owner: Owner, rate: Rate, now: Timestamp) -> Result<(), Problem> {
        let what = match owner.1 {
            Some(Counted::Enqueues) => "jobs may be stored",
            Some(Counted::Claims) => "requests for jobs may come",
            None => "requests without a key may come",
        };
        let from = match owner.0 {
            Who::Key(_) => "with one key",
            Who::Address(_) => "from one address",
        };
        let taken = self.buckets(now).entry(owner).or_default().take(rate, now);
        taken.map_err(|left| {
            let (count, per) = (rate.count, format_duration(rate.per));
            Problem::wait(left, &format!("{count} {what} in {per} {from}"))
        })
    }

    fn rate(&self, caller: &Caller, counted: Counted) -> Option<Rate> {
        let rates = caller.rates().or(self.rates.each);
        match counted {
            Counted::Enqueues => rates.enqueues,
            Counted::Claims => rates.claims,
        }
    }

    /// The buckets, with room for one more.
    fn buckets(&self, now: Timestamp) -> MutexGuard<'_, HashMap<Owner, Bucket>> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= BUCKETS_MAX {
                buckets.clear();
            }
        }
        buckets
    }
}

fn who(caller: &Caller) -> Who {
    caller.key_id().map_or_else(|| Who::Address(group(caller.ip())), |id| Who::Key(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::endpoints::{all, find};

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn one() -> Option<Rate> {
        Some(Rate::new(1, Duration::from_secs(1)))
    }

    fn local(n: u32) -> Caller {
        Caller::local(Ipv4Addr::from(n).into())
    }

    #[test]
    fn each_address_has_buckets_of_its_own_and_reports_need_none() {
        let each = KeyRates { enqueues: one(), claims: one() };
        let meter = Meter::new(Rates { each, without_key: None });
        let ask = |n, method, path: &str| {
            meter.request(&local(n), find(method, path).unwrap(), NOW).is_ok()
        };

        assert!(ask(1, "POST", "/api/v1/jobs") && ask(2, "POST", "/api/v1/jobs"));
        assert!(!ask(1, "POST", "/api/v1/jobs/batch") && !ask(2, "POST", "/api/v1/workflows"));
        assert!(ask(1, "POST", "/api/v1/jobs/claim") && !ask(1, "POST", "/api/v1/jobs/claim"));
        assert!(ask(1, "GET", "/api/v1/jobs") && ask(1, "GET", "/api/v1/jobs"));
        let meter = Meter::new(Rates { each, without_key: one() });
        let ask =
            |method, path: &str| meter.request(&local(1), find(method, path).unwrap(), NOW).is_ok();
        assert!(ask("GET", "/api/v1/jobs") && !ask("GET", "/api/v1/jobs"));
        assert!(ask("POST", "/api/v1/workers/{id}/heartbeat"));
    }

    #[test]
    fn what_workers_report_is_not_counted() {
        let paths = |wanted: fn(&Endpoint) -> bool| {
            let found = all().filter(|endpoint| wanted(endpoint)).map(|endpoint| endpoint.path);
            found.collect::<Vec<&str>>()
        };

        let claims = paths(|it| it.counted() == Some(Counted::Claims));
        let tasks = ["/api/task", "/api/task/{id}", "/api/v1/task", "/api/v1/task/{id}"];
        let own = ["/api/v1/workers/{id}/claim", "/api/v1/jobs/claim"];
        assert_eq!(claims, [&own[..], &tasks].concat());
        let reports = paths(Endpoint::is_report);
        for report in ["heartbeat", "settle", "complete", "extend", "checkpoint", "logs"] {
            assert!(reports.iter().any(|path| path.ends_with(report)), "{report}: {reports:?}");
        }
        let enqueues = paths(|it| it.counted() == Some(Counted::Enqueues));
        assert!(enqueues.contains(&"/api/v1/jobs/batch") && enqueues.contains(&"/api/task"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let each = KeyRates { enqueues: one(), claims: None };
        let meter = Meter::new(Rates { each, without_key: None });
        let endpoint = find("POST", "/api/v1/jobs").unwrap();

        for n in 0..=u32::try_from(BUCKETS_MAX).unwrap() {
            assert!(meter.request(&local(n), endpoint, NOW).is_ok());
        }

        assert!(meter.buckets.lock().unwrap().len() <= BUCKETS_MAX);
    }
}
