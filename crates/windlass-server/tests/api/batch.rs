//! POST /api/v1/jobs/batch.

use serde_json::Value;

use crate::client::Api;

const BATCH: &str = "/api/v1/jobs/batch";

#[tokio::test]
async fn each_job_is_answered_in_its_place() {
    let api = Api::start().await;
    let body = r#"{"jobs":[{"type":"a"},{"payload":1},{"type":"c"},{"type":"d","priority":77},
        {"type":"c","idempotency_key":"k","payload":1},
        {"type":"c","idempotency_key":"k","payload":2}]}"#;

    let reply = api.post(BATCH, body).await;

    assert_eq!(reply.status, 201);
    let reply = reply.json();
    assert_eq!((&reply["total"], &reply["accepted"]), (&6.into(), &3.into()));
    assert_eq!(reply["rejected"], 3);
    let results = reply["results"].as_array().unwrap();
    let indices: Vec<u64> = results.iter().filter_map(|one| one["index"].as_u64()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5]);
    let success: Vec<bool> = results.iter().filter_map(|one| one["success"].as_bool()).collect();
    assert_eq!(success, [true, false, true, false, true, false]);
    assert_eq!(results[2]["job"]["type"], "c");
    assert_eq!(results[1]["error"]["code"], "validation_error");
    assert!(results[3]["error"]["message"].as_str().unwrap().contains("77"));
    assert_eq!(results[5]["error"]["code"], "idempotency_mismatch");
    assert!(results[1].get("job").is_none() && results[0].get("error").is_none());
    assert_eq!(api.count().await, 3);
}

#[tokio::test]
async fn an_atomic_batch_is_stored_whole_or_not_at_all() {
    let api = Api::start().await;
    let bad = r#"{"atomic":true,"jobs":[{"type":"a"},{"type":"b","delay":-1},{}]}"#;

    let reply = api.post(BATCH, bad).await;
    assert_eq!(reply.problem(422, "validation_error"), ["/jobs/1/delay", "/jobs/2/type"]);
    assert_eq!(api.count().await, 0);

    let good = r#"{"atomic":true,"jobs":[{"type":"a"},{"type":"b"}]}"#;
    let reply = api.post(BATCH, good).await;
    assert_eq!((reply.status, &reply.json()["accepted"]), (201, &Value::from(2)));
    assert_eq!(api.count().await, 2);
}

#[tokio::test]
async fn a_key_that_belongs_to_another_job_refuses_an_atomic_batch() {
    let api = Api::start().await;
    api.enqueue(r#"{"type":"a","payload":1,"idempotency_key":"k"}"#).await;
    let body = r#"{"atomic":true,"jobs":[{"type":"a"},
        {"type":"a","payload":2,"idempotency_key":"k"}]}"#;

    let reply = api.post(BATCH, body).await;

    assert_eq!(reply.problem(422, "validation_error"), ["/jobs/1/idempotency_key"]);
    assert_eq!(api.count().await, 1);
}

#[tokio::test]
async fn lines_are_jobs() {
    let api = Api::start().await;
    let ndjson = [("Content-Type", "application/x-ndjson")];
    let body = b"{\"type\":\"a\"}\n\n{oops\r\n{\"type\":\"b\"}";

    let reply = api.send("POST", BATCH, &ndjson, body).await;

    assert_eq!(reply.status, 201);
    let reply = reply.json();
    assert_eq!((&reply["total"], &reply["rejected"]), (&3.into(), &1.into()));
    assert_eq!(reply["results"][1]["error"]["code"], "invalid_request");
    assert_eq!(reply["results"][2]["job"]["type"], "b");
    let atomic = format!("{BATCH}?atomic=true");
    let reply = api.send("POST", &atomic, &ndjson, body).await;
    assert_eq!(reply.problem(422, "validation_error"), ["/jobs/1"]);
    assert_eq!(api.count().await, 2);
}

#[tokio::test]
async fn batches_are_neither_empty_nor_endless() {
    let api = Api::start().await;
    let many = format!(r#"{{"jobs":[{}{{}}]}}"#, "{},".repeat(10_000));

    for empty in ["{}", r#"{"jobs":[]}"#] {
        assert_eq!(api.post(BATCH, empty).await.problem(400, "validation_error"), ["/jobs"]);
    }
    assert_eq!(api.post(BATCH, &many).await.problem(422, "validation_error"), ["/jobs"]);
    let wrong = api.post(BATCH, r#"{"jobs":{},"atomic":1,"x":0}"#).await;
    assert_eq!(wrong.problem(422, "validation_error"), ["/jobs", "/atomic", "/x"]);
    api.post(BATCH, "[").await.problem(400, "invalid_request");
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn a_thousand_jobs_are_stored_in_their_order() {
    let api = Api::start().await;
    let jobs: Vec<String> = (0..1000).map(|n| format!(r#"{{"type":"t","payload":{n}}}"#)).collect();
    let body = format!(r#"{{"atomic":true,"jobs":[{}]}}"#, jobs.join(","));

    let reply = api.post(BATCH, &body).await.json();

    assert_eq!(reply["accepted"], 1000);
    let results = reply["results"].as_array().unwrap();
    let id = |result: &Value| result["job"]["id"].as_str().map(str::to_owned);
    assert!(results.is_sorted_by(|a, b| id(a) < id(b)));
    assert_eq!(results[999]["job"]["payload"], 999);
}
