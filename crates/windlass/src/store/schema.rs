//! The schema of a database, for those who bring it up to date apart from the programs that use it.
//!
//! [`Queue::open`](crate::Queue::open) does so by itself, unless
//! [`QueueBuilder::migrate`](crate::QueueBuilder::migrate) says otherwise.

use std::fmt::Write as _;

use super::migrations::{self, Migration, Schema};
use crate::runtime::Clock;
use crate::{Error, Timestamp};

/// How far a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaStatus {
    /// The number of its last migration; 0 for a database without our tables.
    pub number: i64,
    /// The number that this release leads to.
    pub known: i64,
    /// The migrations that are missing, in order.
    pub pending: Vec<i64>,
}

impl SchemaStatus {
    pub(super) fn new(schema: Schema, all: &[Migration]) -> Result<Self, Error> {
        let pending = schema.pending(all)?.iter().map(|(number, _)| *number).collect();
        let known = all.last().map_or(0, |(number, _)| *number);
        Ok(Self { number: schema.number, known, pending })
    }
}

/// Reads how far the database at `url` is, without changing it.
///
/// # Errors
/// [`Error::Incompatible`] for a database of a newer release or an unknown kind of URL,
/// [`Error::Unavailable`] when it cannot be reached.
pub async fn status(url: &str) -> Result<SchemaStatus, Error> {
    match url.split(':').next().unwrap_or_default() {
        #[cfg(feature = "sqlite")]
        "sqlite" => super::sqlite::schema_status(super::sqlite_path(url)?).await,
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => super::postgres::schema_status(url).await,
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => super::mysql::schema_status(url).await,
        scheme => Err(super::unknown_scheme(scheme)),
    }
}

/// Runs the migrations that are missing at `url`, one starter at a time, and says how far it is then.
///
/// # Errors
/// As [`status`].
pub async fn migrate(url: &str) -> Result<SchemaStatus, Error> {
    super::open(url, Clock::system(), true).await?.close().await;
    status(url).await
}

/// Copies the SQLite database at `url` into the new file `to`, as it is at one moment, while others work on it.
///
/// # Errors
/// [`Error::Conflict`] when `to` is there, [`Error::Incompatible`] for another kind of database, which has tools of
/// its own for this, [`Error::Unavailable`].
#[cfg_attr(
    not(feature = "sqlite"),
    expect(clippy::unused_async, reason = "other backends answer at once")
)]
pub async fn backup(url: &str, to: &std::path::Path) -> Result<(), Error> {
    match url.split(':').next().unwrap_or_default() {
        #[cfg(feature = "sqlite")]
        "sqlite" => super::sqlite::backup(super::sqlite_path(url)?, to.to_owned()).await,
        scheme => Err(only_sqlite(scheme, to.display())),
    }
}

/// Gives the space of deleted rows of the SQLite database at `url` back to the file system. Writers wait meanwhile.
///
/// # Errors
/// [`Error::Incompatible`] for another kind of database, which does this by itself, [`Error::Unavailable`].
#[cfg_attr(
    not(feature = "sqlite"),
    expect(clippy::unused_async, reason = "other backends answer at once")
)]
pub async fn vacuum(url: &str) -> Result<(), Error> {
    match url.split(':').next().unwrap_or_default() {
        #[cfg(feature = "sqlite")]
        "sqlite" => super::sqlite::vacuum(super::sqlite_path(url)?).await,
        scheme => Err(only_sqlite(scheme, "space")),
    }
}

fn only_sqlite(scheme: &str, what: impl std::fmt::Display) -> Error {
    Error::incompatible(format!(
        "this is for SQLite files: {scheme} has tools of its own for `{what}` (pg_dump, vacuumdb, mariadb-dump)"
    ))
}

/// The migrations after schema `after` as a script for the database's own client, for those who do not
/// let programs change tables. `url` says which kind of database, and where its tables are.
///
/// # Errors
/// [`Error::Incompatible`] for an unknown kind of URL.
pub fn sql(url: &str, after: i64, now: Timestamp) -> Result<String, Error> {
    match url.split(':').next().unwrap_or_default() {
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(super::sqlite::migration_sql(after, now)),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => super::postgres::migration_sql(url, after, now),
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" => super::mysql::migration_sql(url, after, now),
        scheme => Err(super::unknown_scheme(scheme)),
    }
}

/// A script out of its parts: what comes before, each migration with what it writes down, what comes
/// after. Names and numbers are ours, so they need no quoting.
pub(super) fn script(
    (head, tail): (&str, &str),
    all: &[Migration],
    after: i64,
    fill: impl Fn(&str) -> String,
    note: impl Fn(&str, i64) -> String,
    now: Timestamp,
) -> String {
    let mut script = fill(head);
    for (number, text) in all.iter().filter(|(number, _)| *number > after) {
        // Writing to a string cannot fail.
        let _ = writeln!(script, "\n-- Migration {number}\n{}", fill(text).trim_end());
        for (name, value) in migrations::facts(*number, now) {
            let _ = writeln!(script, "{}", fill(&note(name, value)));
        }
    }
    script.push_str(tail);
    script
}
