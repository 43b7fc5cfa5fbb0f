//! `Idempotency-Key` on POSTs whose effect is no single job.

use crate::client::{Api, Reply};

async fn post(api: &Api, path: &str, key: &str, body: &str) -> Reply {
    api.send("POST", path, &[("Idempotency-Key", key)], body.as_bytes()).await
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_stored_once() {
    let api = Api::start().await;
    let body = r#"{"jobs":[{"type":"a"},{"type":"b","priority":77}]}"#;

    let first = post(&api, "/api/v1/jobs/batch", "k1", body).await;
    let again = post(&api, "/api/v1/jobs/batch", "k1", body).await;
    let other = post(&api, "/api/v1/jobs/batch", "k1", r#"{"jobs":[{"type":"a"}]}"#).await;

    assert_eq!((first.status, first.header("windlass-existing")), (201, None));
    assert_eq!((again.status, again.header("windlass-existing")), (201, Some("idempotency")));
    assert_eq!(
        (again.text(), again.header("content-type")),
        (first.text(), Some("application/json"))
    );
    other.problem(409, "idempotency_mismatch");
    assert_eq!(api.count().await, 1);
    let elsewhere = post(&api, "/api/v1/queues", "k1", r#"{"name":"q"}"#).await;
    elsewhere.problem(409, "idempotency_mismatch");
}

#[tokio::test]
async fn what_was_done_once_is_answered_as_it_was_then() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"a","delay":"1h"}"#).await;
    let cancel = format!("/api/v1/jobs/{id}/cancel");

    let first = post(&api, &cancel, "once", r#"{"reason":"no"}"#).await;
    let again = post(&api, &cancel, "once", r#"{"reason":"no"}"#).await;
    let anew = post(&api, &cancel, "twice", r#"{"reason":"no"}"#).await;

    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!((again.text(), again.header("etag")), (first.text(), first.header("etag")));
    anew.problem(409, "conflict");
    let made = post(&api, "/api/v1/queues", "queue", r#"{"name":"q"}"#).await;
    let again = post(&api, "/api/v1/queues", "queue", r#"{"name":"q"}"#).await;
    assert_eq!((made.status, again.status), (201, 201));
    assert_eq!(again.header("location"), Some("/api/v1/queues/q"));
}

#[tokio::test]
async fn what_took_no_effect_may_be_sent_again_under_its_key() {
    let api = Api::start().await;

    post(&api, "/api/v1/queues/none/resume", "k", "").await.problem(404, "not_found");
    api.post("/api/v1/queues", r#"{"name":"none"}"#).await;
    let later = post(&api, "/api/v1/queues/none/resume", "k", "").await;

    assert_eq!((later.status, later.header("windlass-existing")), (200, None));
    let long = "k".repeat(257);
    post(&api, "/api/v1/jobs/batch", &long, r#"{"jobs":[{"type":"a"}]}"#)
        .await
        .problem(422, "validation_error");
    let wrong = [("Idempotency-Key", "k"), ("Windlass-Namespace", "nowhere")];
    let reply = api.send("POST", "/api/v1/jobs/batch", &wrong, b"{}").await;
    reply.problem(404, "not_found");
}

#[tokio::test]
async fn answers_that_are_too_large_are_not_given_twice() {
    let api = Api::start().await;
    let payload = "x".repeat(600 << 10);
    let job = format!(r#"{{"type":"a","payload":"{payload}"}}"#);
    let body = format!(r#"{{"jobs":[{job},{job}]}}"#);

    let first = post(&api, "/api/v1/jobs/batch", "large", &body).await;
    let again = post(&api, "/api/v1/jobs/batch", "large", &body).await;

    assert_eq!(first.status, 201);
    again.problem(409, "conflict");
    assert_eq!(api.count().await, 2);
}

#[tokio::test]
async fn the_same_key_at_the_same_time_takes_effect_once() {
    let api = Api::start().await;
    let body = r#"{"jobs":[{"type":"a"}]}"#;

    let all = [1, 2, 3, 4].map(|_| post(&api, "/api/v1/jobs/batch", "k", body));
    let [a, b, c, d] = all;
    let (a, b, c, d) = tokio::join!(a, b, c, d);

    for reply in [a, b, c, d] {
        assert!(reply.status == 201 || reply.status == 409, "{reply:?}");
    }
    assert_eq!(api.count().await, 1);
}
