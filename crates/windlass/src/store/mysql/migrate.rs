//! Migrations: numbered files, statement by statement, forward only.
//!
//! A change of tables commits by itself here. Invariant: every statement of a migration may run again,
//! so one that was cut off is repeated from its start by whoever comes next.

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqlSafeStr as _};

use super::errors;
use crate::store::migrations::{self, Migration, Schema};
use crate::store::schema::{self, SchemaStatus};
use crate::store::server::answered;
use crate::{Error, Timestamp};

/// Every migration of this release, in order; the number is the schema it leads to.
const MIGRATIONS: [Migration; 21] = [
    (1, include_str!("../../../migrations/mysql/0001_rooms.sql")),
    (2, include_str!("../../../migrations/mysql/0002_inbox.sql")),
    (3, include_str!("../../../migrations/mysql/0003_queues.sql")),
    (4, include_str!("../../../migrations/mysql/0004_unique.sql")),
    (5, include_str!("../../../migrations/mysql/0005_rights.sql")),
    (6, include_str!("../../../migrations/mysql/0006_dependencies.sql")),
    (7, include_str!("../../../migrations/mysql/0007_schedules.sql")),
    (8, include_str!("../../../migrations/mysql/0008_handlers.sql")),
    (9, include_str!("../../../migrations/mysql/0009_operations.sql")),
    (10, include_str!("../../../migrations/mysql/0010_workflows.sql")),
    (11, include_str!("../../../migrations/mysql/0011_limits.sql")),
    (12, include_str!("../../../migrations/mysql/0012_keys.sql")),
    (13, include_str!("../../../migrations/mysql/0013_remote_workers.sql")),
    (14, include_str!("../../../migrations/mysql/0014_replies.sql")),
    (15, include_str!("../../../migrations/mysql/0015_events.sql")),
    (16, include_str!("../../../migrations/mysql/0016_changes.sql")),
    (17, include_str!("../../../migrations/mysql/0017_lease_slots.sql")),
    (18, include_str!("../../../migrations/mysql/0018_sessions.sql")),
    (19, include_str!("../../../migrations/mysql/0019_rates_reasons.sql")),
    (20, include_str!("../../../migrations/mysql/0020_keys_in_sql.sql")),
    (21, include_str!("../../../migrations/mysql/0021_unique_in_sql.sql")),
];

/// Seconds a starter waits for another one that migrates.
const LOCK_SECONDS: i64 = 60;

/// What every migration builds on.
const CREATE: &str = "create table if not exists {prefix}meta (name varchar(64) not null primary key, \
     value bigint not null) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin";

/// Writes down how far a migration led.
fn note(name: &str, value: i64) -> String {
    NOTE.replace("{name}", name).replace("{value}", &value.to_string())
}

const NOTE: &str = "insert into {prefix}meta (name, value) values ('{name}', {value}) \
     on duplicate key update value = values(value)";

/// Brings the database to this release's schema. Safe beside other starters: one at a time.
pub(super) async fn migrate(
    connection: &mut MySqlConnection,
    prefix: &str,
    now: Timestamp,
    may: bool,
) -> Result<(), Error> {
    // Most starts find nothing to do; they take no lock.
    let schema = answered(read_or_none(connection, prefix)).await?;
    if migrations::allowed(schema, &MIGRATIONS, may)?.is_empty() {
        return Ok(());
    }
    let got = sqlx::query_scalar::<_, Option<i64>>(
        "select get_lock(concat(database(), '.', ?, 'migrate'), ?)",
    );
    let got = got.bind(prefix).bind(LOCK_SECONDS).fetch_one(&mut *connection).await;
    if got.map_err(failed)? != Some(1) {
        return Err(Error::unavailable(format!(
            "another process has been preparing the database for {LOCK_SECONDS} s"
        )));
    }
    let outcome = migrate_locked(connection, prefix, now).await;
    let freed = sqlx::query("select release_lock(concat(database(), '.', ?, 'migrate'))");
    freed.bind(prefix).execute(connection).await.map_err(failed)?;
    outcome
}

async fn migrate_locked(
    connection: &mut MySqlConnection,
    prefix: &str,
    now: Timestamp,
) -> Result<(), Error> {
    run(connection, CREATE, prefix).await?;
    let schema = read(connection, prefix).await?;
    for (number, text) in schema.pending(&MIGRATIONS)? {
        for statement in statements(text) {
            run(connection, statement, prefix).await?;
        }
        for (name, value) in migrations::facts(*number, now) {
            run(connection, &note(name, value), prefix).await?;
        }
    }
    Ok(())
}

/// How far the database is.
pub(super) async fn status(
    connection: &mut MySqlConnection,
    prefix: &str,
) -> Result<SchemaStatus, Error> {
    SchemaStatus::new(answered(read_or_none(connection, prefix)).await?, &MIGRATIONS)
}

/// The migrations after `after` as a script; procedures need another end of statement.
pub(super) fn script(prefix: &str, after: i64, now: Timestamp) -> String {
    let fill = |text: &str| {
        let parts = statements(text).map(|part| {
            let part = part.replace("{prefix}", prefix);
            if part.contains("create procedure") {
                format!("delimiter //\n{part} //\ndelimiter ;\n")
            } else {
                format!("{part};\n")
            }
        });
        parts.collect::<Vec<_>>().join("\n")
    };
    schema::script((CREATE, ""), &MIGRATIONS, after, fill, note, now)
}

/// As [`read`], for a database that may hold nothing of ours yet.
async fn read_or_none(connection: &mut MySqlConnection, prefix: &str) -> Result<Schema, Error> {
    let count = sqlx::query_scalar::<_, i64>(
        "select count(*) from information_schema.tables where table_schema = database() and table_name = ?",
    );
    let found = count.bind(format!("{prefix}meta")).fetch_one(&mut *connection).await;
    match found.map_err(failed)? {
        0 => Ok(Schema::default()),
        _ => read(connection, prefix).await,
    }
}

/// The statements of a file: each ends with a semicolon before an empty line, or at the end.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(";\n\n").map(|part| part.trim().trim_end_matches(';'));
    parts.filter(|part| part.lines().any(|line| !line.starts_with("--")))
}

async fn run(connection: &mut MySqlConnection, text: &str, prefix: &str) -> Result<(), Error> {
    let text = AssertSqlSafe(text.replace("{prefix}", prefix)).into_sql_str();
    connection.execute(text).await.map(|_| ()).map_err(failed)
}

async fn read(connection: &mut MySqlConnection, prefix: &str) -> Result<Schema, Error> {
    let text = format!("select name, value from {prefix}meta");
    let rows = sqlx::query(AssertSqlSafe(text)).persistent(false).fetch_all(connection).await;
    let rows = rows.map_err(failed)?;
    let facts = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let facts: Vec<(String, i64)> = facts.collect::<Result<_, sqlx::Error>>().map_err(failed)?;
    Ok(Schema::of(&facts))
}

fn failed(error: sqlx::Error) -> Error {
    errors::not_opened("cannot prepare the database", error)
}
