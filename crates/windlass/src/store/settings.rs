//! Settings of queues, pauses and the names of namespaces, remembered by every process.
//!
//! Invariant: what is remembered goes with the number that the database had for it, and a claim compares
//! that number inside its own transaction: a pause holds for every claim that begins after its commit.
//! An enqueue compares once a second.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::driver::{Row, Tx};
use super::rows::instant;
use super::statements::Sql;
use crate::job::{Keep, Limit, PauseRecord, QueueSettings, Retention};
use crate::{Error, Timestamp};

/// How long an enqueue may go by what another process has changed since.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The number in the column for "for ever".
const FOREVER: i64 = -1;

/// Every setting, pause and namespace, as of one version.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    version: i64,
    queues: HashMap<i64, Kept>,
    pauses: Vec<Pause>,
    namespaces: HashMap<String, i64>,
    /// By namespace and name, with their versions.
    limits: HashMap<i64, BTreeMap<String, (i64, Limit)>>,
    limits_queues: bool,
    limits_keys: bool,
}

/// Settings of one queue, with their version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) version: i64,
    pub(crate) settings: QueueSettings,
    /// The backoff as jobs store it.
    pub(crate) backoff_text: Option<String>,
}

/// A row of the table of pauses; 0 stands for every queue, or for every kind.
#[derive(Debug)]
pub(crate) struct Pause {
    pub(crate) namespace_id: i64,
    pub(crate) queue_id: i64,
    pub(crate) kind_id: i64,
    pub(crate) kind: Option<String>,
    pub(crate) record: PauseRecord,
}

impl Settings {
    async fn read<T: Tx>(tx: &mut T, version: i64) -> Result<Self, Error> {
        let rows = tx.query(Sql::QueueSettingAll, &[]).await?;
        let queues = rows.read(|row| Ok((row.int()?, Kept::read(row)?)))?;
        let queues: HashMap<i64, Kept> =
            queues.into_iter().filter_map(|(id, kept)| Some((id, kept?))).collect();
        let is_limited =
            |kept: &Kept| kept.settings.concurrency.is_some() || kept.settings.rate.is_some();
        let limits_queues = queues.values().any(is_limited);
        let pauses = tx.query(Sql::PauseList, &[]).await?.read(Pause::read)?;
        let namespaces = tx.query(Sql::NamespaceAll, &[]).await?;
        let namespaces = namespaces.read(|row| Ok((row.text()?, row.int()?)))?;
        let mut limits: HashMap<i64, BTreeMap<String, (i64, Limit)>> = HashMap::new();
        let rows = tx.query(Sql::KeyLimitAll, &[]).await?;
        for (namespace_id, name, limit) in rows.read(|row| {
            Ok((row.int()?, row.text()?, (row.int()?, of_json(&row.text()?, "limit")?)))
        })? {
            limits.entry(namespace_id).or_default().insert(name, limit);
        }
        let mut all = limits.values().flat_map(BTreeMap::values);
        let limits_keys = all.any(|(_, limit)| limit.limits_runs());
        let namespaces = namespaces.into_iter().collect();
        Ok(Self { version, queues, pauses, namespaces, limits, limits_queues, limits_keys })
    }

    /// The number that the database had for them.
    pub(crate) const fn version(&self) -> i64 {
        self.version
    }

    /// The id of a namespace.
    pub(crate) fn namespace(&self, name: &str) -> Option<i64> {
        self.namespaces.get(name).copied()
    }

    /// The settings of a queue, if it has any.
    pub(crate) fn of(&self, queue_id: i64) -> Option<&Kept> {
        self.queues.get(&queue_id)
    }

    /// A limit by its name.
    pub(crate) fn limit(&self, namespace_id: i64, name: &str) -> Option<&Limit> {
        let (_, limit) = self.limits.get(&namespace_id)?.get(name)?;
        Some(limit)
    }

    /// The limits of a namespace by name, with their versions.
    pub(crate) fn limits(&self, namespace_id: i64) -> Option<&BTreeMap<String, (i64, Limit)>> {
        self.limits.get(&namespace_id)
    }

    /// With another limit.
    #[cfg(test)]
    pub(crate) fn with_limit(&mut self, namespace_id: i64, name: &str, limit: Limit) {
        self.limits.entry(namespace_id).or_default().insert(name.to_owned(), (1, limit));
    }

    /// Whether any queue limits how many of its jobs run, or how often.
    pub(crate) const fn limits_queues(&self) -> bool {
        self.limits_queues
    }

    /// Whether any limit says how many jobs of a key run at a time, or in which order.
    pub(crate) const fn limits_keys(&self) -> bool {
        self.limits_keys
    }

    /// The settings of every queue that has any.
    pub(crate) fn all(&self) -> impl Iterator<Item = &QueueSettings> {
        self.queues.values().map(|kept| &kept.settings)
    }

    /// The pauses that hold at `now`.
    pub(crate) fn pauses(&self, now: Timestamp) -> impl Iterator<Item = &Pause> {
        self.pauses.iter().filter(move |pause| pause.record.until.is_none_or(|until| until > now))
    }

    /// Whether no job of this queue and kind may be claimed at `now`.
    pub(crate) fn is_paused(&self, queue_id: i64, kind_id: i64, now: Timestamp) -> bool {
        self.pauses_of(queue_id, kind_id, now).next().is_some()
    }

    /// The pauses that hold back jobs of this queue and kind at `now`.
    pub(crate) fn pauses_of(
        &self,
        queue_id: i64,
        kind_id: i64,
        now: Timestamp,
    ) -> impl Iterator<Item = &Pause> {
        self.pauses(now).filter(move |pause| {
            let is_of = |wanted: i64, id: i64| wanted == 0 || wanted == id;
            is_of(pause.queue_id, queue_id) && is_of(pause.kind_id, kind_id)
        })
    }
}

impl Kept {
    /// Reads version and settings; none where they were never set.
    pub(crate) fn read(row: &mut Row<'_>) -> Result<Option<Self>, Error> {
        let version = row.opt_int()?;
        let ttl = row.opt_int()?;
        let attempts = row.opt_int()?;
        let backoff_text = row.opt_text()?;
        let max_depth = row.opt_int()?;
        let retention = Retention {
            completed: row.opt_int()?.map(keep_of),
            failed: row.opt_int()?.map(keep_of),
            dead_letter: row.opt_int()?.map(keep_of),
            cancelled: row.opt_int()?.map(keep_of),
        };
        let concurrency = row.opt_int()?;
        let (rate, fair) = (row.opt_text()?, row.opt_text()?);
        let Some(version) = version else { return Ok(None) };
        let small = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let settings = QueueSettings {
            ttl: ttl.map(millis),
            retries: attempts.map(|n| small(n).saturating_sub(1)),
            backoff: backoff_text.as_deref().map(|text| of_json(text, "backoff")).transpose()?,
            max_depth: max_depth.map(small),
            retention,
            concurrency: concurrency.map(small),
            rate: rate.map(|text| of_json(&text, "rate")).transpose()?,
            fair: fair.map(|text| of_json(&text, "fairness")).transpose()?,
        };
        Ok(Some(Self { version, settings, backoff_text }))
    }
}

impl Pause {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            namespace_id: row.int()?,
            queue_id: row.int()?,
            kind_id: row.int()?,
            kind: row.opt_text()?,
            record: PauseRecord {
                since: Timestamp::from_micros(row.int()?),
                until: instant(row)?,
                reason: row.opt_text()?,
                by: row.opt_text()?,
            },
        })
    }
}

fn of_json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::bug(format!("a stored {what} is unreadable: {error}")))
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(u64::try_from(n).unwrap_or(0))
}

fn keep_of(n: i64) -> Keep {
    if n == FOREVER { Keep::Forever } else { Keep::For(millis(n)) }
}

/// As it is written into a column.
pub(crate) fn keep_column(keep: Option<Keep>) -> Option<i64> {
    keep.map(|keep| match keep {
        Keep::Forever => FOREVER,
        Keep::For(span) => i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
    })
}

/// What one process remembers.
#[derive(Debug, Default)]
pub(crate) struct SettingsCache {
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    settings: Arc<Settings>,
    checked_at: Timestamp,
}

impl SettingsCache {
    /// Settings and pauses as of `version`, which was read in this transaction.
    pub(crate) async fn at<T: Tx>(
        &self,
        tx: &mut T,
        version: Option<i64>,
    ) -> Result<Arc<Settings>, Error> {
        let version = match version {
            Some(version) => version,
            None => version_of(tx).await?,
        };
        if let Some(known) = &*self.lock()
            && known.settings.version == version
        {
            return Ok(Arc::clone(&known.settings));
        }
        let settings = Arc::new(Settings::read(tx, version).await?);
        tx.effects().learned_settings(&settings);
        Ok(settings)
    }

    /// What is remembered, for a statement that compares the version.
    pub(crate) fn known(&self) -> Option<Arc<Settings>> {
        self.lock().as_ref().map(|known| Arc::clone(&known.settings))
    }

    /// Whether any queue is known to limit how many of its jobs run, or how often.
    pub(crate) fn limits_queues(&self) -> bool {
        self.lock().as_ref().is_some_and(|known| known.settings.limits_queues())
    }

    /// Whether claims of any jobs are known to count.
    pub(crate) fn limits_claims(&self) -> bool {
        let limits = |known: &Known| known.settings.limits_queues() || known.settings.limits_keys();
        self.lock().as_ref().is_some_and(limits)
    }

    /// What is remembered, if that was compared with the database a moment ago. Otherwise the caller
    /// compares; others go by what is remembered meanwhile.
    pub(crate) fn recent(&self, now: Timestamp) -> Option<Arc<Settings>> {
        let mut known = self.lock();
        let known = known.as_mut()?;
        if now.since(known.checked_at) < CHECK_EVERY && known.checked_at <= now {
            return Some(Arc::clone(&known.settings));
        }
        known.checked_at = now;
        None
    }

    /// Remembers what a committed transaction found or left.
    pub(crate) fn learn(&self, settings: &Arc<Settings>) {
        let settings = Arc::clone(settings);
        match &mut *self.lock() {
            // Commits are told in any order: what is older than what is known came late.
            Some(known) if known.settings.version > settings.version => {}
            Some(known) => known.settings = settings,
            // Not compared at any time known here: the next enqueue does it.
            none => *none = Some(Known { settings, checked_at: Timestamp::from_micros(0) }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The present version.
async fn version_of<T: Tx>(tx: &mut T) -> Result<i64, Error> {
    let version = tx.query(Sql::SettingsVersion, &[]).await?.first_int()?;
    version.ok_or_else(|| Error::bug("the database has no version of settings"))
}

/// Says that settings change, and makes sure that nobody else changes them until the commit.
pub(crate) async fn touch<T: Tx>(tx: &mut T) -> Result<(), Error> {
    tx.execute(Sql::SettingsTouch, &[]).await?;
    Ok(())
}

/// Remembers, once this transaction commits, what it has changed; returns it.
pub(crate) async fn remember<T: Tx>(tx: &mut T) -> Result<Arc<Settings>, Error> {
    let version = version_of(tx).await?;
    let settings = Arc::new(Settings::read(tx, version).await?);
    tx.effects().learned_settings(&settings);
    Ok(settings)
}
