//! SQLite: one writer thread with group commit, a few read connections, WAL with full durability.

mod connection;
mod copy;
#[cfg(test)]
mod damage;
mod migrate;
#[cfg(test)]
mod plans;
mod readers;
mod transaction;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::connection::Place;
pub(crate) use self::connection::{Texts, numbered};
pub(crate) use self::copy::{backup, vacuum};
use self::readers::Readers;
pub(crate) use self::transaction::run_statement;
use self::writer::Writer;
use super::Shared;
use super::driver::{Driver, Verb};
use super::schema::SchemaStatus;
use super::within::Dialect;
use crate::runtime::{Clock, tasks};
use crate::{Error, Timestamp};

/// An open SQLite database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    writer: Writer,
    /// None for a database in memory: it has one connection, the writer's.
    readers: Option<Readers>,
    failed: CancellationToken,
    texts: Arc<Texts>,
}

impl Sqlite {
    /// Opens or creates the database file at `path`.
    pub(crate) async fn open_file(
        path: PathBuf,
        clock: &Clock,
        migrate: bool,
    ) -> Result<Self, Error> {
        Self::open(Place::File(path), clock, migrate).await
    }

    /// Makes a new database in memory.
    pub(crate) async fn open_memory(clock: &Clock) -> Result<Self, Error> {
        Self::open(Place::Memory, clock, true).await
    }

    async fn open(place: Place, clock: &Clock, migrate: bool) -> Result<Self, Error> {
        let texts = Arc::new(Texts::new());
        let shared = Arc::new(Shared::default());
        let failed = CancellationToken::new();
        let readers = match &place {
            Place::File(path) => {
                Some(Readers::new(path.clone(), Arc::clone(&texts), failed.clone()))
            }
            Place::Memory => None,
        };
        let now = clock.now();
        let own = Arc::clone(&texts);
        let session = tasks::blocking(move || {
            let connection = place.prepare_and_connect()?;
            migrate::migrate(&connection, now, migrate)?;
            Ok(transaction::SqliteTx::new(connection, own))
        })
        .await??;
        let polls = readers.is_some();
        let writer = Writer::start(session, Arc::clone(&shared), failed.clone(), polls)?;
        Ok(Self { shared, writer, readers, failed, texts })
    }
}

/// How far the database file is.
pub(crate) async fn schema_status(path: PathBuf) -> Result<SchemaStatus, Error> {
    if !path.exists() {
        return Err(Error::unavailable(format!("there is no database file {}", path.display())));
    }
    tasks::blocking(move || migrate::status(&connection::connect_reader(&path)?)).await?
}

/// The migrations after `after`, for `sqlite3`.
pub(crate) fn migration_sql(after: i64, now: Timestamp) -> String {
    migrate::script(after, now)
}

impl Driver for Sqlite {
    async fn write<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        self.writer.run(verb).await
    }

    async fn read<V: Verb>(&self, verb: V) -> Result<V::Reply, Error> {
        match &self.readers {
            Some(readers) => readers.run(verb, &self.shared).await,
            None => self.writer.run(verb).await,
        }
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite(Arc::clone(&self.texts))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    async fn check_files(&self) -> Result<Vec<String>, Error> {
        match &self.readers {
            Some(readers) => readers.integrity_check().await,
            None => Ok(Vec::new()),
        }
    }

    async fn close(&self) {
        // The writer last: it can fold the write-ahead log into the file, readers cannot.
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        self.writer.stop().await;
    }
}
