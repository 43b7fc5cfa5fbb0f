//! Queues over HTTP: settings, versions, pauses, purges, limits, counts.

use serde_json::{Value, json};

use crate::client::{Api, Reply};

impl Api {
    async fn patch(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.send("PATCH", path, headers, body.as_bytes()).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], b"").await
    }
}

const QUEUE: &str = "/api/v1/queues/mail";

#[tokio::test]
async fn a_queue_is_created_read_changed_and_deleted() {
    let api = Api::start().await;
    let body = r#"{"name":"mail","ttl":"1h","retries":3,"retry_delay":"2m","max_depth":1000,
        "retention":{"completed":"1h","failed":null}}"#;

    let made = api.post("/api/v1/queues", body).await;
    assert_eq!((made.status, made.header("location")), (201, Some(QUEUE)));
    let queue = made.json();
    assert_eq!((&queue["name"], &queue["namespace"]), (&json!("mail"), &json!("default")));
    assert_eq!((&queue["ttl"], &queue["retries"]), (&json!("1h"), &json!(3)));
    assert_eq!((&queue["retry_delay"], &queue["max_depth"]), (&json!("2m"), &json!(1000)));
    assert_eq!(queue["retention"]["completed"], "1h");
    assert_eq!((&queue["retention"]["failed"], &queue["paused"]), (&Value::Null, &Value::Null));
    api.post("/api/v1/queues", body).await.problem(409, "conflict");

    let read = api.get(QUEUE).await;
    assert_eq!((read.json(), read.header("etag")), (queue, Some("\"1\"")));
    let changed = api.patch(QUEUE, &[], r#"{"retries":0,"ttl":null}"#).await;
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")));
    let changed = changed.json();
    assert_eq!((&changed["retries"], &changed["ttl"]), (&json!(0), &Value::Null));
    assert_eq!(changed["max_depth"], 1000);

    assert_eq!(api.delete(QUEUE).await.status, 204);
    for (method, path) in [("GET", QUEUE), ("PATCH", QUEUE), ("DELETE", QUEUE)] {
        api.send(method, path, &[], b"{}").await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_change_goes_to_the_version_it_was_made_for() {
    let api = Api::start().await;
    api.post("/api/v1/queues", r#"{"name":"mail"}"#).await;
    let tag = |tag| [("If-Match", tag)];

    let first = api.patch(QUEUE, &tag("\"1\""), r#"{"retries":1}"#).await;
    let late = api.patch(QUEUE, &tag("\"1\""), r#"{"retries":2}"#).await;
    let any = api.patch(QUEUE, &tag("*"), r#"{"max_depth":5}"#).await;
    let deleted = api.send("DELETE", QUEUE, &tag("\"1\""), b"").await;

    assert_eq!((first.status, any.status), (200, 200));
    late.problem(412, "precondition_failed");
    deleted.problem(412, "precondition_failed");
    assert_eq!(api.get(QUEUE).await.json()["retries"], 1);
    api.patch(QUEUE, &tag("soon"), "{}").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn queues_and_types_are_listed_page_by_page() {
    let api = Api::start().await;
    for (queue, kind) in [("b", "y"), ("a", "x"), ("c", "x")] {
        api.enqueue(&format!(r#"{{"type":"{kind}","queue":"{queue}"}}"#)).await;
    }
    let names = |page: &Value, list: &str, name: &str| -> Vec<Value> {
        page[list].as_array().unwrap().iter().map(|one| one[name].clone()).collect()
    };

    let first = api.get("/api/v1/queues?limit=2").await.json();
    let rest = api.get("/api/v1/queues?limit=2&cursor=b").await.json();
    let types = api.get("/api/v1/types").await.json();

    assert_eq!(names(&first, "queues", "name"), ["a", "b"]);
    let page = (&first["count"], &first["next_cursor"], &first["has_more"]);
    assert_eq!(page, (&json!(2), &json!("b"), &json!(true)));
    assert_eq!(names(&rest, "queues", "name"), ["c"]);
    assert_eq!((&rest["next_cursor"], &rest["has_more"]), (&Value::Null, &json!(false)));
    assert_eq!(names(&types, "types", "type"), ["x", "y"]);
    api.get("/api/v1/queues?limit=0").await.problem(400, "invalid_request");
    api.get("/api/v1/queues?colour=red").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_pause_says_why_and_ends() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"echo","queue":"mail"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;

    let body = r#"{"reason":"away","until":"2199-01-01T00:00:00Z","by":"ada"}"#;
    let paused = api.post("/api/v1/queues/mail/pause", body).await.json();
    let of_type = api.post("/api/v1/queues/mail/pause", r#"{"type":"echo"}"#).await.json();
    let everywhere = api.post("/api/v1/types/echo/pause", r#"{"reason":"all"}"#).await.json();
    let held = api.enqueue(r#"{"type":"echo","queue":"mail"}"#).await;

    let pause = &paused["paused"];
    assert_eq!((&pause["reason"], &pause["by"]), (&json!("away"), &json!("ada")));
    assert_eq!(pause["until"], "2199-01-01T00:00:00.000000Z");
    assert!(pause["since"].is_string());
    assert_eq!(of_type["paused_types"][0]["type"], "echo");
    assert_eq!(everywhere["paused"]["reason"], "all");
    let wait = api.get(&format!("/api/v1/jobs/{held}/wait?timeout=0")).await.json();
    assert_eq!(wait["state"], "pending");

    for (path, body) in [
        ("/api/v1/queues/mail/resume", ""),
        ("/api/v1/queues/mail/resume", r#"{"type":"echo"}"#),
        ("/api/v1/types/echo/resume", ""),
    ] {
        assert_eq!(api.post(path, body).await.status, 200, "{path}");
    }
    let wait = api.get(&format!("/api/v1/jobs/{held}/wait?timeout=10s")).await.json();
    assert_eq!(wait["state"], "completed");
    assert_eq!(api.get(QUEUE).await.json()["paused"], Value::Null);
    worker.stop().await;
}

#[tokio::test]
async fn a_full_queue_answers_429_and_a_filling_one_says_so() {
    let api = Api::start().await;
    api.post("/api/v1/queues", r#"{"name":"mail","max_depth":2}"#).await;
    let job = r#"{"type":"t","queue":"mail"}"#;

    let half = api.post("/api/v1/jobs", job).await;
    let batch = format!(r#"{{"jobs":[{job},{job}]}}"#);
    let each = api.post("/api/v1/jobs/batch", &batch).await.json();
    let full = api.post("/api/v1/jobs", job).await;
    let atomic = format!(r#"{{"jobs":[{job}],"atomic":true}}"#);
    let whole = api.post("/api/v1/jobs/batch", &atomic).await;

    assert_eq!((half.status, half.header("windlass-pressure")), (201, Some("0.500")));
    assert_eq!((&each["accepted"], &each["rejected"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&each["pressure"], &each["results"][1]["error"]["code"]),
        (&json!(1.0), &json!("queue_full"))
    );
    for refused in [full, whole] {
        refused.problem(429, "queue_full");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    let free = api.post("/api/v1/jobs", r#"{"type":"t"}"#).await;
    assert_eq!(free.header("windlass-pressure"), None);
}

#[tokio::test]
async fn jobs_are_purged_and_a_queue_with_jobs_needs_force() {
    let api = Api::start().await;
    for kind in ["a", "b"] {
        api.enqueue(&format!(r#"{{"type":"{kind}","queue":"mail"}}"#)).await;
    }
    let id = api.enqueue(r#"{"type":"c","queue":"mail"}"#).await;
    api.post(&format!("/api/v1/jobs/{id}/cancel"), "").await;

    let purged = api.post("/api/v1/queues/mail/purge", "").await.json();
    assert_eq!(purged, json!({ "deleted": 2 }));
    api.delete(QUEUE).await.problem(409, "conflict");
    api.delete(&format!("{QUEUE}?force=yes")).await.problem(400, "invalid_request");
    assert_eq!(api.delete(&format!("{QUEUE}?force=true")).await.status, 204);
    api.get(&format!("/api/v1/jobs/{id}")).await.problem(404, "not_found");
}

#[tokio::test]
async fn counts_and_scale_are_of_one_queue() {
    let api = Api::start().await;
    api.enqueue(r#"{"type":"a","queue":"mail"}"#).await;
    api.enqueue(r#"{"type":"b","queue":"mail","delay":"1h"}"#).await;
    api.enqueue(r#"{"type":"a","queue":"other"}"#).await;

    let stats = api.get("/api/v1/queues/mail/stats").await.json();
    let scale = api.get("/api/v1/queues/mail/scale").await.json();

    assert_eq!((&stats["jobs"]["pending"], &stats["jobs"]["delayed"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&stats["totals"]["enqueues"], &stats["types"][0]["type"]),
        (&json!(2), &json!("a"))
    );
    assert_eq!((&scale["backlog"], &scale["desired_workers"]), (&json!(1), &json!(1)));
    assert!(scale["oldest_age_ms"].is_u64() && scale["arrival_rate"].is_f64());
    for path in ["stats", "scale"] {
        let path = format!("/api/v1/queues/none/{path}");
        api.get(&path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn namespaces_are_created_used_and_deleted() {
    let api = Api::start().await;
    let header = [("Windlass-Namespace", "tenant")];
    let job = br#"{"type":"t","queue":"mail"}"#;

    let made = api.post("/api/v1/namespaces", r#"{"name":"tenant"}"#).await;
    api.post("/api/v1/namespaces", r#"{"name":"tenant"}"#).await.problem(409, "conflict");
    let listed = api.get("/api/v1/namespaces").await.json();
    let stored = api.send("POST", "/api/v1/jobs", &header, job).await;

    assert_eq!((made.status, made.json()), (201, json!({ "name": "tenant" })));
    assert_eq!(listed["namespaces"], json!([{ "name": "default" }, { "name": "tenant" }]));
    assert_eq!((stored.status, &stored.json()["namespace"]), (201, &json!("tenant")));
    api.get(QUEUE).await.problem(404, "not_found");
    assert_eq!(api.send("GET", QUEUE, &header, b"").await.status, 200);
    api.delete("/api/v1/namespaces/tenant").await.problem(409, "conflict");
    api.delete("/api/v1/namespaces/default?force=true").await.problem(409, "conflict");
    assert_eq!(api.delete("/api/v1/namespaces/tenant?force=true").await.status, 204);
    api.send("GET", "/api/v1/jobs", &header, b"").await.problem(404, "not_found");
}

#[tokio::test]
async fn bad_requests_name_their_members() {
    let api = Api::start().await;
    api.post("/api/v1/queues", r#"{"name":"mail"}"#).await;
    let cases = [
        ("POST", "/api/v1/queues", r#"{"name":"no spaces"}"#, "/name"),
        ("POST", "/api/v1/queues", r#"{"name":"q","colour":1}"#, "/colour"),
        ("PATCH", QUEUE, r#"{"ttl":0}"#, "/ttl"),
        ("PATCH", QUEUE, r#"{"ttl":"400d"}"#, "/ttl"),
        ("PATCH", QUEUE, r#"{"retries":-1}"#, "/retries"),
        ("PATCH", QUEUE, r#"{"max_depth":0}"#, "/max_depth"),
        ("PATCH", QUEUE, r#"{"backoff":{"jitter":2}}"#, "/backoff/jitter"),
        ("PATCH", QUEUE, r#"{"retention":{"pending":"1h"}}"#, "/retention/pending"),
        ("PATCH", QUEUE, r#"{"retention":{"failed":"99999h"}}"#, "/retention/failed"),
        ("PATCH", QUEUE, r#"{"concurrency":0}"#, "/concurrency"),
        ("POST", "/api/v1/queues/mail/pause", r#"{"until":"2001-01-01T00:00:00Z"}"#, "/until"),
        ("POST", "/api/v1/queues/mail/pause", r#"{"until":"soon"}"#, "/until"),
        ("POST", "/api/v1/queues/mail/resume", r#"{"reason":"x"}"#, "/reason"),
        ("POST", "/api/v1/queues/mail/purge", r#"{"states":[]}"#, "/states"),
        ("POST", "/api/v1/namespaces", r#"{"name":"~"}"#, "/name"),
    ];

    for (method, path, body, pointer) in cases {
        let reply = api.send(method, path, &[], body.as_bytes()).await;

        assert_eq!(reply.problem(422, "validation_error"), [pointer], "{body}");
    }
    api.post("/api/v1/queues", "{}").await.problem(422, "validation_error");
    api.post("/api/v1/queues", "").await.problem(400, "invalid_request");
    assert_eq!(api.get(QUEUE).await.header("etag"), Some("\"1\""));
}
