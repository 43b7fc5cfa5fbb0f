//! Migrations: numbered files, one transaction each, forward only.

use rusqlite::Connection;

use super::connection::{PREFIX, for_sqlite};
use crate::store::migrations::{self, Migration, Schema};
use crate::store::schema::{self, SchemaStatus};
use crate::{Error, Timestamp};

/// Every migration of this release, in order; the number is the schema it leads to.
const MIGRATIONS: [Migration; 21] = [
    (1, include_str!("../../../migrations/sqlite/0001_rooms.sql")),
    (2, include_str!("../../../migrations/sqlite/0002_inbox.sql")),
    (3, include_str!("../../../migrations/sqlite/0003_queues.sql")),
    (4, include_str!("../../../migrations/sqlite/0004_unique.sql")),
    (5, include_str!("../../../migrations/sqlite/0005_rights.sql")),
    (6, include_str!("../../../migrations/sqlite/0006_dependencies.sql")),
    (7, include_str!("../../../migrations/sqlite/0007_schedules.sql")),
    (8, include_str!("../../../migrations/sqlite/0008_handlers.sql")),
    (9, include_str!("../../../migrations/sqlite/0009_operations.sql")),
    (10, include_str!("../../../migrations/sqlite/0010_workflows.sql")),
    (11, include_str!("../../../migrations/sqlite/0011_limits.sql")),
    (12, include_str!("../../../migrations/sqlite/0012_keys.sql")),
    (13, include_str!("../../../migrations/sqlite/0013_remote_workers.sql")),
    (14, include_str!("../../../migrations/sqlite/0014_replies.sql")),
    (15, include_str!("../../../migrations/sqlite/0015_events.sql")),
    (16, include_str!("../../../migrations/sqlite/0016_changes.sql")),
    (17, include_str!("../../../migrations/sqlite/0017_lease_slots.sql")),
    (18, include_str!("../../../migrations/sqlite/0018_sessions.sql")),
    (19, include_str!("../../../migrations/sqlite/0019_rates_reasons.sql")),
    (20, include_str!("../../../migrations/sqlite/0020_keys_in_sql.sql")),
    (21, include_str!("../../../migrations/sqlite/0021_unique_in_sql.sql")),
];

/// Brings the database to this release's schema. Safe beside other starters: the write lock is
/// taken before the version is read.
pub(super) fn migrate(connection: &Connection, now: Timestamp, may: bool) -> Result<(), Error> {
    connection.execute_batch("begin immediate").map_err(failed)?;
    let outcome = migrate_locked(connection, now, may);
    let end = if outcome.is_ok() { "commit" } else { "rollback" };
    connection.execute_batch(end).map_err(failed)?;
    outcome
}

fn migrate_locked(connection: &Connection, now: Timestamp, may: bool) -> Result<(), Error> {
    connection.execute_batch(&for_sqlite(CREATE)).map_err(failed)?;
    let schema = read(connection).map_err(failed)?;
    for (number, text) in migrations::allowed(schema, &MIGRATIONS, may)? {
        connection.execute_batch(&for_sqlite(text)).map_err(failed)?;
        for (name, value) in migrations::facts(*number, now) {
            connection.execute_batch(&for_sqlite(&note(name, value))).map_err(failed)?;
        }
    }
    Ok(())
}

/// How far the database is.
pub(super) fn status(connection: &Connection) -> Result<SchemaStatus, Error> {
    let count = "select count(*) from sqlite_schema where name = '{prefix}meta'";
    let found = connection.query_row(&for_sqlite(count), [], |row| row.get::<_, i64>(0));
    let schema = match found.map_err(failed)? {
        0 => Schema::default(),
        _ => read(connection).map_err(failed)?,
    };
    SchemaStatus::new(schema, &MIGRATIONS)
}

/// The migrations after `after` as a script for `sqlite3`.
pub(super) fn script(after: i64, now: Timestamp) -> String {
    let head = format!("begin immediate;\n{CREATE}\n");
    let fill = |text: &str| text.replace("{prefix}", PREFIX);
    schema::script((&head, "commit;\n"), &MIGRATIONS, after, fill, note, now)
}

fn read(connection: &Connection) -> rusqlite::Result<Schema> {
    let mut rows = connection.prepare(&for_sqlite("select name, value from {prefix}meta"))?;
    let facts = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Schema::of(&facts.collect::<Result<Vec<_>, _>>()?))
}

/// What every migration builds on.
const CREATE: &str = "create table if not exists {prefix}meta \
     (name text primary key, value integer not null) strict, without rowid;";

/// Writes down how far a migration led.
fn note(name: &str, value: i64) -> String {
    NOTE.replace("{name}", name).replace("{value}", &value.to_string())
}

const NOTE: &str = "insert into {prefix}meta (name, value) values ('{name}', {value}) \
     on conflict (name) do update set value = excluded.value;";

fn failed(error: rusqlite::Error) -> Error {
    Error::Unavailable {
        message: format!("cannot prepare the database: {error}"),
        source: Some(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_database_from_the_future() {
        let connection = Connection::open_in_memory().unwrap();
        let now = Timestamp::from_micros(0);
        migrate(&connection, now, true).unwrap();
        let newer = for_sqlite(&note("compatible_from", 99));
        connection.execute_batch(&newer).unwrap();

        let error = migrate(&connection, now, true).unwrap_err();

        assert!(error.to_string().contains("install a newer Windlass"), "{error}");
    }
}
