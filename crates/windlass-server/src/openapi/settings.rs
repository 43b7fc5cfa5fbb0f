//! What answers on queues, schedules, limits and the server itself look like.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass::State;

use super::replies::page_of;
use super::requests::{role, template_reply};
use super::schema::{
    Member, always, count, flag, id, instant, list_of, map_of, maybe, name, needed, number, object,
    or_null, said, span_text, text, the, words,
};

/// Every schema, by its name.
pub(super) fn schemas() -> BTreeMap<&'static str, Value> {
    let named_page = |list, of| object(page_of(list, the(of)));
    BTreeMap::from([
        ("Series", series()),
        ("History", history()),
        ("Pause", pause()),
        ("Rate", rate()),
        ("Fairness", object([needed("window", count()), maybe("weights", map_of(count()))])),
        ("Queue", queue()),
        ("QueuePage", named_page("queues", "Queue")),
        ("QueueStats", queue_stats()),
        ("Scale", scale()),
        ("Purged", object([needed("deleted", count())])),
        ("Type", a_type()),
        ("TypePage", named_page("types", "Type")),
        ("Namespace", object([needed("name", name())])),
        ("NamespacePage", named_page("namespaces", "Namespace")),
        ("Limit", limit()),
        ("LimitPage", named_page("limits", "Limit")),
        ("Template", object(template_reply())),
        ("Schedule", schedule()),
        ("SchedulePage", named_page("schedules", "Schedule")),
        ("TickPage", object(page_of("ticks", tick()))),
        ("Preview", preview()),
        ("Key", key()),
        ("KeyPage", named_page("keys", "Key")),
        ("AuditPage", object(page_of("audit", audit_line()))),
        ("Stats", stats()),
        ("Counters", counters()),
        ("Info", info()),
        ("Health", health()),
        ("Ready", ready()),
        ("Live", object([needed("alive", always(true))])),
    ])
}

fn pause() -> Value {
    object([
        needed("since", instant()),
        maybe("until", instant()),
        maybe("reason", text()),
        maybe("by", text()),
    ])
}

fn rate() -> Value {
    object([needed("count", count()), needed("per", span_text()), needed("burst", count())])
}

fn a_type() -> Value {
    object([needed("type", name()), needed("paused", or_null(the("Pause")))])
}

fn ended() -> impl Iterator<Item = &'static str> {
    State::ALL.into_iter().filter(|state| state.is_terminal()).map(State::as_str)
}

fn queue() -> Value {
    let kept = |name| needed(name, said(or_null(span_text()), "Null keeps for ever."));
    object([
        needed("name", name()),
        needed("namespace", name()),
        needed("version", count()),
        needed("ttl", or_null(span_text())),
        needed("retries", or_null(count())),
        needed("retry_delay", or_null(span_text())),
        needed("backoff", or_null(the("Backoff"))),
        needed("max_depth", or_null(count())),
        needed("concurrency", or_null(count())),
        needed("rate", or_null(the("Rate"))),
        needed("fair", or_null(the("Fairness"))),
        needed("retention", object(ended().map(kept))),
        needed("paused", or_null(the("Pause"))),
        maybe("paused_types", list_of(the("Type"))),
    ])
}

fn queue_stats() -> Value {
    let jobs = || object(State::ALL.map(|state| needed(state.as_str(), count())));
    let totals = || map_of(count());
    let of_type =
        object([needed("type", name()), needed("jobs", jobs()), needed("totals", totals())]);
    object([
        needed("name", name()),
        needed("namespace", name()),
        needed("jobs", jobs()),
        needed("totals", totals()),
        needed("types", list_of(of_type)),
    ])
}

fn scale() -> Value {
    object([
        needed("backlog", count()),
        needed("oldest_age_ms", count()),
        needed("arrival_rate", number()),
        needed("drain_rate", number()),
        needed("desired_workers", count()),
    ])
}

fn limit() -> Value {
    let own = object([maybe("concurrency", count()), maybe("rate", the("Rate"))]);
    object([
        needed("name", name()),
        needed("namespace", name()),
        needed("version", count()),
        maybe("concurrency", count()),
        maybe("rate", the("Rate")),
        maybe("ordered", flag()),
        maybe("overrides", map_of(own)),
    ])
}

fn key() -> Value {
    object([
        needed("id", text()),
        needed("role", role()),
        needed("namespaces", list_of(name())),
        needed("queues", list_of(text())),
        needed("label", text()),
        needed("created_at", instant()),
        needed("created_by", text()),
        maybe("expires_at", instant()),
        maybe("revoked_at", instant()),
        maybe("last_used_at", instant()),
        maybe("old_secret_until", instant()),
        maybe("rates", object(["enqueues", "claims"].map(|name| maybe(name, the("Rate"))))),
        maybe("key", said(text(), "The whole key, shown this once.")),
    ])
}

fn audit_line() -> Value {
    object([
        needed("id", id()),
        needed("at", instant()),
        maybe("namespace", text()),
        needed("actor", text()),
        needed("role", text()),
        maybe("ip", text()),
        needed("action", text()),
        needed("target", text()),
        maybe("request_id", text()),
        maybe("detail", text()),
    ])
}

fn schedule() -> Value {
    object([
        needed("name", name()),
        needed("namespace", name()),
        needed("version", count()),
        needed("source", words(["api", "code"])),
        maybe("cron", text()),
        maybe("interval", span_text()),
        maybe("custom", always(true)),
        needed("timezone", text()),
        maybe("start", instant()),
        maybe("end", instant()),
        needed("jitter", span_text()),
        needed("catch_up", text()),
        needed("overlap", words(["allow", "skip", "buffer", "cancel"])),
        needed("run_on_start", flag()),
        maybe("job", the("Template")),
        needed("paused", or_null(the("Pause"))),
        needed("created_at", instant()),
        needed("next_tick", or_null(instant())),
        needed("next_at", or_null(instant())),
        needed("last_at", or_null(instant())),
    ])
}

fn tick() -> Value {
    object([
        needed("tick", instant()),
        needed("state", words(["fired", "skipped", "triggered"])),
        needed("at", instant()),
        needed("job_id", or_null(id())),
    ])
}

fn preview() -> Value {
    object([
        needed("spec", text()),
        needed("timezone", text()),
        needed("ticks", list_of(instant())),
    ])
}

fn counts<const N: usize>(names: [&'static str; N]) -> impl Iterator<Item = Member> {
    names.into_iter().map(|name| needed(name, count()))
}

fn stats() -> Value {
    let states = State::ALL.map(|state| needed(state.as_str(), count()));
    let queue = states.into_iter().chain(counts(["scheduled", "total_jobs", "storage_bytes"]));
    let workers = counts([
        "total_workers",
        "active_workers",
        "idle_workers",
        "queued_jobs",
        "processed_jobs",
        "succeeded_jobs",
        "failed_jobs",
        "retried_jobs",
        "avg_processing_time",
        "max_processing_time",
        "p99_processing_time",
        "uptime",
    ]);
    let more = [needed("processing_ids", list_of(id())), needed("healthy", flag())];
    let rates = ["enqueued_per_second", "processed_per_second", "failed_per_second"];
    let spread = || object(counts(["avg", "p50", "p90", "p99", "max"]));
    let latency = object([needed("wait", spread()), needed("run", spread())]);
    object([
        needed("queue", object(queue.chain([needed("timestamp", instant())]))),
        needed("workers", said(object(workers.chain(more)), "Times are nanoseconds.")),
        needed("rates", object(rates.map(|name| needed(name, number())))),
        needed("latency", said(latency, "Nanoseconds.")),
    ])
}

fn counters() -> Value {
    let plain = counts([
        "jobs_enqueued",
        "jobs_completed",
        "jobs_failed",
        "jobs_retried",
        "avg_processing_time",
        "max_processing_time",
        "queue_depth",
        "uptime",
    ]);
    object(plain.chain([needed("jobs_by_type", map_of(count())), needed("timestamp", instant())]))
}

fn info() -> Value {
    object([needed("name", text()), needed("version", text()), needed("endpoints", map_of(text()))])
}

fn health() -> Value {
    let part = || object([needed("healthy", flag()), needed("message", text())]);
    let parts = ["store", "scheduler", "workers", "upkeep"];
    object([
        needed("healthy", flag()),
        needed("status", words(["ok", "degraded"])),
        needed("components", object(parts.map(|name| needed(name, part())))),
        needed("version", text()),
        needed("timestamp", instant()),
    ])
}

fn ready() -> Value {
    object([needed("ready", flag()), maybe("missing", list_of(text())), maybe("stopping", flag())])
}

fn history() -> Value {
    let entry = object([
        needed("id", count()),
        needed("event", text()),
        needed("at", instant()),
        maybe("reason", text()),
        maybe("actor", text()),
    ]);
    object([needed("events", list_of(entry))])
}

fn series() -> Value {
    let took =
        || said(object(counts(["count", "avg", "p50", "p90", "p99", "max"])), "Nanoseconds.");
    let numbers = counts(["enqueued", "started", "completed", "failed", "retried", "dead"]);
    let times = [needed("at", instant()), needed("wait", took()), needed("run", took())];
    let point = object(numbers.chain(times));
    object([
        needed("step_ms", count()),
        needed("points", list_of(point.clone())),
        maybe("queues", map_of(list_of(point))),
    ])
}
