//! Migrations: numbered files, one transaction, forward only.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, SqlSafeStr as _};

use super::{Address, errors};
use crate::store::migrations::{self, Migration, Schema};
use crate::store::schema::{self, SchemaStatus};
use crate::store::server::answered;
use crate::{Error, Timestamp};

/// Every migration of this release, in order; the number is the schema it leads to.
const MIGRATIONS: [Migration; 21] = [
    (1, include_str!("../../../migrations/postgres/0001_rooms.sql")),
    (2, include_str!("../../../migrations/postgres/0002_inbox.sql")),
    (3, include_str!("../../../migrations/postgres/0003_queues.sql")),
    (4, include_str!("../../../migrations/postgres/0004_unique.sql")),
    (5, include_str!("../../../migrations/postgres/0005_rights.sql")),
    (6, include_str!("../../../migrations/postgres/0006_dependencies.sql")),
    (7, include_str!("../../../migrations/postgres/0007_schedules.sql")),
    (8, include_str!("../../../migrations/postgres/0008_handlers.sql")),
    (9, include_str!("../../../migrations/postgres/0009_operations.sql")),
    (10, include_str!("../../../migrations/postgres/0010_workflows.sql")),
    (11, include_str!("../../../migrations/postgres/0011_limits.sql")),
    (12, include_str!("../../../migrations/postgres/0012_keys.sql")),
    (13, include_str!("../../../migrations/postgres/0013_remote_workers.sql")),
    (14, include_str!("../../../migrations/postgres/0014_replies.sql")),
    (15, include_str!("../../../migrations/postgres/0015_events.sql")),
    (16, include_str!("../../../migrations/postgres/0016_changes.sql")),
    (17, include_str!("../../../migrations/postgres/0017_lease_slots.sql")),
    (18, include_str!("../../../migrations/postgres/0018_sessions.sql")),
    (19, include_str!("../../../migrations/postgres/0019_rates_reasons.sql")),
    (20, include_str!("../../../migrations/postgres/0020_keys_in_sql.sql")),
    (21, include_str!("../../../migrations/postgres/0021_unique_in_sql.sql")),
];

/// What every migration builds on.
const CREATE: &str = "create schema if not exists {schema};
create table if not exists {schema}.meta (name text primary key, value bigint not null);
";

/// Writes down how far a migration led.
const NOTE: &str = "insert into {schema}.meta (name, value) values ('{name}', {value}) \
     on conflict (name) do update set value = excluded.value;";

/// Brings the database to this release's schema. Safe beside other starters: one at a time, and all
/// of it or nothing.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    address: &Address,
    now: Timestamp,
    may: bool,
) -> Result<(), Error> {
    let prefix = address.prefix();
    // Most starts find nothing to do; they take no lock.
    let schema = answered(look(connection, address)).await?;
    if migrations::allowed(schema, &MIGRATIONS, may)?.is_empty() {
        return Ok(());
    }
    let mut tx = connection.begin().await.map_err(failed)?;
    let lock = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
    sqlx::query(lock).persistent(false).bind(&prefix).execute(&mut *tx).await.map_err(failed)?;
    let create = CREATE.replace("{schema}", &address.schema);
    run(&mut tx, create).await?;
    let schema = read(&mut tx, &prefix).await?;
    for (number, text) in schema.pending(&MIGRATIONS)? {
        run(&mut tx, text.replace("{prefix}", &prefix)).await?;
        for (name, value) in migrations::facts(*number, now) {
            write(&mut tx, &prefix, name, value).await?;
        }
    }
    tx.commit().await.map_err(failed)
}

/// How far the database is.
pub(super) async fn status(
    connection: &mut PgConnection,
    address: &Address,
) -> Result<SchemaStatus, Error> {
    SchemaStatus::new(answered(look(connection, address)).await?, &MIGRATIONS)
}

/// Reads how far the database is: in a transaction, because outside of one a pooler may send each half
/// of a statement to another server process.
async fn look(connection: &mut PgConnection, address: &Address) -> Result<Schema, Error> {
    let mut tx = connection.begin().await.map_err(failed)?;
    let schema = read_or_none(&mut tx, address).await?;
    tx.rollback().await.map_err(failed)?;
    Ok(schema)
}

/// The migrations after `after` as a script.
pub(super) fn script(address: &Address, after: i64, now: Timestamp) -> String {
    let fill = |text: &str| {
        text.replace("{prefix}", &address.prefix()).replace("{schema}", &address.schema)
    };
    let note = |name: &str, value: i64| {
        NOTE.replace("{name}", name).replace("{value}", &value.to_string())
    };
    let head = format!("begin;\n{CREATE}");
    schema::script((&head, "commit;\n"), &MIGRATIONS, after, fill, note, now)
}

/// As [`read`], for a database that may hold nothing of ours yet.
async fn read_or_none(connection: &mut PgConnection, address: &Address) -> Result<Schema, Error> {
    let exists = sqlx::query_scalar::<_, bool>("select to_regclass($1) is not null");
    let name = format!("{}meta", address.prefix());
    let exists = exists.bind(name).persistent(false).fetch_one(&mut *connection).await;
    match exists.map_err(failed)? {
        true => read(connection, &address.prefix()).await,
        false => Ok(Schema::default()),
    }
}

async fn run(connection: &mut PgConnection, text: String) -> Result<(), Error> {
    let text = AssertSqlSafe(text).into_sql_str();
    connection.execute(text).await.map(|_| ()).map_err(failed)
}

async fn read(connection: &mut PgConnection, prefix: &str) -> Result<Schema, Error> {
    let text = format!("select name, value from {prefix}meta");
    let query = sqlx::query(AssertSqlSafe(text)).persistent(false);
    let rows = query.fetch_all(connection).await.map_err(failed)?;
    let facts = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let facts: Vec<(String, i64)> = facts.collect::<Result<_, sqlx::Error>>().map_err(failed)?;
    Ok(Schema::of(&facts))
}

async fn write(
    connection: &mut PgConnection,
    prefix: &str,
    name: &str,
    value: i64,
) -> Result<(), Error> {
    let text = format!(
        "insert into {prefix}meta (name, value) values ($1, $2) \
         on conflict (name) do update set value = excluded.value"
    );
    let query = sqlx::query(AssertSqlSafe(text)).persistent(false).bind(name).bind(value);
    query.execute(connection).await.map(|_| ()).map_err(failed)
}

fn failed(error: sqlx::Error) -> Error {
    errors::not_opened("cannot prepare the database", error)
}
