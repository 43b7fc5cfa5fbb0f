//! Info, health, statistics and metrics.

use crate::client::Api;

#[tokio::test]
async fn every_endpoint_that_is_listed_exists() {
    let api = Api::start().await;

    let info = api.get("/api/v1").await.json();

    assert_eq!((&info["name"], &info["version"]), (&"Windlass API".into(), &"1.2.3".into()));
    for endpoint in info["endpoints"].as_object().unwrap().keys() {
        let (method, path) = endpoint.split_once(' ').unwrap();
        let path = path.replace("{id}", "none").replace("{name}", "none");
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
