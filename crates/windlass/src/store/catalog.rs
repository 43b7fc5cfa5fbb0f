//! Names and ids of queues and kinds, remembered so that the hot path need not ask.
//!
//! Invariant: a pair is remembered only after the transaction that read it has committed, because
//! that may be the one that made it and may yet be rolled back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::driver::Tx;
use super::statements::Sql;
use crate::Error;

/// A queue and a kind that occur together.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    id: i64,
    pub(crate) namespace_id: i64,
    pub(crate) namespace: Arc<str>,
    pub(crate) queue_id: i64,
    pub(crate) queue: Arc<str>,
    pub(crate) kind_id: i64,
    pub(crate) kind: Arc<str>,
}

/// What one process knows of the catalogue tables.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    known: Mutex<Known>,
}

/// Ids of a queue and of each kind it was seen with.
type Kinds = HashMap<Arc<str>, (i64, i64)>;

#[derive(Debug, Default)]
struct Known {
    pairs: Vec<Pair>,
    /// Ids of queue and kind, by namespace, queue and kind.
    ids: HashMap<i64, HashMap<Arc<str>, Kinds>>,
}

impl Catalog {
    /// The id of a namespace, which may have been deleted since anyone last asked.
    pub(crate) async fn namespace<T: Tx>(&self, tx: &mut T, name: &str) -> Result<i64, Error> {
        let rows = tx.query(Sql::NamespaceGet, &[name.into()]).await?;
        rows.first_int()?.ok_or_else(|| Error::not_found(format!("namespace `{name}`")))
    }

    /// The names among `jobs`, as queue and kind, that this process has not met yet.
    pub(crate) fn unknown<'a>(
        &self,
        namespace_id: i64,
        jobs: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        let known = self.lock();
        let mut unknown: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        let mut last = None;
        for (queue, kind) in jobs {
            if last == Some((queue, kind)) {
                continue;
            }
            last = Some((queue, kind));
            let is_known = known.pair(namespace_id, queue, kind).is_some();
            if !is_known && !unknown.iter().any(|(q, k)| **q == *queue && **k == *kind) {
                unknown.push((queue.into(), kind.into()));
            }
        }
        unknown
    }

    /// Ids of a queue and a kind that were made known before.
    pub(crate) fn pair(
        &self,
        namespace_id: i64,
        queue: &str,
        kind: &str,
    ) -> Result<(i64, i64), Error> {
        let pair = self.lock().pair(namespace_id, queue, kind);
        pair.ok_or_else(|| Error::bug(format!("`{queue}` and `{kind}` were not made known")))
    }

    /// Makes queues and kinds known and returns their ids. On a server this is a transaction of its
    /// own, because it holds a lock that everyone needs who has a new name.
    pub(crate) async fn make_known<T: Tx>(
        &self,
        tx: &mut T,
        namespace_id: i64,
        names: &[(Arc<str>, Arc<str>)],
    ) -> Result<Vec<(i64, i64)>, Error> {
        let mut ids = Vec::with_capacity(names.len());
        tx.execute(Sql::CatalogLock, &[]).await?;
        for (queue, kind) in names {
            tx.execute(Sql::QueueAdd, &[namespace_id.into(), (&**queue).into()]).await?;
            tx.execute(Sql::KindAdd, &[namespace_id.into(), (&**kind).into()]).await?;
            let queue_id = id_of(tx, Sql::QueueGet, namespace_id, queue).await?;
            let kind_id = id_of(tx, Sql::KindGet, namespace_id, kind).await?;
            tx.execute(Sql::QueueKindAdd, &[queue_id.into(), kind_id.into()]).await?;
            ids.push((queue_id, kind_id));
        }
        self.fresh(tx).await?;
        Ok(ids)
    }

    /// The pairs that pass `wanted`, those of other processes included.
    pub(crate) async fn pairs<T: Tx>(
        &self,
        tx: &mut T,
        wanted: impl Fn(&Pair) -> bool + Send,
    ) -> Result<Vec<Pair>, Error> {
        let fresh = self.fresh(tx).await?;
        let known = self.lock();
        Ok(known.pairs.iter().chain(&fresh).filter(|pair| wanted(pair)).cloned().collect())
    }

    /// The pairs that pass `wanted`, as far as this process knows.
    pub(crate) fn known(&self, wanted: impl Fn(&Pair) -> bool) -> Vec<Pair> {
        self.lock().pairs.iter().filter(|pair| wanted(pair)).cloned().collect()
    }

    /// The id of the latest pair that this process knows.
    pub(crate) fn last(&self) -> i64 {
        self.lock().last()
    }

    /// Remembers pairs whose transaction has committed.
    pub(crate) fn learn(&self, pairs: &[Pair]) {
        let mut known = self.lock();
        for pair in pairs {
            if pair.id > known.last() {
                let kinds = known.ids.entry(pair.namespace_id).or_default();
                let kinds = kinds.entry(pair.queue.clone()).or_default();
                kinds.insert(pair.kind.clone(), (pair.queue_id, pair.kind_id));
                known.pairs.push(pair.clone());
            }
        }
    }

    /// Pairs not remembered yet: one probe when there are none.
    async fn fresh<T: Tx>(&self, tx: &mut T) -> Result<Vec<Pair>, Error> {
        let last = self.lock().last();
        let rows = tx.query(Sql::QueueKindSince, &[last.into()]).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let fresh = rows.read(|row| {
            Ok(Pair {
                id: row.int()?,
                namespace_id: row.int()?,
                namespace: row.text()?.into(),
                queue_id: row.int()?,
                queue: row.text()?.into(),
                kind_id: row.int()?,
                kind: row.text()?.into(),
            })
        })?;
        tx.effects().learned(&fresh);
        Ok(fresh)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn pair(&self, namespace_id: i64, queue: &str, kind: &str) -> Option<(i64, i64)> {
        self.ids.get(&namespace_id)?.get(queue)?.get(kind).copied()
    }

    fn last(&self) -> i64 {
        self.pairs.last().map_or(0, |pair| pair.id)
    }
}

async fn id_of<T: Tx>(tx: &mut T, sql: Sql, namespace_id: i64, name: &str) -> Result<i64, Error> {
    let rows = tx.query(sql, &[namespace_id.into(), name.into()]).await?;
    rows.first_int()?.ok_or_else(|| Error::bug(format!("`{name}` was made known and is not there")))
}
