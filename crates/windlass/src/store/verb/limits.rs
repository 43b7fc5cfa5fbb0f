//! Limits as things: read, list, put, remove.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Error;
use crate::job::{Act, Limit, LimitRecord};
use crate::store::driver::{Tx, Verb, Waits};
use crate::store::settings;
use crate::store::statements::Sql;
use crate::store::{QueuePage, Shared};

/// Limits of one namespace: all of them are remembered by every process.
const LIMITS_MAX: usize = 1000;

/// Reads limits by name.
#[derive(Debug)]
pub(crate) struct ListLimits {
    pub(crate) namespace: Arc<str>,
    pub(crate) page: QueuePage,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ListLimits {
    type Reply = Vec<LimitRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<LimitRecord>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let settings = self.shared.settings.at(tx, None).await?;
        let all = settings.limits(namespace_id).into_iter().flatten();
        let page = &self.page;
        let asked = all.filter(|(name, _)| match &page.only {
            Some(only) => only == *name,
            None => **name > page.after,
        });
        let record = |(name, (version, limit)): (&String, &(i64, Limit))| LimitRecord {
            name: name.clone(),
            namespace: (*self.namespace).to_owned(),
            limit: limit.clone(),
            version: *version,
        };
        Ok(asked.take(page.limit).map(record).collect())
    }
}

/// Makes a limit, or changes it.
#[derive(Debug)]
pub(crate) struct PutLimit {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) limit: Limit,
    /// Only the one of this version.
    pub(crate) expected: Option<i64>,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for PutLimit {
    type Reply = LimitRecord;

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "limit.put", &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<LimitRecord, Error> {
        let (name, namespace_id, known) =
            locate(tx, &self.shared, &self.namespace, &self.name).await?;
        check_version(name, known.version, self.expected)?;
        if known.version.is_none() && known.count >= LIMITS_MAX {
            let namespace = &self.namespace;
            let message =
                format!("namespace `{namespace}` has {LIMITS_MAX} limits (no more allowed)");
            return Err(Error::conflict(message));
        }
        let version = known.version.unwrap_or(0) + 1;
        let definition = serde_json::to_string(&self.limit)
            .map_err(|error| Error::bug(format!("a limit cannot be written: {error}")))?;
        tx.execute(Sql::KeyLimitRemove, &[namespace_id.into(), name.into()]).await?;
        let params = [namespace_id.into(), name.into(), version.into(), definition.as_str().into()];
        tx.execute(Sql::KeyLimitPut, &params).await?;
        settings::remember(tx).await?;
        let namespace = (*self.namespace).to_owned();
        Ok(LimitRecord { name: name.to_owned(), namespace, limit: self.limit.clone(), version })
    }

    async fn landed<T: Tx>(&self, reply: &LimitRecord, tx: &mut T) -> Result<bool, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let settings = self.shared.settings.at(tx, None).await?;
        let version = settings.limits(namespace_id).and_then(|all| all.get(&self.name));
        Ok(version.is_some_and(|(version, _)| *version >= reply.version))
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Removes a limit: what waits for it waits no longer.
#[derive(Debug)]
pub(crate) struct RemoveLimit {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: String,
    pub(crate) expected: Option<i64>,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for RemoveLimit {
    type Reply = ();

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "limit.delete", &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let (name, namespace_id, known) =
            locate(tx, &self.shared, &self.namespace, &self.name).await?;
        if known.version.is_none() {
            return Err(Error::not_found(format!("limit `{name}`")));
        }
        check_version(name, known.version, self.expected)?;
        tx.execute(Sql::KeyLimitRemove, &[namespace_id.into(), name.into()]).await?;
        settings::remember(tx).await?;
        Ok(())
    }

    async fn landed<T: Tx>(&self, (): &(), tx: &mut T) -> Result<bool, Error> {
        let (_, _, known) = locate(tx, &self.shared, &self.namespace, &self.name).await?;
        Ok(known.version.is_none())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// What is known of a limit before a change.
struct Known {
    version: Option<i64>,
    count: usize,
}

/// Looks at a limit, with all changes of settings held off until the commit.
async fn locate<'a, T: Tx>(
    tx: &mut T,
    shared: &Shared,
    namespace: &str,
    name: &'a str,
) -> Result<(&'a str, i64, Known), Error> {
    let namespace_id = shared.catalog.namespace(tx, namespace).await?;
    settings::touch(tx).await?;
    let settings = shared.settings.at(tx, None).await?;
    let all = settings.limits(namespace_id);
    let version = all.and_then(|all| all.get(name)).map(|(version, _)| *version);
    let count = all.map_or(0, BTreeMap::len);
    Ok((name, namespace_id, Known { version, count }))
}

fn check_version(name: &str, found: Option<i64>, expected: Option<i64>) -> Result<(), Error> {
    match expected {
        Some(expected) if found != Some(expected) => Err(Error::Conflict {
            code: "precondition_failed",
            message: format!(
                "limit `{name}` has changed: it has version {}, not {expected}",
                found.unwrap_or(0)
            ),
        }),
        _ => Ok(()),
    }
}
