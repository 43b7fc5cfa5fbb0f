//! Query plans of the hot statements: an index for each, no sort, no scan.

use rusqlite::Connection;

use super::connection::Texts;
use super::migrate::migrate;
use crate::Timestamp;
use crate::store::statements::Sql;

fn plan(connection: &Connection, sql: Sql) -> String {
    let text = format!("explain query plan {}", Texts::new().of(sql));
    let mut statement = connection.prepare(&text).unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3))
        .unwrap();
    lines.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

#[test]
fn hot_statements_use_their_index() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();

    for sql in [
        Sql::ClaimHead,
        Sql::ClaimPeek,
        Sql::ClaimTake,
        Sql::ClaimJob,
        Sql::ClaimWorker,
        Sql::SettleTake,
        Sql::PromoteTake,
        Sql::DelayedNext,
        Sql::ExpiryTake,
        Sql::IdempotencyGet,
        Sql::QueueKindSince,
        Sql::JobGet,
        Sql::ScheduleDue,
        Sql::ScheduleNext,
        Sql::TickEdge,
    ] {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("TEMP B-TREE"), "{sql:?} sorts:\n{plan}");
        let scans = plan.lines().filter(|line| line.starts_with("SCAN")).collect::<Vec<_>>();
        let allowed = match sql {
            // One row, the first of the primary key.
            Sql::DelayedNext => scans.len() <= 1,
            _ => scans.is_empty(),
        };
        assert!(allowed, "{sql:?} scans:\n{plan}");
    }
}

#[test]
fn a_job_that_came_back_is_found_through_the_partial_index() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();

    assert!(plan(&connection, Sql::JobGet).contains("windlass_ready_moved"));
}
