//! Limits under fire: every job has one of many keys, and whenever everything has just been killed, no key has
//! more leases than allowed.

use std::collections::BTreeMap;
use std::env;
use std::sync::LazyLock;

use windlass::{Error, JobFilter, Limit, Queue, State};

const LIMIT: &str = "torture";

/// How many keys there are, unless the environment says otherwise.
const KEYS: u64 = 100;
const KEYS_VARIABLE: &str = "WINDLASS_TORTURE_KEYS";

const MOST: u32 = 3;

/// Jobs read in one go; the most that a page holds.
const PAGE: usize = 500;

/// The key of job number `n`. Neighbours of one kind share it.
pub(crate) fn key(n: u64) -> String {
    static COUNT: LazyLock<u64> = LazyLock::new(|| {
        let given = env::var(KEYS_VARIABLE).ok().and_then(|text| text.parse().ok());
        given.filter(|count| *count > 0).unwrap_or(KEYS)
    });
    format!("{LIMIT}:{}", n / 8 % *COUNT)
}

/// Sets the limit.
pub(crate) async fn declare(queue: &Queue) -> Result<(), Error> {
    queue.set_limit(LIMIT, Limit::concurrency(MOST), None).await.map(drop)
}

/// Keys of which too many jobs are leased.
pub(crate) async fn check(queue: &Queue) -> Result<Vec<String>, Error> {
    let mut leased: BTreeMap<String, u32> = BTreeMap::new();
    let filter = || JobFilter::new().state(State::Running).limit(PAGE);
    let mut page = queue.list(filter()).await?;
    loop {
        for job in &page.jobs {
            *leased.entry(job.concurrency_key().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let Some(cursor) = page.next_cursor else { break };
        page = queue.list(filter().after(cursor)).await?;
    }
    leased.remove("");
    let over = leased.into_iter().filter(|(_, count)| *count > MOST);
    Ok(over.map(|(key, count)| format!("{count} jobs with key {key} are leased")).collect())
}
