//! Read connections: a few of them, opened when first needed, each used by one call at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::connection::{Texts, connect_reader};
use super::transaction::{SqliteTx, finish};
use crate::Error;
use crate::runtime::tasks;
use crate::store::Shared;
use crate::store::driver::Verb;

/// Reads at a time: enough to keep two cores busy beside the writer.
const CONNECTIONS: usize = 4;

/// The pool.
#[derive(Debug)]
pub(super) struct Readers {
    pool: Arc<Pool>,
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    texts: Arc<Texts>,
    failed: CancellationToken,
    idle: Mutex<Vec<SqliteTx>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, texts: Arc<Texts>, failed: CancellationToken) -> Self {
        let pool = Pool { path, texts, failed, idle: Mutex::new(Vec::new()) };
        Self { pool: Arc::new(pool), room: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// Runs `verb` against a snapshot.
    pub(super) async fn run<V: Verb>(
        &self,
        verb: V,
        shared: &Arc<Shared>,
    ) -> Result<V::Reply, Error> {
        let shared = Arc::clone(shared);
        self.with(move |tx| {
            tx.begin(false)?;
            let reply = finish(verb.run(tx)).and_then(|reply| reply);
            let effects = tx.commit();
            if effects.is_err() {
                tx.roll_back();
            }
            let reply = reply?;
            effects?.announce(&shared);
            Ok(reply)
        })
        .await
    }

    pub(super) async fn integrity_check(&self) -> Result<Vec<String>, Error> {
        self.with(SqliteTx::integrity_check).await
    }

    /// Waits for the reads under way, refuses more, and closes the connections.
    pub(super) async fn close(&self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        let last_reads = self.room.acquire_many(all).await;
        self.room.close();
        drop(last_reads);
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteTx) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Error::Closed)?;
        let pool = Arc::clone(&self.pool);
        tasks::blocking(move || {
            let mut tx = pool.take()?;
            let reply = work(&mut tx);
            match tx.fatal() {
                None => pool.give_back(tx),
                Some(_) => pool.failed.cancel(),
            }
            drop(room);
            reply
        })
        .await?
    }
}

impl Pool {
    fn take(&self) -> Result<SqliteTx, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(tx) => Ok(tx),
            None => Ok(SqliteTx::new(connect_reader(&self.path)?, Arc::clone(&self.texts))),
        }
    }

    fn give_back(&self, tx: SqliteTx) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(tx);
    }
}
