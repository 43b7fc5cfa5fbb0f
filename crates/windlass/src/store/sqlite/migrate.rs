//! Migrations: numbered files, one transaction each, forward only.

use rusqlite::Connection;

use super::connection::for_sqlite;
use crate::store::migrations::{self, Migration, Schema};
use crate::{Error, Timestamp};

/// Every migration of this release, in order; the number is the schema it leads to.
const MIGRATIONS: [Migration; 2] = [
    (1, include_str!("../../../migrations/sqlite/0001_rooms.sql")),
    (2, include_str!("../../../migrations/sqlite/0002_inbox.sql")),
];

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
    let schema = read(connection).map_err(&failed)?;
    for (number, text) in schema.pending(&MIGRATIONS)? {
        connection.execute_batch(&for_sqlite(text)).map_err(&failed)?;
        for (name, value) in migrations::facts(*number, now) {
            write(connection, name, value).map_err(&failed)?;
        }
    }
    Ok(())
}

fn read(connection: &Connection) -> rusqlite::Result<Schema> {
    let mut rows = connection.prepare(&for_sqlite("select name, value from {prefix}meta"))?;
    let facts = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Schema::of(&facts.collect::<Result<Vec<_>, _>>()?))
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
}
