//! Migrations: numbered files, one transaction each, forward only.

use rusqlite::{Connection, OptionalExtension};

use super::connection::for_sqlite;
use crate::{Error, Timestamp};

/// Every migration of this release, in order; the number is the schema it leads to.
const MIGRATIONS: [(i64, &str); 1] =
    [(1, include_str!("../../../migrations/sqlite/0001_rooms.sql"))];

/// The oldest schema that a release must know to use what this release writes.
const COMPATIBLE_FROM: i64 = 1;

/// Brings the database to this release's schema. Safe beside other starters: the write lock is
/// taken before the version is read.
pub(super) fn migrate(connection: &Connection, now: Timestamp) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| Error::Unavailable {
        message: format!("cannot prepare the database: {error}"),
        source: Some(Box::new(error)),
    };
    connection.execute_batch("begin immediate").map_err(failed)?;
    let outcome = migrate_locked(connection, now, failed);
    let end = if outcome.is_ok() { "commit" } else { "rollback" };
    connection.execute_batch(end).map_err(failed)?;
    outcome
}

fn migrate_locked(
    connection: &Connection,
    now: Timestamp,
    failed: impl Fn(rusqlite::Error) -> Error,
) -> Result<(), Error> {
    let create = "create table if not exists {prefix}meta (name text primary key, value integer not null) strict, without rowid";
    connection.execute_batch(&for_sqlite(create)).map_err(&failed)?;
    let schema = read(connection, "schema").map_err(&failed)?.unwrap_or(0);
    let needed = read(connection, "compatible_from").map_err(&failed)?.unwrap_or(0);
    let known = MIGRATIONS.len();
    let known = i64::try_from(known).unwrap_or(i64::MAX);
    if needed > known {
        return Err(Error::incompatible(format!(
            "the database has schema {schema} and needs a release that knows schema {needed}; \
             this one knows {known}: install a newer Windlass"
        )));
    }
    for (number, text) in MIGRATIONS.iter().filter(|(number, _)| *number > schema) {
        connection.execute_batch(&for_sqlite(text)).map_err(&failed)?;
        write(connection, "schema", *number).map_err(&failed)?;
        write(connection, "compatible_from", COMPATIBLE_FROM).map_err(&failed)?;
        if *number == 1 {
            write(connection, "created_at", now.as_micros()).map_err(&failed)?;
        }
    }
    Ok(())
}

fn read(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let text = for_sqlite("select value from {prefix}meta where name = $1");
    connection.query_row(&text, [name], |row| row.get(0)).optional()
}

fn write(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    let text = "insert into {prefix}meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value";
    connection.execute(&for_sqlite(text), (name, value))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_database_from_the_future() {
        let connection = Connection::open_in_memory().unwrap();
        let now = Timestamp::from_micros(0);
        migrate(&connection, now).unwrap();
        write(&connection, "compatible_from", 99).unwrap();

        let error = migrate(&connection, now).unwrap_err();

        assert!(error.to_string().contains("install a newer Windlass"), "{error}");
    }

    #[test]
    fn a_newer_but_compatible_database_is_welcome() {
        let connection = Connection::open_in_memory().unwrap();
        let now = Timestamp::from_micros(0);
        migrate(&connection, now).unwrap();
        write(&connection, "schema", 99).unwrap();

        migrate(&connection, now).unwrap();

        assert_eq!(read(&connection, "schema").unwrap(), Some(99));
    }
}
