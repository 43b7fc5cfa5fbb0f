//! What requests look like: the members that the parsers of `windlass::protocol` take, and no others.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass::{
    ATTEMPTS_MAX, BATCH_JOBS_MAX, CONCURRENCY_MAX, CRASHES_MAX, CallbackOn, DEPENDENCIES_MAX,
    DEPTH_MAX, FAIR_WEIGHT_MAX, FAIR_WINDOW_MAX, KEY_BYTES_MAX, LIMIT_KEY_BYTES_MAX,
    PAUSE_TEXT_BYTES_MAX, RATE_COUNT_MAX, State, TAG_VALUE_BYTES_MAX, TAGS_MAX, WORKFLOW_NODES_MAX,
};

use super::replies::{reason, state, strategy};
use super::schema::{
    Member, any_of, anything, bytes, count, count_in, defaults, flag, given, id, list_of, map_of,
    maybe, name, needed, number_in, object, or_null, said, span, span_text, text, text_of, the,
    when, words,
};

/// Every schema of a request, by its name.
pub(super) fn schemas() -> BTreeMap<&'static str, Value> {
    let only_reason = || object([given("reason", text())]);
    let mut all = BTreeMap::from([
        ("NewJob", new_job()),
        ("NewBackoff", new_backoff()),
        ("NewUnique", new_unique()),
        ("NewDependency", new_dependency()),
        ("NewTemplate", object(template())),
        ("NewJobs", new_jobs()),
        ("JobEdit", job_edit()),
        ("Cancel", object([given("reason", text()), given("force", defaults(flag(), false))])),
        ("Retry", object(retry())),
        ("Wait", object([given("timeout", defaults(span(), "30s"))])),
        ("Signal", object([needed("name", name()), maybe("payload", anything())])),
        ("NewOperation", new_operation()),
        ("JobFilter", filter()),
        ("Nothing", object([])),
        ("Named", object([needed("name", name())])),
        ("Purge", object([given("states", least_one(state()))])),
        ("NewPause", object(pause())),
        ("NewPauseOfType", object(pause().into_iter().chain([given("type", name())]))),
        ("Resume", object([given("type", name())])),
        ("NewRate", new_rate()),
        ("NewFairness", new_fairness()),
        ("NewRetention", new_retention()),
        ("NewQueue", object(settings().into_iter().chain([needed("name", name())]))),
        ("QueueEdit", object(settings())),
        ("NewLimit", new_limit()),
        ("NewSchedule", new_schedule()),
        ("ScheduleEdit", object(schedule(given("job", the("TemplateEdit"))))),
        ("TemplateEdit", template_edit()),
        ("NewPreview", new_preview()),
        ("CancelWorkflow", only_reason()),
        ("RetryWorkflow", object([given("reset_attempts", defaults(flag(), false))])),
    ]);
    all.extend([("NewWorkflow", new_workflow()), ("NewBatch", new_batch())]);
    let rotation = object([given("overlap", span())]);
    all.extend([("NewKey", new_key()), ("KeyEdit", key_edit()), ("Rotation", rotation)]);
    all
}

fn least_one(items: Value) -> Value {
    let mut list = list_of(items);
    list["minItems"] = json!(1);
    list
}

/// A priority as requests may have it.
pub(super) fn priority() -> Value {
    let names = words(["critical", "high", "normal", "low", "bulk"]);
    said(any_of([count_in(0, 9), names]), "0 is the most urgent; normal is 2.")
}

fn pairs() -> Value {
    let mut map = map_of(text_of(0, TAG_VALUE_BYTES_MAX));
    map["maxProperties"] = json!(TAGS_MAX);
    map
}

fn key() -> Value {
    text_of(1, KEY_BYTES_MAX)
}

fn payload() -> [Member; 2] {
    [
        maybe("payload", said(anything(), "Kept byte for byte; nested at most 64 levels deep.")),
        given("payload_base64", said(bytes(), "The payload, where it is not JSON.")),
    ]
}

/// What a job says that is not about its times and names.
fn options() -> Vec<Member> {
    let limit_key = || text_of(1, LIMIT_KEY_BYTES_MAX);
    let mut all = vec![
        needed("type", said(name(), "The name of the handler.")),
        given("queue", defaults(name(), "default")),
        given("priority", priority()),
        given("timeout", span()),
        given("max_attempts", count_in(1, ATTEMPTS_MAX)),
        given("max_crashes", defaults(count_in(1, CRASHES_MAX), 3)),
        given("backoff", the("NewBackoff")),
        given("correlation_id", key()),
        given("tags", pairs()),
        given("metadata", pairs()),
        given("concurrency_key", limit_key()),
        given("rate_key", limit_key()),
        given("fairness_key", limit_key()),
        given("delay", span()),
    ];
    all.extend(payload());
    all
}

fn job_members() -> Vec<Member> {
    let mut waits_for = list_of(any_of([id(), the("NewDependency")]));
    waits_for["maxItems"] = json!(DEPENDENCIES_MAX);
    let mut all = options();
    all.extend([
        given("scheduled_at", when()),
        given("start_by", said(when(), "No attempt starts later.")),
        given("deadline", said(when(), "The end of the whole life.")),
        given("idempotency_key", key()),
        given("unique", the("NewUnique")),
        given("depends_on", waits_for),
        given("batch_id", id()),
    ]);
    all
}

fn new_job() -> Value {
    let mut schema = object(job_members());
    schema["examples"] = json!([{ "type": "echo", "payload": {"a": 1}, "delay": "5m" }]);
    schema
}

fn new_backoff() -> Value {
    object([
        given("strategy", defaults(strategy(), "exponential")),
        given("initial", span()),
        given("max", span()),
        given("multiplier", number_in(1.0, 1000.0)),
        given("exponent", number_in(0.0, 10.0)),
        given("delays", list_of(span())),
        given("jitter", number_in(0.0, 1.0)),
    ])
}

fn new_unique() -> Value {
    let debounce = object([needed("quiet", span()), needed("max_wait", span())]);
    let on_conflict =
        any_of([words(["keep", "replace", "supersede"]), object([needed("debounce", debounce)])]);
    let schema = object([
        given("key", key()),
        given("fields", said(least_one(text()), "Members of the payload.")),
        given("scope", defaults(words(["type", "queue", "namespace"]), "type")),
        given("until", defaults(words(["finished", "started", "period"]), "finished")),
        given("period", span()),
        given("on_conflict", defaults(on_conflict, "keep")),
    ]);
    said(schema, "Either key or fields; period goes with `until: period` alone.")
}

fn new_dependency() -> Value {
    object([
        needed("id", id()),
        given("on", defaults(words(["success", "any"]), "success")),
        given("on_failure", defaults(words(["cascade", "ignore", "run"]), "cascade")),
    ])
}

/// A job that is stored later: its times are spans.
fn template() -> Vec<Member> {
    let mut all = options();
    all.extend([given("start_within", span()), given("deadline_in", span())]);
    all
}

fn template_edit() -> Value {
    let mut schema = object(template());
    // Members that are not named stay as they are.
    if let Some(members) = schema.as_object_mut() {
        members.remove("required");
    }
    schema
}

/// The same as it is shown.
pub(super) fn template_reply() -> Vec<Member> {
    vec![
        needed("type", name()),
        needed("queue", name()),
        maybe("payload", anything()),
        maybe("payload_base64", bytes()),
        needed("priority", count_in(0, 9)),
        needed("timeout", span_text()),
        maybe("max_attempts", count()),
        needed("max_crashes", count()),
        maybe("backoff", the("Backoff")),
        maybe("delay", span_text()),
        maybe("start_within", span_text()),
        maybe("deadline_in", span_text()),
        maybe("correlation_id", text()),
        maybe("tags", map_of(text())),
        maybe("metadata", map_of(text())),
        maybe("concurrency_key", text()),
        maybe("rate_key", text()),
        maybe("fairness_key", text()),
    ]
}

fn new_jobs() -> Value {
    let mut jobs = least_one(the("NewJob"));
    jobs["maxItems"] = json!(BATCH_JOBS_MAX);
    let atomic = said(defaults(flag(), false), "One refused job refuses all.");
    object([needed("jobs", jobs), given("atomic", atomic)])
}

fn job_edit() -> Value {
    let mut schema = object(payload().into_iter().chain([
        given("queue", name()),
        given("priority", priority()),
        given("max_attempts", count_in(1, ATTEMPTS_MAX)),
        given("scheduled_at", when()),
        given("tags", said(pairs(), "They take the place of all tags.")),
    ]));
    schema["minProperties"] = json!(1);
    schema
}

fn retry() -> [Member; 3] {
    [
        given("reset_attempts", defaults(flag(), false)),
        given("delay", span()),
        given("priority", priority()),
    ]
}

/// What operations do.
pub(super) fn action() -> Value {
    words(["retry", "cancel", "delete", "move", "set_priority", "reschedule"])
}

fn new_operation() -> Value {
    let params = object([
        given("reset_attempts", flag()),
        given("delay", span()),
        given("priority", priority()),
        given("reason", text()),
        given("force", flag()),
        given("queue", name()),
        given("scheduled_at", when()),
    ]);
    let schema = object([
        needed("action", action()),
        given("params", said(params, "Those of the action alone.")),
        given("filter", the("JobFilter")),
        given("ids", least_one(id())),
        given("rate", said(number_in(0.001, 1_000_000.0), "Jobs a second.")),
        given("dry_run", defaults(flag(), false)),
    ]);
    said(schema, "Either a filter that names something, or ids.")
}

fn filter() -> Value {
    let several = |one: Value| any_of([one.clone(), list_of(one)]);
    let tag = json!({ "type": "string", "pattern": "^[^:]*:.*$", "examples": ["team:a"] });
    object([
        given("state", several(state())),
        given("reason", several(reason())),
        given("type", several(text())),
        given("queue", several(text())),
        given("priority", several(priority())),
        given("tag", several(tag)),
        given("fingerprint", several(text())),
        given("correlation_id", several(text())),
        given("workflow_id", id()),
        given("batch_id", id()),
        given("created_after", when()),
        given("created_before", when()),
        given("updated_after", when()),
        given("updated_before", when()),
        given("q", key()),
    ])
}

fn pause() -> Vec<Member> {
    let note = || text_of(0, PAUSE_TEXT_BYTES_MAX);
    vec![given("reason", note()), given("until", when()), given("by", note())]
}

fn new_rate() -> Value {
    object([
        needed("count", count_in(1, RATE_COUNT_MAX)),
        needed("per", span()),
        given("burst", defaults(count_in(1, RATE_COUNT_MAX), 1)),
    ])
}

fn new_fairness() -> Value {
    object([
        given("window", count_in(1, FAIR_WINDOW_MAX)),
        given("weights", map_of(or_null(count_in(1, FAIR_WEIGHT_MAX)))),
    ])
}

fn new_retention() -> Value {
    let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
    let kept = "Null keeps for ever, 0 deletes at once.";
    object(ended.map(|state| given(state.as_str(), said(span(), kept))))
}

fn settings() -> Vec<Member> {
    vec![
        given("ttl", span()),
        given("retries", count_in(0, ATTEMPTS_MAX - 1)),
        given("retry_delay", span()),
        given("backoff", the("NewBackoff")),
        given("max_depth", count_in(1, DEPTH_MAX)),
        given("concurrency", count_in(1, CONCURRENCY_MAX)),
        given("rate", the("NewRate")),
        given("fair", any_of([flag(), the("NewFairness")])),
        given("retention", the("NewRetention")),
    ]
}

fn new_limit() -> Value {
    let concurrency = || given("concurrency", count_in(1, CONCURRENCY_MAX));
    let own = object([concurrency(), given("rate", the("NewRate"))]);
    object([
        concurrency(),
        given("rate", the("NewRate")),
        given("ordered", defaults(flag(), false)),
        given("overrides", map_of(or_null(own))),
    ])
}

fn schedule(job: Member) -> Vec<Member> {
    let catch_up = json!({ "type": "string", "pattern": r"^(skip|last|all:\d{1,4})$" });
    vec![
        given("cron", said(text(), "Either this or interval.")),
        given("interval", span()),
        given("timezone", defaults(text(), "UTC")),
        given("start", when()),
        given("end", when()),
        given("jitter", span()),
        given("catch_up", catch_up),
        given("overlap", words(["allow", "skip", "buffer", "cancel"])),
        given("run_on_start", defaults(flag(), false)),
        job,
    ]
}

fn new_schedule() -> Value {
    let mut schema = object(
        schedule(needed("job", the("NewTemplate"))).into_iter().chain([needed("name", name())]),
    );
    schema["examples"] =
        json!([{ "name": "nightly", "cron": "0 3 * * *", "job": {"type": "report"} }]);
    schema
}

fn new_preview() -> Value {
    object([
        needed("spec", said(text(), "A cron expression, or such as `every 90s`.")),
        given("timezone", defaults(text(), "UTC")),
        given("n", defaults(count_in(1, 100), 5)),
    ])
}

fn new_workflow() -> Value {
    let after = object([
        needed("name", text()),
        given("on", words(["success", "any"])),
        given("on_failure", words(["cascade", "ignore", "run"])),
    ]);
    let more = [needed("name", name()), given("after", list_of(any_of([text(), after])))];
    let mut nodes = least_one(object(job_members().into_iter().chain(more)));
    nodes["maxItems"] = json!(WORKFLOW_NODES_MAX);
    object([given("name", text()), given("idempotency_key", key()), needed("nodes", nodes)])
}

/// The roles of keys.
pub(super) fn role() -> Value {
    words(["viewer", "producer", "worker", "operator", "admin"])
}

fn new_key() -> Value {
    object([
        needed("role", role()),
        given("namespaces", list_of(name())),
        given("queues", said(list_of(text()), "Names, where * stands for anything.")),
        given("label", text()),
        given("expires_at", when()),
        given("rates", new_key_rates()),
    ])
}

fn key_edit() -> Value {
    object([given("label", text()), given("rates", new_key_rates())])
}

fn new_key_rates() -> Value {
    let rate = || {
        object([
            needed("count", count_in(1, RATE_COUNT_MAX)),
            needed("per", span()),
            given("burst", said(count_in(1, RATE_COUNT_MAX), "As `count` unless given.")),
        ])
    };
    let each = "Each server counts on its own; what is not given is as its settings say.";
    said(object([given("enqueues", rate()), given("claims", rate())]), each)
}

fn new_batch() -> Value {
    let callbacks = CallbackOn::ALL.map(|on| given(on.as_str(), the("NewTemplate")));
    let more = [given("description", text()), given("idempotency_key", key())];
    object(callbacks.into_iter().chain(more))
}
