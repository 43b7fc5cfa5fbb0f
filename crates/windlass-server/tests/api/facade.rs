//! pgqueue's API: what its clients send, and what they are answered.

use serde_json::{Value, json};

use crate::client::{Api, Reply};

/// What its client sends with every request, also where there is no body.
const SENT: [(&str, &str); 2] = [("Accept", "*/*"), ("Content-Type", "application/json")];

async fn send(api: &Api, method: &str, path: &str, body: &str) -> Reply {
    api.send(method, path, &SENT, body.as_bytes()).await
}

async fn ok(api: &Api, method: &str, path: &str, body: &str, status: u16) -> Value {
    let reply = send(api, method, path, body).await;
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

async fn refused(api: &Api, method: &str, path: &str, body: &str, status: u16) -> Value {
    let reply = ok(api, method, path, body, status).await;
    assert_eq!(reply["code"], status);
    assert!(reply["reason"].is_string(), "{reply}");
    reply
}

#[tokio::test]
async fn queues_have_pgqueues_defaults_and_shapes() {
    let (api, _) = Api::over_clock().await;

    let made = send(&api, "POST", "/api/queue", r#"{"queue":"Emails"}"#).await;

    assert_eq!(made.status, 201);
    let lines = [
        "{",
        "  \"queue\": \"emails\",",
        "  \"ttl\": 3600000000000,",
        "  \"retries\": 3,",
        "  \"retry_delay\": 120000000000,",
        "  \"namespace\": \"default\"",
        "}",
        "",
    ];
    assert_eq!(made.text(), lines.join("\n"));
    let again = refused(&api, "POST", "/api/queue", r#"{"queue":"emails"}"#, 409).await;
    assert_eq!(again["reason"], "Conflict: queue already exists");
    assert_eq!(again["detail"], "emails");
    let list = ok(&api, "GET", "/api/queue?limit=1", "null", 200).await;
    assert_eq!(list["count"], 1);
    assert_eq!(list["body"][0]["queue"], "emails");
    let body = r#"{"retries":0,"ttl":60000000000,"retry_delay":"1s"}"#;
    let changed = ok(&api, "PATCH", "/api/queue/Emails", body, 200).await;
    assert_eq!(changed["ttl"], 60_000_000_000_i64);
    assert_eq!(changed["retries"], 1);
    assert_eq!(changed["retry_delay"], 1_000_000_000);
    let ours = api.get("/api/v1/queues/emails").await.json();
    assert_eq!(ours["retries"], 0);
    assert_eq!(ok(&api, "DELETE", "/api/queue/emails", "", 200).await, changed);
    let gone = refused(&api, "GET", "/api/v1/queue/emails", "", 404).await;
    assert_eq!(gone["reason"], "Not Found: queue `emails` not found");
}

#[tokio::test]
async fn what_is_wrong_has_pgqueues_shape() {
    let (api, _) = Api::over_clock().await;
    ok(&api, "POST", "/api/queue", r#"{"queue":"q"}"#, 201).await;

    for (method, path, body, status) in [
        ("POST", "/api/queue", "{}", 400),
        ("POST", "/api/queue", r#"{"queue":"2x"}"#, 400),
        ("POST", "/api/queue", "nonsense", 400),
        ("POST", "/api/queue", r#"{"queue":"x","ttl":1}"#, 400),
        ("PATCH", "/api/queue/q", "{}", 400),
        ("PATCH", "/api/queue/q", r#"{"queue":"other"}"#, 400),
        ("GET", "/api/queue?offset=10001", "", 400),
        ("GET", "/api/queue?limit=x", "", 400),
        ("POST", "/api/task", r#"{"queue":"q"}"#, 400),
        ("POST", "/api/task", r#"{"queue":"none","payload":1}"#, 404),
        (
            "POST",
            "/api/task",
            r#"{"queue":"q","payload":1,"delayed_at":"2020-01-01T00:00:00Z"}"#,
            400,
        ),
        ("PUT", "/api/task", "", 400),
        ("PUT", "/api/task/2x?worker=w", "", 400),
        ("PATCH", "/api/task/x", "{}", 400),
        ("PATCH", "/api/task/1", "{}", 404),
        ("PATCH", "/api/task/1", "", 400),
        ("GET", "/api/task?status=done", "", 400),
        ("POST", "/api/ticker", r#"{"ticker":"t","interval":1}"#, 400),
        ("GET", "/api/ticker/none", "", 404),
    ] {
        refused(&api, method, path, body, status).await;
    }
    let wrong = refused(&api, "PUT", "/api/queue", "", 405).await;
    assert_eq!(wrong, json!({ "code": 405, "reason": "Method Not Allowed", "detail": "PUT" }));
    let none = refused(&api, "PUT", "/api/task/q?worker=w", "", 404).await;
    assert_eq!(none, json!({ "code": 404, "reason": "Not Found: no task available" }));
}

#[tokio::test]
async fn a_task_is_stored_retained_and_released() {
    let (api, manual) = Api::over_clock().await;
    ok(&api, "POST", "/api/queue", r#"{"queue":"q"}"#, 201).await;

    let task = ok(&api, "POST", "/api/task", r#"{"queue":"q","payload":{"n":1}}"#, 201).await;
    let id = task["id"].as_i64().expect("an id is an integer");
    let expected = json!({
        "id": id, "payload": { "n": 1 }, "namespace": "default", "queue": "q", "retries": 3,
        "created_at": "2026-01-01T00:00:00Z", "dies_at": "2026-01-01T01:00:00Z",
    });
    assert_eq!(task, expected);
    let retained = ok(&api, "PUT", "/api/task?worker=w1", "", 201).await;
    assert_eq!(retained["worker"], "w1");
    assert_eq!(retained["started_at"], "2026-01-01T00:00:00Z");
    assert_eq!(retained.get("status"), None);
    let ours = api.get(&format!("/api/v1/jobs/{id}")).await.json();
    assert_eq!(ours["lease_expires_at"], "2026-01-01T01:00:00.000000Z");
    let path = format!("/api/task/{id}");
    refused(&api, "PATCH", &format!("{path}?worker=w2"), "{}", 404).await;
    let failed = ok(&api, "PATCH", &path, r#"{"fail":true,"result":{"why":"no"}}"#, 201).await;
    assert_eq!(failed["status"], "retry");
    assert_eq!(failed["retries"], 2);
    assert_eq!(failed["result"], json!({ "why": "no" }));
    assert_eq!(failed["delayed_at"], "2026-01-01T00:02:00Z");
    refused(&api, "PATCH", &path, "{}", 404).await;
    manual.advance(std::time::Duration::from_secs(121));
    let upkeep = api.queue.start_upkeep();
    let again = eventually(&api, "/api/task/q?worker=w1").await;
    upkeep.stop().await;
    assert_eq!(again["id"], id);
    let done = ok(&api, "PATCH", &path, r#"{"result":18446744073709551615}"#, 201).await;
    assert_eq!(done["status"], "released");
    assert_eq!(done["result"], 18_446_744_073_709_551_615_u64);
    assert!(done["finished_at"].is_string());
    assert_eq!(ok(&api, "GET", &path, "", 200).await, done);
}

/// Retains a task once the upkeep has made it ready; each question takes its time, so this does not spin.
async fn eventually(api: &Api, path: &str) -> Value {
    loop {
        let reply = send(api, "PUT", path, "").await;
        if reply.status == 201 {
            return reply.json();
        }
        assert_eq!(reply.status, 404, "{reply:?}");
    }
}

#[tokio::test]
async fn tasks_are_listed_by_queue_and_status() {
    let (api, _) = Api::over_clock().await;
    for name in ["a", "b"] {
        ok(&api, "POST", "/api/queue", &json!({ "queue": name }).to_string(), 201).await;
    }
    for n in 0..3 {
        let body = json!({ "queue": if n == 2 { "b" } else { "a" }, "payload": n });
        ok(&api, "POST", "/api/task", &body.to_string(), 201).await;
    }
    ok(&api, "PUT", "/api/task/a?worker=w", "", 201).await;
    let list = async |query: &str| {
        let list = ok(&api, "GET", &format!("/api/task?{query}"), "", 200).await;
        let body = list["body"].as_array().expect("a list").clone();
        let payloads = body.iter().map(|task| task["payload"].as_i64().expect("a number"));
        (list["count"].as_u64().expect("a count"), payloads.collect::<Vec<_>>())
    };

    assert_eq!(list("").await, (3, vec![0, 1, 2]));
    assert_eq!(list("queue=a").await, (2, vec![0, 1]));
    assert_eq!(list("status=new").await, (2, vec![1, 2]));
    assert_eq!(list("status=retained&queue=a").await, (1, vec![0]));
    assert_eq!(list("status=retry").await, (0, vec![]));
    assert_eq!(list("offset=1&limit=1").await, (3, vec![1]));
    let metrics = api.get("/api/metrics").await.text();
    let line = r#"queue_tasks{namespace="default",queue="a",status="retained"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
    assert!(metrics.starts_with("# HELP queue_tasks Number of tasks in each queue by status\n"));
}

#[tokio::test]
async fn who_names_no_queue_is_given_tasks_alone() {
    let (api, _) = Api::over_clock().await;
    api.enqueue(r#"{"type":"echo","queue":"q"}"#).await;

    refused(&api, "PUT", "/api/task?worker=w", "", 404).await;

    let job = ok(&api, "PUT", "/api/task/q?worker=w", "", 201).await;
    assert_eq!(job["queue"], "q");
}

#[tokio::test]
async fn namespaces_are_walls() {
    let (api, _) = Api::over_clock().await;
    assert_eq!(api.post("/api/v1/namespaces", r#"{"name":"b"}"#).await.status, 201);
    ok(&api, "POST", "/api/queue", r#"{"queue":"q"}"#, 201).await;
    ok(&api, "POST", "/api/task", r#"{"queue":"q","payload":1}"#, 201).await;
    let task = ok(&api, "PUT", "/api/task?worker=w", "", 201).await;
    let in_b = [("Windlass-Namespace", "b")];

    let path = format!("/api/task/{}", task["id"]);
    for (method, path) in [("PATCH", path.as_str()), ("GET", &path), ("GET", "/api/queue/q")] {
        assert_eq!(api.send(method, path, &in_b, b"{}").await.status, 404, "{method} {path}");
    }
    let list = api.send("GET", "/api/task", &in_b, b"").await.json();
    assert_eq!(list, json!({ "count": 0, "body": [] }));
    let names = ok(&api, "GET", "/api/namespace", "", 200).await;
    assert_eq!(names, json!({ "count": 2, "body": ["b", "default"] }));
}
