//! The reference model against the store: random verbs, compared after each step.
//!
//! The model (`reference.rs`, `waiting.rs`, `ticking.rs`) knows nothing of rooms, batches or SQL. What it says of a job has to
//! be what the store says, and the invariants have to hold at the end of every sequence.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod reference;
mod scheduling;
mod steps;
mod ticking;
mod waiting;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use self::reference::Reference;
use self::steps::{Player, Step, step};
use crate::Timestamp;
use crate::runtime::Clock;
use crate::store::{self, Store};

const START: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

async fn play(url: &str, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let clock = Clock::manual(START);
    let store = store::open(url, clock.clone(), true).await.unwrap();
    let mut reference = Reference::new(START);
    let mut player = Player::new(Arc::clone(&store), clock);
    player.configure().await;
    // Without workers most steps would have nothing to do.
    let steps: Vec<Step> = [Step::Register, Step::Register].into_iter().chain(steps).collect();
    for (n, step) in steps.iter().enumerate() {
        player.play(&mut reference, step).await;
        compare(&*store, &reference, n, step).await?;
    }
    let found = store.verify().await.unwrap();
    prop_assert!(found.is_empty(), "broken invariants: {found:#?}");
    store.close().await;
    Ok(())
}

/// Every job of the model looks the same in the store.
async fn compare(
    store: &dyn Store,
    reference: &Reference,
    n: usize,
    step: &Step,
) -> Result<(), TestCaseError> {
    let namespace: Arc<str> = "default".into();
    for (id, expected) in reference.jobs() {
        let job = store.get(&namespace, vec![*id]).await.unwrap().remove(0);
        let reason = job.reason.filter(|reason| *reason != crate::Reason::NoWorker);
        let reason =
            reason.or_else(|| (job.state == crate::State::Pending).then_some(crate::Reason::Ready));
        let got = (job.state, reason, job.attempt, job.crashes, job.snoozes, job.scheduled_at);
        let wanted = (
            expected.state,
            expected.reason,
            expected.attempt,
            expected.crashes,
            expected.snoozes,
            expected.scheduled_at(),
        );
        let got = (got.0, got.1, got.2, got.3, got.4, expected.compare_time(got.5));
        prop_assert_eq!(got, wanted, "job {} after step {} {:?}", id, n, step);
    }
    for id in reference.deleted() {
        prop_assert!(
            store.get(&namespace, vec![*id]).await.unwrap().is_empty(),
            "deleted job {} exists",
            id
        );
    }
    Ok(())
}

fn run(url: impl Fn() -> (String, Option<tempfile::TempDir>), cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let sequences = prop::collection::vec(step(), 20..90);
    proptest::test_runner::TestRunner::new(config)
        .run(&sequences, |steps| {
            let (url, _folder) = url();
            runtime.block_on(play(&url, steps))
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn sqlite_memory_agrees_with_the_model() {
    run(|| ("memory:".to_owned(), None), 150);
}

#[test]
fn sqlite_file_agrees_with_the_model() {
    run(
        || {
            let folder = tempfile::TempDir::new().unwrap();
            (format!("sqlite:{}", folder.path().join("model.db").display()), Some(folder))
        },
        40,
    );
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_agrees_with_the_model() {
    on_a_server(windlass_testkit::Backend::Postgres);
}

#[cfg(feature = "mysql")]
#[test]
fn mysql_agrees_with_the_model() {
    on_a_server(windlass_testkit::Backend::Mysql);
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn on_a_server(backend: windlass_testkit::Backend) {
    if backend.fresh_url().is_some() {
        run(|| (backend.fresh_url().unwrap_or_default(), None), 12);
    }
}
