//! Info, health, statistics and metrics.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Api;

#[tokio::test]
async fn every_endpoint_that_is_listed_exists() {
    let api = Api::start().await;

    let info = api.get("/api/v1").await.json();

    assert_eq!((&info["name"], &info["version"]), (&"Windlass API".into(), &"1.2.3".into()));
    for endpoint in info["endpoints"].as_object().unwrap().keys() {
        let (method, path) = endpoint.split_once(' ').unwrap();
        let path = path.replace("{id}", "none").replace("{name}", "none");
        // A stream has no end: a question it refuses has an answer.
        let path = path.replace("v1/events", "v1/events?since=none");
        let path = path.replace("ticker/next", "ticker/next?offset=none");
        let reply = api.send(method, &path, &[], b"").await;
        let is_nowhere = reply.status == 405 || reply.text().contains("there is nothing at");
        assert!(!is_nowhere, "{endpoint}: {reply:?}");
    }
}

#[tokio::test]
async fn health_shows_the_parts() {
    let api = Api::start().await;

    let health = api.get("/health").await;
    assert_eq!(health.status, 200);
    let health = health.json();
    assert_eq!((&health["healthy"], &health["version"]), (&true.into(), &"1.2.3".into()));
    for part in ["store", "scheduler", "workers", "upkeep"] {
        assert_eq!(health["components"][part]["healthy"], true, "{part}");
    }
    assert_eq!(api.get("/ready").await.text(), r#"{"ready":true}"#);
    assert_eq!(api.get("/live").await.text(), r#"{"alive":true}"#);
}

#[tokio::test]
async fn a_closed_database_is_not_ready() {
    let api = Api::start().await;
    api.queue.close().await;

    assert_eq!(api.get("/ready").await.status, 503);
    assert_eq!(api.get("/health").await.status, 503);
    assert_eq!(api.get("/live").await.status, 200);
    let reply = api.post("/api/v1/jobs", r#"{"type":"t"}"#).await;
    reply.problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn statistics_count_what_happened() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"echo"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;
    worker.stop().await;
    api.enqueue(r#"{"type":"echo","queue":"q"}"#).await;

    let stats = api.get("/api/v1/stats").await.json();

    let queue = &stats["queue"];
    assert_eq!((&queue["completed"], &queue["pending"]), (&1.into(), &1.into()));
    assert_eq!((&queue["total_jobs"], &queue["scheduled"]), (&2.into(), &0.into()));
    let workers = &stats["workers"];
    assert_eq!((&workers["processed_jobs"], &workers["succeeded_jobs"]), (&1.into(), &1.into()));
    assert_eq!(workers["processing_ids"].as_array().map(Vec::len), Some(0));
    assert!(workers["avg_processing_time"].as_u64().unwrap() > 0);
    assert_eq!(workers["max_processing_time"], stats["latency"]["run"]["max"]);
    assert!(stats["rates"]["enqueued_per_second"].as_f64().unwrap() > 0.0);
    assert!(workers["uptime"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn metrics_are_text_for_prometheus_and_json_on_request() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"echo","payload":[1]}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;
    worker.stop().await;

    let page = api.get("/metrics").await;

    assert!(page.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let newer = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let newer = api.send("GET", "/metrics", &newer, b"").await;
    assert!(newer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let page = page.text();
    let job = r#"namespace="default",queue="default",type="echo""#;
    for line in [
        format!("windlass_enqueues_total{{{job}}} 1\n"),
        format!("windlass_claims_total{{{job}}} 1\n"),
        format!("windlass_completions_total{{{job}}} 1\n"),
        format!("windlass_crashes_total{{{job}}} 0\n"),
        format!("windlass_jobs{{{job},state=\"completed\"}} 1.0\n"),
        format!("windlass_jobs{{{job},state=\"pending\"}} 0.0\n"),
        format!("windlass_run_seconds_count{{{job}}} 1\n"),
        format!("windlass_payload_bytes_sum{{{job}}} 3.0\n"),
        "windlass_slots{state=\"busy\"} 0.0\n".to_owned(),
        "windlass_http_requests_total{route=\"/api/v1/jobs/{id}/wait\",method=\"GET\",\
         status=\"200\"} 1\n"
            .to_owned(),
        "# EOF\n".to_owned(),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
    let json = [("Accept", "application/json")];
    let json = api.send("GET", "/metrics", &json, b"").await.json();
    assert_eq!((&json["jobs_enqueued"], &json["jobs_completed"]), (&1.into(), &1.into()));
    assert_eq!(json["jobs_by_type"]["echo"], 1);
}

/// Name, kind and labels of every row of the table in docs/metrics.md.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = include_str!("../../../../docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.filter(|row| {
        row.contains("| counter |") || row.contains("gauge |") || row.contains("histogram |")
    });
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = cells[2].split(", ").filter(|label| !label.is_empty()).map(str::to_owned);
        (cells[0].trim_end_matches('`').to_owned(), (cells[1].to_owned(), labels.collect()))
    })
    .collect()
}

/// The same of a page of metrics, as far as there are samples.
fn exported(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let kinds: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let mut found = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a sample has a value"));
        let ends = ["_bucket", "_sum", "_count"];
        let base = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let family = if kinds.contains_key(base) { base } else { name };
        let kind = kinds.get(family).or_else(|| kinds.get(family.trim_end_matches("_total")));
        let labels = rest.strip_prefix('{').and_then(|rest| rest.rsplit_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels).split(',');
        let labels = labels.filter_map(|label| label.split_once('=')).map(|(name, _)| name);
        let labels = labels.filter(|label| *label != "le").map(str::to_owned).collect();
        found.insert(family.to_owned(), ((*kind.expect("a family has a type")).to_owned(), labels));
    }
    found
}

#[tokio::test]
async fn every_metric_is_on_its_page() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"echo"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;
    api.enqueue(r#"{"type":"none.such"}"#).await;
    api.queue.create_namespace("other").await.expect("a namespace");
    let other = api.queue.in_namespace("other").expect("a name");
    other.enqueue_new(windlass::NewJob::new("echo", "1")).await.expect("a job");

    let page = api.get("/metrics").await.text();
    worker.stop().await;

    let mut exported = exported(&page);
    // Of loops that had their first round.
    exported.remove("windlass_upkeep_last_success_seconds");
    let mut documented = documented();
    documented.remove("windlass_upkeep_last_success_seconds").expect("it is on the page");
    assert_eq!(exported, documented);
    for line in [
        "windlass_enqueues_total{namespace=\"other\",queue=\"default\",type=\"echo\"} 1\n",
        "queue_tasks{namespace=\"default\",queue=\"default\",status=\"released\"} 1.0\n",
        "queue_tasks{namespace=\"default\",queue=\"default\",status=\"new\"} 1.0\n",
        "windlass_workers{} 1.0\n",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    let one = [("Windlass-Namespace", "other")];
    let one = api.send("GET", "/metrics", &one, b"").await.text();
    assert!(!one.contains("namespace=\"default\",queue=\"default\",status"), "{one}");
}

#[tokio::test]
async fn a_time_series_tells_how_jobs_fared() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"echo","queue":"q"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;
    worker.stop().await;

    let series = api.get("/api/v1/stats/timeseries?range=5m&by=queue").await;

    assert_eq!(series.status, 200);
    let series = series.json();
    assert_eq!(series["step_ms"], 60_000);
    let points = series["points"].as_array().expect("points");
    assert_eq!(points.len(), 5);
    let runs = |points: &[serde_json::Value]| -> u64 {
        points.iter().map(|point| point["run"]["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(runs(points), 1);
    assert_eq!(runs(series["queues"]["q"].as_array().expect("points")), 1);
    for query in ["range=0s", "range=2d", "step=90s", "step=1m&step=2m", "by=type", "colour=red"] {
        let reply = api.get(&format!("/api/v1/stats/timeseries?{query}")).await;
        reply.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_closed_database_is_said_to_be_closed() {
    let api = Api::start().await;
    assert_eq!(api.get("/health").await.status, 200);

    api.queue.close().await;

    let health = api.get("/health").await;
    assert_eq!(health.status, 503, "{health:?}");
    let store = &health.json()["components"]["store"];
    assert_eq!(store, &serde_json::json!({ "healthy": false, "message": "closed" }));
    assert_eq!(api.get("/ready").await.status, 503);
    assert_eq!(api.get("/live").await.status, 200);
}
