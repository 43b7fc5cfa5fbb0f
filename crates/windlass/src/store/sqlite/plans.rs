//! Query plans of the hot statements: an index for each, no sort, no scan.

use rusqlite::{Connection, StatementStatus};

use super::connection::{Texts, with_fixed_plans};
use super::migrate::migrate;
use crate::Timestamp;
use crate::store::ListQuery;
use crate::store::statements::Sql;
use crate::store::verb::{Names, statements};

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
        Sql::LeaseSlots,
        Sql::ThrottledFirst,
        Sql::PromoteTake,
        Sql::DelayedNext,
        Sql::ExpiryTake,
        Sql::IdempotencyGet,
        Sql::QueueKindSince,
        Sql::JobGet,
        Sql::ScheduleDue,
        Sql::ScheduleNext,
        Sql::TickEdge,
        Sql::SessionGet,
        Sql::SessionOfKey,
        Sql::SessionEdge,
        Sql::SessionTrim,
        Sql::SessionEndOfKey,
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
fn no_statement_is_prepared_anew_for_other_values() {
    let connection = Connection::open_in_memory().and_then(with_fixed_plans).unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();
    let texts = Texts::new();

    let is_whole = |text: &str| !text.contains("{filter}") && !text.contains("event_new");
    for sql in Sql::ALL.iter().filter(|sql| sql.for_sqlite().is_some_and(is_whole)) {
        let mut statement = connection.prepare(texts.of(*sql)).unwrap();
        for value in 1..=3 {
            let values = vec![value; statement.parameter_count()];
            let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
            // Not every statement takes a number everywhere.
            while let Ok(Some(_)) = rows.next() {}
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql:?}");
    }
}

#[test]
fn the_runs_of_a_type_are_found_by_their_keys() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();

    let plan = plan(&connection, Sql::KindRuns);

    assert!(plan.contains("USING COVERING INDEX windlass_job_kind (kind_id=?)"), "{plan}");
    assert!(plan.contains("SEARCH o USING INTEGER PRIMARY KEY"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    // What is walked is the rows that were found.
    let walks = plan.lines().filter(|line| line.starts_with("SCAN"));
    assert_eq!(walks.collect::<Vec<_>>(), ["SCAN j"], "{plan}");
}

#[test]
fn a_job_that_came_back_is_found_through_the_partial_index() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();

    assert!(plan(&connection, Sql::JobGet).contains("windlass_ready_moved"));
}

/// The plans of a list: queues 1 and 2, types 3 and 4.
fn list_plans(connection: &Connection, query: &ListQuery) -> Vec<String> {
    let ids = |names: &[String], first| {
        let all = (0..names.len()).map(|n| first + i64::try_from(n).unwrap()).collect();
        (!names.is_empty()).then_some(all)
    };
    let names = Names { queues: ids(&query.queues, 1), kinds: ids(&query.kinds, 3) };
    let query = ListQuery { limit: 101, cursor: "812".parse().ok(), ..query.clone() };
    let all = statements(&query, &names).into_iter().map(|(sql, mut filter)| {
        query.restrict(&mut filter);
        let text = super::connection::numbered(&filter.insert_into(Texts::new().of(sql)));
        assert!(!text.contains("count(") && !text.contains("offset"), "{text}");
        let mut statement = connection.prepare(&format!("explain query plan {text}")).unwrap();
        let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
        let lines = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3));
        lines.unwrap().collect::<Result<Vec<String>, _>>().unwrap().join("\n")
    });
    all.collect()
}

#[test]
fn pages_by_state_queue_type_and_id_walk_an_index_in_its_order() {
    use crate::State::{Cancelled, Completed, DeadLetter, Delayed, Failed, Retrying, Running};
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let states =
        |states: &[crate::State]| ListQuery { states: states.to_vec(), ..ListQuery::default() };

    let queries = [
        ListQuery::default(),
        ListQuery { queues: names(&["a"]), ..ListQuery::default() },
        ListQuery { queues: names(&["a", "b"]), ..ListQuery::default() },
        ListQuery { kinds: names(&["a", "b"]), ..ListQuery::default() },
        states(&[Completed, Failed, DeadLetter, Cancelled]),
        states(&[Running, Delayed, Retrying]),
    ];
    for query in queries
        .into_iter()
        .flat_map(|query| [true, false].map(|ascending| ListQuery { ascending, ..query.clone() }))
    {
        assert!(query.is_indexed(), "{query:?}");
        for plan in list_plans(&connection, &query) {
            assert!(!plan.contains("TEMP B-TREE"), "{query:?} sorts:\n{plan}");
            assert!(!plan.contains("SCAN"), "{query:?} scans:\n{plan}");
        }
    }
    let retrying = list_plans(&connection, &states(&[Retrying]));
    let by_reason = "SEARCH d USING COVERING INDEX windlass_delayed_reason (reason=?";
    assert!(retrying.iter().all(|plan| plan.contains(by_reason)), "{retrying:?}");
    assert_eq!(retrying.len(), 2);
}

#[test]
fn pages_of_pending_jobs_probe_each_lane_and_never_walk_the_room() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();
    let pending = ListQuery { states: vec![crate::State::Pending], ..ListQuery::default() };

    for query in [
        pending.clone(),
        ListQuery { ascending: true, ..pending.clone() },
        ListQuery { queues: vec!["a".to_owned()], ..pending.clone() },
        ListQuery { kinds: vec!["a".to_owned(), "b".to_owned()], ..pending },
    ] {
        let plan = list_plans(&connection, &query).remove(0);

        assert!(!plan.contains("TEMP B-TREE"), "{query:?} sorts:\n{plan}");
        let walks = plan.lines().filter(|line| line.starts_with("SCAN")).collect::<Vec<_>>();
        // Pairs and priorities are few; what came back is walked in its order.
        let is_fine = |line: &&str| {
            ["SCAN p", "SCAN c", "SCAN m", "SCAN CONSTANT ROW"].contains(line)
                || line.contains("_ready_moved")
        };
        assert!(walks.iter().all(is_fine), "{query:?} walks:\n{plan}");
        assert!(
            plan.contains("SEARCH r USING PRIMARY KEY (queue_id=? AND kind_id=? AND priority=?")
        );
    }
}

#[test]
fn the_room_of_a_state_is_walked_and_not_the_jobs_of_a_queue() {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Timestamp::from_micros(0), true).unwrap();

    for state in crate::State::ALL {
        let query =
            ListQuery { states: vec![state], queues: vec!["a".to_owned()], ..ListQuery::default() };
        for plan in list_plans(&connection, &query) {
            assert!(!plan.contains("TEMP B-TREE"), "{state} sorts:\n{plan}");
            assert!(!plan.starts_with("SEARCH j"), "{state} begins with the jobs:\n{plan}");
        }
    }
}

#[test]
fn what_no_index_answers_is_never_left_to_a_statement() {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let at = Some(Timestamp::from_micros(1_800_000_000_000_000));
    let base = ListQuery::default;

    for query in [
        ListQuery { correlation_ids: texts(&["c"]), ..base() },
        ListQuery { priorities: vec![crate::Priority::LOW], ..base() },
        ListQuery { created_before: at, ..base() },
        ListQuery { updated_after: at, ..base() },
        ListQuery { text: Some("x".to_owned()), ..base() },
        ListQuery { queues: texts(&["q"]), kinds: texts(&["k"]), ..base() },
        ListQuery { queues: texts(&["q"]), states: vec![crate::State::Completed], ..base() },
    ] {
        assert!(!query.is_indexed(), "{query:?}");
        assert!(query.candidates().is_indexed(), "{query:?}");
    }
}

#[test]
fn no_statement_of_a_page_counts_or_skips_rows() {
    // The history of a schedule is cut at a fixed number of ticks.
    for sql in Sql::ALL.iter().filter(|sql| **sql != Sql::TickEdge) {
        assert!(!sql.for_sqlite().unwrap_or_default().contains(" offset "), "{sql:?}");
    }
    for sql in [Sql::TallyRead, Sql::JobGet, Sql::JobLook, Sql::OperationList, Sql::QueueList] {
        assert!(!sql.for_sqlite().unwrap().contains("count("), "{sql:?}");
    }
}
