//! What answers look like.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass::{CallbackOn, Reason, State};

use super::schema::{
    always, any_of, anything, bytes, count, count_in, defaults, flag, id, instant, list_of, map_of,
    maybe, name, needed, number, number_in, object, or_null, said, span_text, text, the, words,
};

/// Every schema of an answer, by its name.
pub(super) fn schemas() -> BTreeMap<&'static str, Value> {
    let mut all = BTreeMap::from([
        ("Problem", problem()),
        ("Job", job()),
        ("StoredJob", any_of([the("Job"), object([needed("id", id())])])),
        ("Backoff", backoff()),
        ("Unique", unique()),
        ("Dependency", object(dependency())),
        ("JobPage", job_page()),
        ("BatchReply", batch_reply()),
        ("Attempts", object([needed("attempts", list_of(attempt()))])),
        ("Explanation", explanation()),
        ("Dependencies", dependencies()),
        ("Checkpoint", checkpoint()),
        ("Logs", object([needed("lines", list_of(log_line()))])),
        ("SignalReply", signal()),
        ("WaitReply", wait()),
        ("Result", result()),
    ]);
    all.extend(bundles());
    all.extend(operations());
    all
}

/// The words of the states.
pub(super) fn state() -> Value {
    words(State::ALL.map(State::as_str))
}

/// The words of the reasons.
pub(super) fn reason() -> Value {
    words(Reason::ALL.map(Reason::as_str))
}

fn problem() -> Value {
    let rule = object([
        needed("pointer", said(text(), "JSON pointer to the member, empty for the whole.")),
        needed("code", text()),
        needed("detail", text()),
    ]);
    let error = object([needed("code", text()), needed("message", text())]);
    let code = words([
        "invalid_request",
        "validation_error",
        "unauthorized",
        "forbidden",
        "not_found",
        "method_not_allowed",
        "conflict",
        "conflict_moved",
        "lease_lost",
        "idempotency_mismatch",
        "precondition_failed",
        "payload_too_large",
        "unsupported_media_type",
        "uri_too_long",
        "headers_too_large",
        "rate_limited",
        "queue_full",
        "internal_error",
        "unavailable",
    ]);
    object([
        needed("type", text()),
        needed("title", text()),
        needed("status", count_in(400, 599)),
        needed("detail", text()),
        needed("code", code),
        needed("request_id", text()),
        maybe("errors", list_of(rule)),
        needed("error", said(error, "Code and detail again, where some clients look for them.")),
    ])
}

fn job() -> Value {
    let strings = || map_of(text());
    let tick = object([needed("name", name()), needed("tick", instant())]);
    let mut schema = object([
        needed("id", id()),
        needed("type", name()),
        needed("state", state()),
        maybe("reason", reason()),
        needed("namespace", name()),
        needed("queue", name()),
        needed("priority", said(count_in(0, 9), "0 is the most urgent.")),
        maybe("payload", said(anything(), "Byte for byte as it was sent.")),
        maybe("payload_base64", said(bytes(), "The payload, where it is not JSON.")),
        needed("attempt", count()),
        needed("max_attempts", count()),
        needed("crashes", count()),
        needed("max_crashes", count()),
        needed("snoozes", said(count(), "Times it was put off without burning an attempt.")),
        needed("progress", number_in(0.0, 100.0)),
        maybe("progress_message", text()),
        needed("tags", strings()),
        maybe("metadata", strings()),
        maybe("correlation_id", text()),
        maybe("idempotency_key", text()),
        maybe("concurrency_key", text()),
        maybe("rate_key", text()),
        maybe("fairness_key", text()),
        maybe("depends_on", list_of(the("Dependency"))),
        maybe("blocked_by", list_of(id())),
        maybe("unique", the("Unique")),
        needed("timeout_ms", count()),
        maybe("start_by", instant()),
        maybe("deadline", instant()),
        needed("backoff", the("Backoff")),
        maybe("schedule", tick),
        maybe("workflow_id", id()),
        maybe("node", text()),
        maybe("batch_id", id()),
        maybe("callback_of", id()),
        maybe("worker", text()),
        maybe("lease_expires_at", instant()),
        needed("created_at", instant()),
        needed("updated_at", instant()),
        maybe("scheduled_at", instant()),
        maybe("started_at", instant()),
        maybe("completed_at", instant()),
        maybe("last_error", text()),
        maybe("error_class", said(text(), "What kind of failure it was, as of an attempt.")),
        maybe("result", said(anything(), "Byte for byte as the handler gave it.")),
        maybe("result_base64", bytes()),
    ]);
    schema["examples"] = json!([{
        "id": "812", "type": "echo", "state": "pending", "reason": "ready", "namespace": "default",
        "queue": "default", "priority": 2, "payload": {"a": 1}, "attempt": 0, "max_attempts": 20,
        "crashes": 0, "max_crashes": 3, "snoozes": 0, "progress": 0.0, "tags": {}, "timeout_ms": 1_800_000,
        "backoff": {"strategy": "exponential", "initial": "1s", "max": "1h", "multiplier": 2.0,
            "exponent": 2.0, "jitter": 0.1},
        "created_at": "2026-01-01T00:00:00.000000Z", "updated_at": "2026-01-01T00:00:00.000000Z"
    }]);
    schema
}

/// The words of the curves of a backoff.
pub(super) fn strategy() -> Value {
    words(["exponential", "linear", "constant", "polynomial", "list"])
}

fn backoff() -> Value {
    object([
        needed("strategy", strategy()),
        needed("initial", span_text()),
        needed("max", span_text()),
        needed("multiplier", number()),
        needed("exponent", number()),
        maybe("delays", list_of(span_text())),
        needed("jitter", number()),
    ])
}

fn unique() -> Value {
    let debounce = object([needed("quiet", count()), needed("max_wait", count())]);
    let on_conflict =
        any_of([words(["keep", "replace", "supersede"]), object([needed("debounce", debounce)])]);
    object([
        maybe("key", text()),
        maybe("fields", list_of(text())),
        needed("scope", words(["type", "queue", "namespace"])),
        needed("until", words(["finished", "started", "period"])),
        maybe("period", said(count(), "Milliseconds.")),
        needed("on_conflict", on_conflict),
    ])
}

fn dependency() -> [super::schema::Member; 3] {
    [
        needed("id", id()),
        needed("on", words(["success", "any"])),
        needed("on_failure", words(["cascade", "ignore", "run"])),
    ]
}

/// What every page ends with.
pub(super) fn page_of(list: &'static str, items: Value) -> Vec<super::schema::Member> {
    vec![
        needed(list, list_of(items)),
        needed("count", said(count(), "Things on this page.")),
        needed("next_cursor", said(or_null(text()), "Where the next page begins.")),
        needed("has_more", flag()),
    ]
}

fn job_page() -> Value {
    let mut members = page_of("jobs", the("Job"));
    let complete = "The page ends early: so many jobs were looked at, or for so long.";
    members.push(maybe("complete", said(always(false), complete)));
    object(members)
}

fn batch_reply() -> Value {
    let refused = object([needed("code", text()), needed("message", text())]);
    let result = object([
        needed("index", count()),
        needed("success", flag()),
        maybe("job", the("StoredJob")),
        maybe("existing", words(["idempotency", "unique"])),
        maybe("error", refused),
    ]);
    object([
        needed("total", count()),
        needed("accepted", count()),
        needed("rejected", count()),
        maybe("pressure", said(number(), "How full the fullest queue is: 1 refuses more.")),
        needed("results", list_of(result)),
    ])
}

fn attempt() -> Value {
    object([
        needed("attempt", count()),
        needed("epoch", count()),
        maybe("worker", text()),
        maybe("started_at", instant()),
        maybe("finished_at", instant()),
        needed("class", text()),
        maybe("message", text()),
        maybe("backtrace", text()),
    ])
}

fn explanation() -> Value {
    let blocker = object([
        needed("code", text()),
        needed("message", text()),
        needed("evidence", map_of(text())),
        needed("until", or_null(instant())),
    ]);
    object([needed("runnable", flag()), needed("blockers", list_of(blocker))])
}

fn dependencies() -> Value {
    let more = [maybe("node", text()), maybe("state", state())];
    let parent = object(dependency().into_iter().chain(more));
    object([needed("depends_on", list_of(parent)), needed("dependents", list_of(id()))])
}

fn checkpoint() -> Value {
    object([
        needed("job_id", id()),
        needed("checkpoint", said(anything(), "Null when there is none.")),
        maybe("checkpoint_base64", bytes()),
    ])
}

fn log_line() -> Value {
    object([
        needed("at", instant()),
        needed("attempt", count()),
        needed("level", words(["debug", "info", "warn", "error"])),
        needed("text", text()),
    ])
}

fn signal() -> Value {
    object([needed("job_id", id()), needed("name", name()), needed("new", flag())])
}

fn wait() -> Value {
    object([
        needed("id", id()),
        needed("state", state()),
        needed("completed", flag()),
        needed("success", flag()),
        maybe("result", the("Result")),
        needed("timed_out", flag()),
    ])
}

fn result() -> Value {
    object([
        needed("job_id", id()),
        needed("success", flag()),
        maybe("output", said(bytes(), "What the handler returned.")),
        maybe("error", text()),
        maybe("error_category", reason()),
        needed("duration", said(count(), "Nanoseconds of the last attempt.")),
        maybe("completed_at", instant()),
    ])
}

/// The states of workflows and batches.
pub(super) fn bundle_state() -> Value {
    words(["open", "running", "completed", "failed", "cancelled"])
}

fn bundles() -> [(&'static str, Value); 4] {
    let node = object([
        needed("name", text()),
        needed("id", id()),
        needed("type", name()),
        needed("queue", name()),
        needed("state", state()),
        maybe("reason", reason()),
        maybe("depends_on", list_of(the("Dependency"))),
        maybe("last_error", text()),
    ]);
    let workflow = object([
        needed("id", id()),
        needed("name", text()),
        needed("namespace", name()),
        needed("state", bundle_state()),
        maybe("total", count()),
        maybe("counts", map_of(count())),
        needed("created_at", instant()),
        needed("completed_at", or_null(instant())),
        maybe("nodes", list_of(node)),
        maybe("next_cursor", or_null(id())),
        maybe("has_more", flag()),
    ]);
    let callback = object(
        super::requests::template_reply().into_iter().chain([needed("job_id", or_null(id()))]),
    );
    let callbacks = object(CallbackOn::ALL.map(|on| maybe(on.as_str(), callback.clone())));
    let counts = ["total", "pending", "completed", "failed", "cancelled"];
    let batch = object(
        [
            needed("id", id()),
            needed("description", text()),
            needed("namespace", name()),
            needed("state", bundle_state()),
            needed("created_at", instant()),
            needed("committed_at", or_null(instant())),
            needed("completed_at", or_null(instant())),
            needed("callbacks", callbacks),
        ]
        .into_iter()
        .chain(counts.map(|name| maybe(name, count()))),
    );
    [
        ("Workflow", workflow),
        ("WorkflowPage", object(page_of("workflows", the("Workflow")))),
        ("Batch", batch),
        ("BatchPage", object(page_of("batches", the("Batch")))),
    ]
}

fn operations() -> [(&'static str, Value); 4] {
    let failure = object([needed("id", id()), needed("detail", text())]);
    let operation = object([
        needed("id", id()),
        needed("action", super::requests::action()),
        needed("params", map_of(anything())),
        maybe("filter", map_of(anything())),
        maybe("ids", list_of(id())),
        maybe("rate", number()),
        needed("state", words(["counting", "running", "completed", "cancelled"])),
        needed("matched", count()),
        needed("done", count()),
        needed("failed", count()),
        maybe("failures", list_of(failure)),
        needed("created_at", instant()),
        maybe("finished_at", instant()),
    ]);
    let dry_run = object([
        needed("count", count()),
        needed("complete", defaults(flag(), true)),
        needed("sample", list_of(the("Job"))),
    ]);
    let group = object([
        needed("fingerprint", text()),
        needed("type", name()),
        needed("error_class", text()),
        needed("message", text()),
        needed("queues", list_of(name())),
        needed("count", count()),
        needed("first_at", instant()),
        needed("last_at", instant()),
        needed("sample", id()),
    ]);
    let groups = object([needed("groups", list_of(group)), needed("complete", flag())]);
    [
        ("Operation", operation),
        ("OperationPage", object(page_of("operations", the("Operation")))),
        ("DryRun", dry_run),
        ("DeadGroups", groups),
    ]
}
