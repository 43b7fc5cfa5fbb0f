//! What `GopherQueue`'s published clients send, and what they need of the answers: their requests, byte
//! for byte where it matters, and their readers' demands.

use serde_json::Value;

use crate::client::{Api, Reply};

/// States that their readers know; any other word is an error to them.
const STATES: [&str; 9] = [
    "pending",
    "scheduled",
    "running",
    "delayed",
    "retrying",
    "completed",
    "failed",
    "dead_letter",
    "cancelled",
];

/// As the Python client sends: JSON, a key, and a type even where there is no body.
async fn python(api: &Api, method: &str, path: &str, body: &str) -> Reply {
    let headers =
        [("X-API-Key", "secret"), ("Content-Type", "application/json"), ("Accept", "*/*")];
    api.send(method, path, &headers, body.as_bytes()).await
}

/// What their readers take of a job; they fail where one of these is missing.
fn reads_job(job: &Value) {
    assert!(job["id"].as_str().is_some_and(|id| !id.is_empty()));
    assert!(job["type"].is_string());
    assert!(STATES.contains(&job["state"].as_str().unwrap_or_default()));
    for number in ["priority", "attempt", "max_attempts"] {
        assert!(job[number].is_u64(), "{number}: {job}");
    }
    for instant in ["created_at", "updated_at"] {
        reads_instant(&job[instant]);
    }
    for instant in ["scheduled_at", "started_at", "completed_at"] {
        if let Some(instant) = job.get(instant) {
            reads_instant(instant);
        }
    }
    assert!(job["tags"].is_object() && job["progress"].is_number());
    assert!(job.get("last_error").is_none_or(Value::is_string));
}

/// Python 3.8 to 3.10 read three or six digits and an offset.
fn reads_instant(instant: &Value) {
    let text = instant.as_str().expect("an instant is a string");
    let digits = text.split_once('.').and_then(|(_, rest)| rest.strip_suffix('Z'));
    assert_eq!(digits.map(str::len), Some(6), "{text}");
}

/// Their readers look for `body["error"]["code"]`, and the Python client wants the type to be JSON.
fn reads_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status);
    assert!(reply.header("content-type").is_some_and(|kind| kind.contains("json")));
    let error = &reply.json()["error"];
    assert_eq!(error["code"], code);
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
}

#[tokio::test]
async fn the_python_client_submits_waits_and_reads_the_result() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let submit = r#"{"type":"echo","payload":{"to":"a@b.c"},"priority":1,"timeout":"30m",
        "max_attempts":3,"idempotency_key":"k","correlation_id":"c","tags":{"team":"a"}}"#;

    let job = python(&api, "POST", "/api/v1/jobs", submit).await;
    let again = python(&api, "POST", "/api/v1/jobs", submit).await;

    assert_eq!((job.status, again.status), (201, 200));
    assert_eq!(job.header("content-type"), Some("application/json"));
    let job = job.json();
    reads_job(&job);
    assert_eq!(again.json()["id"], job["id"]);
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let wait = python(&api, "POST", &format!("{path}/wait"), r#"{"timeout":"30s"}"#).await;
    assert_eq!(wait.status, 200);
    let wait = wait.json();
    assert_eq!((&wait["completed"], &wait["success"]), (&true.into(), &true.into()));
    assert!(wait["id"] == job["id"] && wait["state"] == "completed");
    let result = python(&api, "GET", &format!("{path}/result"), "").await.json();
    assert_eq!((&result["job_id"], &result["success"]), (&job["id"], &true.into()));
    assert_eq!(result["output"], "eyJ0byI6ImFAYi5jIn0=");
    assert!(result["duration"].is_u64());
    reads_instant(&result["completed_at"]);
    reads_job(&python(&api, "GET", &path, "").await.json());
    let deleted = python(&api, "DELETE", &path, "").await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    reads_error(&python(&api, "DELETE", &path, "").await, 404, "not_found");
    reads_error(&python(&api, "GET", &format!("{path}/result"), "").await, 404, "not_found");
    worker.stop().await;
}

#[tokio::test]
async fn the_clients_list_cancel_and_retry() {
    let api = Api::start().await;
    let submit = r#"{"type":"report","payload":null,"priority":2,"delay":"5m"}"#;
    let job = python(&api, "POST", "/api/v1/jobs", submit).await.json();
    reads_job(&job);
    assert_eq!(job["state"], "delayed");
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());

    let page = python(&api, "GET", "/api/v1/jobs?state=delayed&type=report&limit=10", "").await;
    let page = page.json();
    assert_eq!((page["jobs"].as_array().map(Vec::len), &page["count"]), (Some(1), &1.into()));
    reads_job(&page["jobs"][0]);
    let none = python(&api, "GET", "/api/v1/jobs?state=scheduled", "").await;
    assert_eq!((none.status, &none.json()["jobs"]), (200, &Value::Array(Vec::new())));
    let both = python(&api, "GET", "/api/v1/jobs?state=scheduled&state=delayed", "").await;
    assert_eq!(both.json()["count"], 1);

    let cancel = r#"{"reason":"","force":false}"#;
    let cancelled = python(&api, "POST", &format!("{path}/cancel"), cancel).await;
    assert_eq!(cancelled.status, 200);
    reads_job(&cancelled.json());
    let late = python(&api, "POST", &format!("{path}/cancel"), r#"{"reason":null}"#).await;
    reads_error(&late, 409, "conflict");
    let retried =
        python(&api, "POST", &format!("{path}/retry"), r#"{"reset_attempts":true}"#).await;
    assert_eq!(retried.status, 200);
    reads_job(&retried.json());
    let unfinished = python(&api, "GET", &format!("{path}/result"), "").await;
    reads_error(&unfinished, 404, "not_found");
    let waited = python(&api, "POST", &format!("{path}/wait"), r#"{"timeout":"0s"}"#).await;
    assert_eq!((waited.status, &waited.json()["timed_out"]), (200, &true.into()));
}

#[tokio::test]
async fn the_clients_submit_batches() {
    let api = Api::start().await;
    let batch =
        r#"{"jobs":[{"type":"a","payload":{},"priority":2},{"payload":{}}],"atomic":false}"#;

    let reply = python(&api, "POST", "/api/v1/jobs/batch", batch).await;

    assert_eq!(reply.status, 201);
    let reply = reply.json();
    let counts = ["total", "accepted", "rejected"].map(|name| reply[name].as_u64());
    assert_eq!(counts, [Some(2), Some(1), Some(1)]);
    let results = reply["results"].as_array().unwrap();
    assert_eq!((&results[0]["index"], &results[0]["success"]), (&0.into(), &true.into()));
    reads_job(&results[0]["job"]);
    assert_eq!(results[1]["success"], false);
    let empty = python(&api, "POST", "/api/v1/jobs/batch", r#"{"jobs":[],"atomic":true}"#).await;
    reads_error(&empty, 400, "validation_error");
}

#[tokio::test]
async fn the_command_line_reads_status_and_counts() {
    let api = Api::start().await;
    let submit = r#"{"type":"echo","payload":{},"priority":2,"max_attempts":3}"#;
    let job = api.post("/api/v1/jobs", submit).await.json();
    assert!(job["id"].is_string() && job["state"] == "pending");

    let stats = api.get("/api/v1/stats").await.json();

    for name in [
        "pending",
        "scheduled",
        "running",
        "delayed",
        "completed",
        "failed",
        "dead_letter",
        "total_jobs",
    ] {
        assert!(stats["queue"][name].is_u64(), "{name}");
    }
    for name in [
        "total_workers",
        "active_workers",
        "idle_workers",
        "processed_jobs",
        "succeeded_jobs",
        "failed_jobs",
    ] {
        assert!(stats["workers"][name].is_u64(), "{name}");
    }
    reads_instant(&stats["queue"]["timestamp"]);
    reads_error(&api.get("/api/v1/jobs/812").await, 404, "not_found");
    reads_error(&api.get("/api/v1/jobs/nonsense").await, 400, "invalid_request");
}

#[tokio::test]
async fn mistakes_have_the_codes_that_the_clients_know() {
    let api = Api::start().await;

    reads_error(&python(&api, "POST", "/api/v1/jobs", "{").await, 400, "invalid_request");
    reads_error(&python(&api, "POST", "/api/v1/jobs", "{}").await, 400, "validation_error");
    reads_error(&python(&api, "PUT", "/api/v1/jobs", "").await, 405, "method_not_allowed");
    reads_error(&python(&api, "GET", "/api/v1/nothing", "").await, 404, "not_found");
}
