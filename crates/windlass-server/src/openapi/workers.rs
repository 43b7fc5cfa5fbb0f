//! What workers in other languages send and are answered, and what is said of workers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass::{CLAIM_JOBS_MAX, FOLLOW_UPS_MAX, REPORTS_MAX, SERVED_NAMES_MAX, SLOTS_MAX, State};

use super::operation::{Operation, answers, answers_nothing};
use super::replies::page_of;
use super::schema::{
    Member, any_of, anything, bytes, count, count_in, defaults, flag, given, id, instant, list_of,
    map_of, maybe, name, needed, number_in, object, or_null, said, span, text, text_of, the, when,
    words,
};

/// Characters of a lease token.
const TOKEN_CHARS_MAX: usize = 64;

/// What a worker may be asked to do.
const ASKED: [&str; 3] = ["run", "quiet", "terminate"];

pub(super) fn operation(method: &str, path: &str) -> Option<Operation> {
    let asked = || answers(200, "Worker").may_take("Nothing").of_one().repeatable();
    let ended = |body| answers(200, "Settled").takes(body).of_one().repeatable();
    Some(match (method, path) {
        ("GET", "/workers") => answers(200, "WorkerPage").paged().of_one(),
        ("POST", "/workers") => {
            answers(201, "Registered").may_take("NewWorker").of_one().repeatable().may([429])
        }
        ("GET", "/workers/{id}") => answers(200, "Worker").of_one(),
        ("DELETE", "/workers/{id}") => answers_nothing().of_one().may([409]),
        ("POST", "/workers/{id}/claim") => {
            answers(200, "Claimed").may_take("Claim").of_one().repeatable()
        }
        ("POST", "/workers/{id}/heartbeat") => {
            answers(200, "Heard").may_take("Heartbeat").of_one().repeatable()
        }
        ("POST", "/workers/{id}/settle") => {
            answers(200, "SettleReply").takes("Settle").of_one().repeatable()
        }
        ("POST", "/workers/{id}/quiet" | "/workers/{id}/terminate") => asked(),
        ("POST", "/jobs/claim") => {
            answers(200, "Claimed").may_take("PassingClaim").of_one().repeatable().may([429])
        }
        ("POST", "/jobs/{id}/complete") => ended("Completion"),
        ("POST", "/jobs/{id}/fail") => ended("Failure"),
        ("POST", "/jobs/{id}/snooze") => ended("Snooze"),
        ("POST", "/jobs/{id}/release") => ended("Release"),
        ("POST", "/jobs/{id}/extend") => {
            answers(200, "Extended").takes("Extension").of_one().repeatable()
        }
        ("PUT", "/jobs/{id}/checkpoint") => {
            answers_nothing().takes("NewCheckpoint").of_one().may([409])
        }
        ("POST", "/jobs/{id}/logs") => answers_nothing().takes("NewLines").of_one().repeatable(),
        _ => return None,
    })
}

pub(super) fn schemas() -> BTreeMap<&'static str, Value> {
    let mut all = requests();
    all.extend(replies());
    all
}

fn requests() -> BTreeMap<&'static str, Value> {
    let one = |members: Vec<Member>| object([needed("token", token())].into_iter().chain(members));
    BTreeMap::from([
        ("NewWorker", new_worker()),
        ("Claim", object(claim())),
        ("PassingClaim", passing_claim()),
        ("Heartbeat", heartbeat()),
        ("Settle", settle()),
        ("Completion", one(completion())),
        ("Failure", one(failure())),
        ("Snooze", one(vec![needed("delay", span())])),
        ("Release", one(Vec::new())),
        ("Extension", one(vec![given("lease", span())])),
        ("NewCheckpoint", one(vec![maybe("data", anything()), given("data_base64", bytes())])),
        ("NewLines", one(vec![needed("data", lines())])),
    ])
}

fn replies() -> BTreeMap<&'static str, Value> {
    let registered = object([
        needed("worker_id", id()),
        needed("heartbeat_ms", said(count(), "Milliseconds between two heartbeats.")),
        needed("lease_ms", said(count(), "Silence after which its jobs go to others.")),
    ]);
    let claimed = object([
        needed("jobs", list_of(the("LeasedJob"))),
        needed("state", words(ASKED)),
        needed("cancel", list_of(id())),
    ]);
    let heard = object([
        needed("cancel", said(list_of(id()), "Jobs that somebody asked to stop.")),
        needed("lost", said(list_of(id()), "Jobs whose outcome nobody takes any more.")),
        needed("state", words(ASKED)),
    ]);
    let extended = object([
        needed("id", id()),
        needed("lease", the("Lease")),
        needed("cancel", said(flag(), "Somebody asked the job to stop.")),
    ]);
    BTreeMap::from([
        ("Registered", registered),
        ("Claimed", claimed),
        ("LeasedJob", leased_job()),
        ("Lease", lease()),
        ("Heard", heard),
        ("Settled", settled()),
        ("SettleReply", object([needed("items", list_of(the("Settled")))])),
        ("Extended", extended),
        ("Worker", worker()),
        ("WorkerPage", object(page_of("workers", the("Worker")))),
    ])
}

fn token() -> Value {
    text_of(1, TOKEN_CHARS_MAX)
}

fn names() -> Value {
    let mut list = list_of(name());
    list["maxItems"] = json!(SERVED_NAMES_MAX);
    list
}

fn lease_of_worker() -> Value {
    defaults(said(span(), "1 s to 24 h."), "30s")
}

fn new_worker() -> Value {
    object([
        given("name", defaults(text(), "worker")),
        given("queues", said(names(), "Empty means all.")),
        given("types", said(names(), "Empty means all.")),
        given("concurrency", defaults(count_in(1, SLOTS_MAX), 10)),
        given("labels", map_of(text())),
        given("version", text()),
        given("lease", lease_of_worker()),
    ])
}

fn claim() -> Vec<Member> {
    let most = u32::try_from(CLAIM_JOBS_MAX).unwrap_or(u32::MAX);
    vec![
        given("queues", names()),
        given("types", names()),
        given("limit", defaults(count_in(1, most), 1)),
        given("wait", said(span(), "How long to wait for the first job, at most 60 s.")),
    ]
}

fn passing_claim() -> Value {
    let own = [given("worker", defaults(text(), "worker")), given("lease", lease_of_worker())];
    object(own.into_iter().chain(claim()))
}

fn heartbeat() -> Value {
    let held = object([
        needed("id", id()),
        needed("token", token()),
        given("percent", number_in(0.0, 100.0)),
        given("message", said(text(), "Shown with a percent.")),
    ]);
    object([given("progress", said(list_of(held), "Every job that is held."))])
}

fn settle() -> Value {
    // Which members an item may have depends on its outcome; one that breaks a rule is refused alone.
    let item = [
        needed("id", id()),
        needed("token", token()),
        needed("outcome", words(["complete", "fail", "snooze", "release", "cancel"])),
        given("delay", said(span(), "Of snooze.")),
    ];
    let mut items = list_of(object(item.into_iter().chain(completion()).chain(failure())));
    items["maxItems"] = json!(REPORTS_MAX);
    object([needed("items", items)])
}

fn completion() -> Vec<Member> {
    let mut jobs = list_of(the("NewJob"));
    jobs["maxItems"] = json!(FOLLOW_UPS_MAX);
    vec![
        maybe("result", anything()),
        given("result_base64", said(bytes(), "The result, where it is not JSON.")),
        given("enqueue", said(jobs, "Jobs stored in the same transaction.")),
    ]
}

fn failure() -> Vec<Member> {
    let error =
        object([given("class", text()), given("message", text()), given("backtrace", text())]);
    vec![
        given("error", error),
        given("permanent", said(flag(), "No further attempt.")),
        given("retry_after", span()),
    ]
}

fn lines() -> Value {
    let line = object([
        needed("text", text()),
        given("level", words(["debug", "info", "warn", "error"])),
        given("at", when()),
    ]);
    any_of([text(), list_of(any_of([text(), line]))])
}

fn leased_job() -> Value {
    object([
        needed("id", id()),
        needed("type", text()),
        needed("namespace", text()),
        needed("queue", text()),
        needed("state", words([State::Running.as_str()])),
        needed("priority", count_in(0, 9)),
        needed("attempt", count()),
        needed("max_attempts", count()),
        needed("crashes", count()),
        needed("snoozes", count()),
        needed("timeout_ms", count()),
        maybe("deadline", instant()),
        needed("created_at", instant()),
        maybe("payload", anything()),
        maybe("payload_base64", bytes()),
        needed("checkpoint", said(anything(), "Null when there is none.")),
        maybe("checkpoint_base64", bytes()),
        needed("tags", map_of(text())),
        needed("metadata", map_of(text())),
        maybe("correlation_id", text()),
        maybe("schedule", object([needed("name", text()), needed("tick", instant())])),
        maybe("workflow_id", id()),
        maybe("node", text()),
        maybe("batch_id", id()),
        maybe("callback_of", id()),
        needed("lease", the("Lease")),
    ])
}

fn lease() -> Value {
    object([
        needed("token", token()),
        needed("epoch", count()),
        needed("expires_at", instant()),
        needed("expires_in_ms", said(count(), "Clocks differ: time by this.")),
    ])
}

fn settled() -> Value {
    let error = object([needed("code", text()), needed("message", text())]);
    object([
        maybe("id", id()),
        needed("status", words(["applied", "already_applied", "lease_lost", "invalid"])),
        maybe("state", super::replies::state()),
        maybe("error", error),
    ])
}

fn worker() -> Value {
    object([
        needed("id", id()),
        needed("name", text()),
        needed("namespace", said(or_null(text()), "Null means all.")),
        needed("queues", list_of(text())),
        needed("types", list_of(text())),
        needed("concurrency", count()),
        needed("leases", said(count(), "Jobs that it holds.")),
        needed("labels", map_of(text())),
        maybe("version", text()),
        needed("remote", said(flag(), "It speaks HTTP.")),
        needed("state", words(ASKED)),
        needed("alive", flag()),
        needed("lease_ms", count()),
        needed("started_at", instant()),
        needed("expires_at", instant()),
    ])
}
