//! Connections: where the file is, how it is opened, how statements are written for SQLite.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::Error;
use crate::store::statements::{Sql, whole};

/// Table names begin with this, so that Windlass can share a file with an application.
pub(super) const PREFIX: &str = "windlass_";

/// Before this release, two connections could corrupt a WAL database
/// (<https://www.sqlite.org/releaselog/3_51_3.html>).
const VERSION_MIN: i32 = 3_051_003;

/// How long one attempt to get the write lock waits for other processes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a database lives.
#[derive(Debug)]
pub(super) enum Place {
    File(PathBuf),
    Memory,
}

impl Place {
    /// Opens the writer's connection, creating the file and its folder where needed.
    pub(super) fn prepare_and_connect(&self) -> Result<Connection, Error> {
        if rusqlite::version_number() < VERSION_MIN {
            let version = rusqlite::version();
            return Err(Error::incompatible(format!(
                "SQLite {version} can corrupt WAL databases (3.51.3 or later needed)"
            )));
        }
        let connection = match self {
            Self::Memory => Connection::open_in_memory()
                .and_then(with_fixed_plans)
                .map_err(|error| cannot_open("memory", error))?,
            Self::File(path) => {
                create_private(path)?;
                connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?
            }
        };
        configure_writer(&connection).map_err(|error| cannot_open("the database", error))?;
        Ok(connection)
    }
}

/// Opens a connection that only reads.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection
        .execute_batch("pragma query_only = on; pragma cache_size = -4096; pragma mmap_size = 0")
        .map_err(|error| cannot_open(&path.display().to_string(), error))?;
    Ok(connection)
}

pub(super) fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, Error> {
    let shown = path.display().to_string();
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .and_then(with_fixed_plans)
        .map_err(|error| cannot_open(&shown, error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| cannot_open(&shown, error))?;
    Ok(connection)
}

/// A statement is prepared once: SQLite would prepare those that a partial index may serve anew for every other
/// value of a parameter, which took a fifth of the writer's time where jobs have keys.
pub(super) fn with_fixed_plans(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(Sql::ALL.len() + 16);
    Ok(connection)
}

/// Full durability: an acknowledged commit survives a power cut. Page size and `auto_vacuum` only
/// take effect in a new file.
fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "pragma page_size = 4096;
         pragma auto_vacuum = incremental;
         pragma journal_mode = wal;
         pragma synchronous = full;
         pragma wal_autocheckpoint = 4000;
         pragma journal_size_limit = 67108864;
         pragma mmap_size = 0;
         pragma cache_size = -16384;
         pragma temp_store = memory;",
    )
}

/// Creates the file readable by its owner alone, and its folder likewise.
fn create_private(path: &Path) -> Result<(), Error> {
    let unusable = |error: std::io::Error| Error::Unavailable {
        message: format!("cannot create the database file {}: {error}", path.display()),
        source: Some(Box::new(error)),
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(unusable)?;
    }
    // Never open a file that is there: closing it again would drop the locks that other connections
    // of this process hold on it (POSIX locks belong to the process), and with them the database.
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(unusable(error)),
        _ => Ok(()),
    }
}

fn cannot_open(what: &str, error: rusqlite::Error) -> Error {
    Error::Unavailable {
        message: format!("cannot open {what}: {error}"),
        source: Some(Box::new(error)),
    }
}

/// Every statement as SQLite takes it.
#[derive(Debug)]
pub(crate) struct Texts(Vec<String>);

impl Texts {
    pub(crate) fn new() -> Self {
        Self(Sql::ALL.iter().map(|sql| for_sqlite(sql.for_sqlite().unwrap_or_default())).collect())
    }

    pub(crate) fn of(&self, sql: Sql) -> &str {
        &self.0[sql as usize]
    }
}

/// A statement for SQLite, which reads `$1` as a name: numbered placeholders instead.
pub(super) fn for_sqlite(text: &str) -> String {
    numbered(&whole(text, PREFIX))
}

/// `$N` becomes `?N`.
pub(crate) fn numbered(text: &str) -> String {
    text.replace('$', "?")
}
