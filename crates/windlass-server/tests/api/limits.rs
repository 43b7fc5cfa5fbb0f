//! Limits over HTTP: put, read, changed under a version, deleted; the keys of jobs and what queues say.

use serde_json::{Value, json};

use crate::client::Api;

const LIMIT: &str = "/api/v1/limits/host";

#[tokio::test]
async fn a_limit_is_put_read_changed_and_deleted() {
    let api = Api::start().await;
    let body = br#"{"concurrency":3,"rate":{"count":5,"per":"90s"},"overrides":{"big":{"concurrency":9}}}"#;

    let made = api.send("PUT", LIMIT, &[], body).await;
    let read = api.get(LIMIT).await;
    let changed = api.send("PUT", LIMIT, &[("If-Match", "\"1\"")], br#"{"ordered":true}"#).await;
    let stale = api.send("PUT", LIMIT, &[("If-Match", "\"1\"")], b"{}").await;
    let listed = api.get("/api/v1/limits").await.json();

    assert_eq!((made.status, made.header("etag")), (200, Some("\"1\"")));
    let limit = read.json();
    assert_eq!(limit["rate"], json!({"count": 5, "per": "1m30s", "burst": 1}));
    assert_eq!(limit["overrides"], json!({"big": {"concurrency": 9}}));
    assert_eq!((changed.header("etag"), &changed.json()["ordered"]), (Some("\"2\""), &json!(true)));
    assert_eq!(changed.json().get("concurrency"), None);
    stale.problem(412, "precondition_failed");
    assert_eq!((&listed["count"], &listed["limits"][0]["name"]), (&json!(1), &json!("host")));
    let broken = api.send("PUT", LIMIT, &[], br#"{"concurrency":0}"#).await;
    assert_eq!(broken.problem(422, "validation_error"), ["/concurrency"]);
    assert_eq!(api.send("DELETE", LIMIT, &[], b"").await.status, 204);
    api.get(LIMIT).await.problem(404, "not_found");
    api.send("DELETE", LIMIT, &[], b"").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_job_shows_its_keys() {
    let api = Api::start().await;
    let body = r#"{"type":"t","concurrency_key":"a:1","rate_key":"b","fairness_key":"c"}"#;

    let job = api.post("/api/v1/jobs", body).await.json();
    let broken = api.post("/api/v1/jobs", r#"{"type":"t","rate_key":"a b"}"#).await;

    assert_eq!((&job["state"], &job["reason"]), (&json!("pending"), &json!("throttled")));
    assert_eq!((&job["concurrency_key"], &job["rate_key"]), (&json!("a:1"), &json!("b")));
    assert_eq!((&job["fairness_key"], job.get("metadata")), (&json!("c"), None));
    assert_eq!(broken.problem(422, "validation_error"), ["/rate_key"]);
}

#[tokio::test]
async fn a_queue_limits_concurrency_and_rate_and_takes_turns() {
    let api = Api::start().await;
    let body = r#"{"name":"q","concurrency":2,"rate":{"count":1,"per":1000},"fair":true}"#;

    let made = api.post("/api/v1/queues", body).await.json();
    let patch = br#"{"concurrency":null,"rate":null,"fair":{"window":5,"weights":{"a":2}}}"#;
    let changed = api.send("PATCH", "/api/v1/queues/q", &[], patch).await.json();

    assert_eq!((&made["concurrency"], &made["fair"]), (&json!(2), &json!({"window": 50})));
    assert_eq!(made["rate"], json!({"count": 1, "per": "1s", "burst": 1}));
    assert_eq!((&changed["concurrency"], &changed["rate"]), (&Value::Null, &Value::Null));
    assert_eq!(changed["fair"], json!({"window": 5, "weights": {"a": 2}}));
}
