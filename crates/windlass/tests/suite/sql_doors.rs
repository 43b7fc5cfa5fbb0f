//! Jobs stored with plain SQL, through each database's own client: the function or procedure, and the
//! inbox. Every statement here is one that docs/sql.md shows.

use std::time::Duration;

use windlass::{
    Backoff, Ctx, JobId, JobRecord, Limit, NewJob, QueueSettings, Reason, State, Unique,
};
use windlass_testkit::Harness;

use crate::clients::{mariadb, printed, psql};

#[derive(serde::Serialize, serde::Deserialize, windlass::Job)]
#[job(output = String)]
struct Welcome {
    to: String,
}

/// SQLite's own shell is not everywhere, so its statements run through its library.
fn sqlite(t: &Harness, statements: &str) {
    let path = t.app_url().trim_start_matches("sqlite:");
    let connection = rusqlite::Connection::open(path).expect("the file");
    connection.execute_batch(statements).expect("the statements");
}

async fn runs(t: &Harness, what: &str) -> JobRecord {
    let worker = t
        .queue
        .worker()
        .handle(async |job: Welcome, _: Ctx<()>| windlass::Ok(format!("welcomed {}", job.to)));
    let worker = worker.start().await.expect("a worker");
    let job = t
        .until(what, async || {
            let filter = windlass::JobFilter::new().state(State::Completed);
            t.queue.list(filter).await.expect("a list").jobs.into_iter().next()
        })
        .await;
    worker.stop().await;
    job
}

#[tokio::test]
async fn psql_enqueues_in_a_transaction() {
    let Some(t) = Harness::postgres().await else { return };
    let enqueue =
        r#"select windlass.enqueue('default', 'welcome', '{"to":"ada"}', '{"priority":1}');"#;

    printed(&psql(t.url(), &format!("begin; {enqueue} rollback;")));
    assert_eq!(t.queue.stats().await.expect("stats").jobs(State::Pending), 0);
    let id = printed(&psql(t.url(), &format!("begin; {enqueue} commit;")));

    let job = runs(&t, "the job of the function ran").await;
    assert_eq!(job.id.to_string(), id);
    assert_eq!(job.priority.get(), 1);
    t.check().await;
}

/// A queue that says something for jobs that say nothing.
async fn with_settings(t: &Harness) {
    let settings = QueueSettings {
        ttl: Some(Duration::from_secs(60)),
        retries: Some(1),
        backoff: Some(Backoff::constant(Duration::from_secs(7))),
        ..QueueSettings::default()
    };
    t.queue.create_queue("mail", settings).await.expect("created");
}

async fn has_settings(t: &Harness, id: &str, max_attempts: u32) {
    let job = t.get(id.parse().expect("an id")).await;
    assert_eq!(job.max_attempts, max_attempts);
    assert_eq!(job.backoff, Backoff::constant(Duration::from_secs(7)));
    assert_eq!(job.start_by, Some(job.created_at + Duration::from_secs(60)));
    t.check().await;
}

#[tokio::test]
async fn the_function_goes_by_the_settings_of_the_queue() {
    let Some(t) = Harness::postgres().await else { return };
    with_settings(&t).await;

    let usual = printed(&psql(t.url(), "select windlass.enqueue('mail', 'welcome');"));
    let own = r#"select windlass.enqueue('mail', 'welcome', 'null', '{"max_attempts":5}');"#;
    let own = printed(&psql(t.url(), own));

    has_settings(&t, &usual, 2).await;
    has_settings(&t, &own, 5).await;
}

#[tokio::test]
async fn the_procedure_goes_by_the_settings_of_the_queue() {
    let Some(t) = Harness::mysql().await else { return };
    with_settings(&t).await;
    let call = |options: &str| {
        let call = format!("call windlass_enqueue('mail', 'welcome', 'null', {options}, @id);");
        printed(&mariadb(t.url(), &format!("{call} select @id;")))
    };

    let usual = call("null");
    let own = call(r#"'{"max_attempts":5}'"#);

    has_settings(&t, &usual, 2).await;
    has_settings(&t, &own, 5).await;
}

#[tokio::test]
async fn a_full_queue_takes_what_the_inbox_has_accepted() {
    let t = Harness::sqlite_file().await;
    let settings = QueueSettings { max_depth: Some(1), ..QueueSettings::default() };
    t.queue.create_queue("default", settings).await.expect("created");

    sqlite(&t, "insert into windlass_inbox (kind) values ('a'), ('b'), ('c')");
    let worker =
        t.queue.worker().handle(async |_: Welcome, _: Ctx<()>| windlass::Ok(String::new()));
    let worker = worker.start().await.expect("a worker");

    let stored = async || {
        let pending = t.queue.stats().await.expect("stats").jobs(State::Pending);
        (pending == 3).then_some(())
    };
    t.until("every row of the inbox is a job", stored).await;
    worker.stop().await;
    t.check().await;
}

#[tokio::test]
async fn the_function_knows_duplicates_delays_and_bad_options() {
    let Some(t) = Harness::postgres().await else { return };
    let keyed = r#"select windlass.enqueue('mail', 'welcome', '{"to":"ada"}', '{"idempotency_key":"ada"}');"#;

    let ids = printed(&psql(t.url(), &format!("{keyed} {keyed}")));
    let other = psql(t.url(), &keyed.replace("to", "cc"));
    let delayed = r#"select windlass.enqueue('mail', 'welcome', 'null', '{"delay_ms":60000}');"#;
    let delayed = printed(&psql(t.url(), delayed));
    let bad =
        psql(t.url(), r#"select windlass.enqueue('mail', 'welcome', 'null', '{"priority":12}');"#);
    let odd =
        psql(t.url(), r#"select windlass.enqueue('mail', 'welcome', 'null', '{"colour":1}');"#);

    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids[0], ids[1]);
    for (output, message) in [
        (other, "has another type or payload"),
        (bad, "priority: is 12 (0 to 9 allowed)"),
        (odd, "colour: is no option of a job in SQL"),
    ] {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{errors}");
    }
    let delayed = t.get(delayed.parse().expect("an id")).await;
    assert_eq!(delayed.state, State::Delayed);
    t.check().await;
}

#[tokio::test]
async fn a_mysql_client_enqueues_in_a_transaction() {
    let Some(t) = Harness::mysql().await else { return };
    let call =
        r#"call windlass_enqueue('default', 'welcome', '{"to":"ada"}', '{"priority":1}', @id);"#;

    printed(&mariadb(t.url(), &format!("begin; {call} rollback;")));
    assert_eq!(t.queue.stats().await.expect("stats").jobs(State::Pending), 0);
    let id = printed(&mariadb(t.url(), &format!("begin; {call} select @id; commit;")));

    let job = runs(&t, "the job of the procedure ran").await;
    assert_eq!(job.id.to_string(), id);
    assert_eq!(job.priority.get(), 1);
    t.check().await;
}

#[tokio::test]
async fn the_procedure_knows_duplicates_delays_and_bad_options() {
    let Some(t) = Harness::mysql().await else { return };
    let keyed = r#"call windlass_enqueue('mail', 'welcome', '{"to":"ada"}', '{"idempotency_key":"ada"}', @id); select @id;"#;

    let ids = printed(&mariadb(t.url(), &format!("{keyed} {keyed}")));
    let other = mariadb(t.url(), &keyed.replace("to", "cc"));
    let delayed = "call windlass_enqueue('mail', 'welcome', 'null', '{\"delay_ms\":60000}', @id); select @id;";
    let delayed = printed(&mariadb(t.url(), delayed));
    let bad = mariadb(
        t.url(),
        "call windlass_enqueue('mail', 'welcome', 'null', '{\"priority\":12}', @id);",
    );
    let odd = mariadb(
        t.url(),
        "call windlass_enqueue('mail', 'welcome', 'null', '{\"colour\":1}', @id);",
    );

    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids[0], ids[1]);
    for (output, message) in [
        (other, "belongs to a job of another type or payload"),
        (bad, "priority: 0 to 9 allowed"),
        (odd, "colour: is no option of a job in SQL"),
    ] {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{errors}");
    }
    let delayed = t.get(delayed.parse().expect("an id")).await;
    assert_eq!(delayed.state, State::Delayed);
    t.check().await;
}

/// Plain inserts, the same on every database but for the tables' prefix.
const INSERTS: &str = r#"
    begin;
    insert into windlass_inbox (kind, payload) values ('welcome', '{"to":"gone"}');
    rollback;
    begin;
    insert into windlass_inbox (kind, payload, options) values ('welcome', '{"to":"ada"}', '{"priority":0,"tags":{"from":"sql"}}');
    insert into windlass_inbox (kind, payload) values ('not a name', 'null');
    insert into windlass_inbox (kind, payload) values ('welcome', '{"to":');
    insert into windlass_inbox (namespace, kind) values ('nowhere', 'welcome');
    commit;
"#;

async fn inbox_is_relayed(t: &Harness) {
    let job = runs(t, "the job of the inbox ran").await;

    assert_eq!(job.result.as_deref(), Some(&br#""welcomed ada""#[..]));
    assert_eq!(job.tags["from"], "sql");
    let left = t.queue.stats().await.expect("stats");
    assert_eq!(left.jobs(State::Pending) + left.jobs(State::Completed), 1);
    t.check().await;
}

#[tokio::test]
async fn rows_of_the_inbox_become_jobs_on_postgres() {
    let Some(t) = Harness::postgres().await else { return };
    printed(&psql(t.url(), &INSERTS.replace("windlass_", "windlass.")));
    inbox_is_relayed(&t).await;

    let refused = "select refused from windlass.inbox order by id;";
    let refused = t
        .until("three rows are refused", async || {
            let refused = printed(&psql(t.url(), refused));
            (refused.lines().filter(|line| !line.is_empty()).count() == 3).then_some(refused)
        })
        .await;
    for message in ["may only contain letters", "payload: EOF", "namespace `nowhere` not found"] {
        assert!(refused.contains(message), "{refused}");
    }
}

#[tokio::test]
async fn rows_of_the_inbox_become_jobs_on_mysql() {
    let Some(t) = Harness::mysql().await else { return };
    printed(&mariadb(t.url(), INSERTS));
    inbox_is_relayed(&t).await;
}

#[tokio::test]
async fn rows_of_the_inbox_become_jobs_on_sqlite() {
    let t = Harness::sqlite_file().await;
    sqlite(&t, INSERTS);
    inbox_is_relayed(&t).await;
}

/// What a call with these options says.
type Call<'a> = &'a dyn Fn(&str) -> std::process::Output;

fn id_of(call: Call<'_>, options: &str) -> JobId {
    printed(&call(options)).parse().expect("an id")
}

/// Unique and concurrency keys are the same ones that the library knows.
async fn keys_hold(t: &Harness, call: Call<'_>) {
    t.queue.set_limit("host", Limit::concurrency(1), None).await.expect("a limit");
    let unique = r#"{"unique_key":"ada","idempotency_key":"1"}"#;

    let first = id_of(call, unique);
    let again = [id_of(call, unique), id_of(call, r#"{"unique_key":"ada","idempotency_key":"2"}"#)];
    let own = NewJob::new("welcome", "null").unique(Unique::key("ada"));
    let by_library = t.queue.enqueue_new(own).await.expect("the same job");
    let other = id_of(call, r#"{"unique_key":"bob"}"#);
    let limited = id_of(call, r#"{"concurrency_key":"host:a"}"#);
    let later = id_of(call, r#"{"concurrency_key":"host:a","delay_ms":60000}"#);

    assert_eq!(again, [first, first]);
    assert_eq!((by_library.id(), by_library.is_new()), (first, false));
    assert_ne!(other, first);
    let waits = t.get(limited).await;
    assert_eq!(waits.concurrency_key(), Some("host:a"));
    assert_eq!((waits.state, waits.reason), (State::Pending, Some(Reason::Throttled)));
    // By the clock of the server, which is not the one of the test.
    let later = t.get(later).await;
    assert_eq!((later.state, later.concurrency_key()), (State::Delayed, Some("host:a")));
    t.check().await;
    let worker = t.queue.worker().handle_raw("welcome", async |_, _| windlass::Ok(Vec::new()));
    let worker = worker.start().await.expect("a worker");
    t.until_after("all have completed", Duration::from_secs(1), async || {
        let jobs = t.queue.get_many(vec![first, other, limited]).await.expect("jobs");
        jobs.iter().all(|job| job.state == State::Completed).then_some(())
    })
    .await;
    worker.stop().await;
    assert_ne!(id_of(call, r#"{"unique_key":"ada"}"#), first, "the key is free again");
    for (bad, message) in [
        (r#"{"concurrency_key":"a b"}"#, "printable ASCII"),
        (r#"{"unique_key":""}"#, "unique_key: 1 to 256 bytes"),
    ] {
        let output = call(bad);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(message), "{errors}");
    }
    t.check().await;
}

#[tokio::test]
async fn the_function_knows_keys() {
    let Some(t) = Harness::postgres().await else { return };
    keys_hold(&t, &|options| {
        let call = format!("select windlass.enqueue('default', 'welcome', 'null', '{options}');");
        psql(t.url(), &call)
    })
    .await;
}

#[tokio::test]
async fn the_procedure_knows_keys() {
    let Some(t) = Harness::mysql().await else { return };
    keys_hold(&t, &|options| {
        let call =
            format!("call windlass_enqueue('default', 'welcome', 'null', '{options}', @id);");
        mariadb(t.url(), &format!("{call} select @id;"))
    })
    .await;
}

#[tokio::test]
async fn the_inbox_knows_keys() {
    let t = Harness::sqlite_file().await;
    let row = |options: &str| {
        format!("insert into windlass_inbox (kind, options) values ('welcome', '{options}');")
    };
    let unique = r#"{"unique":{"key":"ada"}}"#;
    sqlite(&t, &[row(unique), row(unique), row(r#"{"concurrency_key":"host:a"}"#)].concat());

    let worker = t.queue.worker().handle_raw("welcome", async |_, _| windlass::Ok(Vec::new()));
    let worker = worker.start().await.expect("a worker");
    let jobs = t
        .until("two jobs have completed", async || {
            let filter = windlass::JobFilter::new().state(State::Completed).oldest_first();
            let page = t.queue.list(filter).await.expect("a list");
            (page.jobs.len() == 2).then_some(page.jobs)
        })
        .await;
    worker.stop().await;

    assert_eq!(jobs[1].concurrency_key(), Some("host:a"));
    t.check().await;
}
