//! Schedules over HTTP: made, changed under a version, paused, run, previewed.

use serde_json::{Value, json};

use crate::client::Api;

const SCHEDULE: &str = "/api/v1/schedules/nightly";

const NIGHTLY: &str = r#"{"name":"nightly","cron":"0 3 * * *","timezone":"Europe/Berlin",
    "jitter":"5m","overlap":"skip","job":{"type":"report","payload":{"n": 1.0},"queue":"q"}}"#;

#[tokio::test]
async fn a_schedule_is_made_read_changed_and_deleted() {
    let api = Api::start().await;

    let made = api.post("/api/v1/schedules", NIGHTLY).await;
    assert_eq!((made.status, made.header("location")), (201, Some(SCHEDULE)));
    let schedule = made.json();
    assert_eq!(
        (&schedule["cron"], &schedule["timezone"]),
        (&json!("0 3 * * *"), &json!("Europe/Berlin"))
    );
    assert_eq!((&schedule["catch_up"], &schedule["overlap"]), (&json!("last"), &json!("skip")));
    assert_eq!((&schedule["jitter"], &schedule["source"]), (&json!("5m"), &json!("api")));
    assert_eq!(
        (&schedule["job"]["type"], &schedule["job"]["queue"]),
        (&json!("report"), &json!("q"))
    );
    assert_eq!((&schedule["paused"], &schedule["last_at"]), (&Value::Null, &Value::Null));
    assert!(schedule["next_at"].is_string() && schedule["next_tick"].is_string());
    api.post("/api/v1/schedules", NIGHTLY).await.problem(409, "conflict");

    let read = api.get(SCHEDULE).await;
    assert_eq!((read.json(), read.header("etag")), (schedule, Some("\"1\"")));
    let patch = br#"{"interval":"90s","overlap":null,"job":{"priority":"high"}}"#;
    let changed = api.send("PATCH", SCHEDULE, &[("If-Match", "\"1\"")], patch).await;
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")));
    let changed = changed.json();
    assert_eq!((&changed["interval"], changed.get("cron")), (&json!("1m30s"), None));
    assert_eq!((&changed["overlap"], &changed["job"]["priority"]), (&json!("allow"), &json!(1)));
    assert_eq!(changed["job"]["queue"], "q");
    let late = [("If-Match", "\"1\"")];
    api.send("PATCH", SCHEDULE, &late, b"{}").await.problem(412, "precondition_failed");
    api.send("DELETE", SCHEDULE, &late, b"").await.problem(412, "precondition_failed");

    let listed = api.get("/api/v1/schedules").await.json();
    assert_eq!((&listed["count"], &listed["schedules"][0]["name"]), (&json!(1), &json!("nightly")));
    assert_eq!(api.send("DELETE", SCHEDULE, &[], b"").await.status, 204);
    for (method, action) in
        [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/trigger"), ("GET", "/ticks")]
    {
        let path = format!("{SCHEDULE}{action}");
        api.send(method, &path, &[], b"").await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_schedule_is_paused_run_and_resumed() {
    let api = Api::start().await;
    api.post("/api/v1/schedules", NIGHTLY).await;

    let paused = api.post(&format!("{SCHEDULE}/pause"), r#"{"reason":"away","by":"ada"}"#).await;
    let job = api.post(&format!("{SCHEDULE}/trigger"), "").await;
    let resumed = api.post(&format!("{SCHEDULE}/resume"), "").await;

    let paused = paused.json();
    assert_eq!(
        (&paused["paused"]["reason"], &paused["paused"]["by"]),
        (&json!("away"), &json!("ada"))
    );
    assert_eq!(paused["next_at"], Value::Null);
    assert_eq!(job.status, 201);
    let job = job.json();
    assert_eq!((&job["type"], &job["schedule"]["name"]), (&json!("report"), &json!("nightly")));
    assert!(job["schedule"]["tick"].is_string() && job.get("metadata").is_none());
    assert_eq!((resumed.status, &resumed.json()["paused"]), (200, &Value::Null));
    let ticks = api.get(&format!("{SCHEDULE}/ticks?limit=1")).await.json();
    let tick = &ticks["ticks"][0];
    assert_eq!((&tick["state"], &tick["job_id"]), (&json!("triggered"), &job["id"]));
    let cursor = ticks["next_cursor"].as_str().expect("a full page");
    let rest = api.get(&format!("{SCHEDULE}/ticks?cursor={cursor}")).await.json();
    assert_eq!((&rest["count"], &rest["has_more"]), (&json!(0), &json!(false)));
    api.get(&format!("{SCHEDULE}/ticks?cursor=x")).await.problem(400, "invalid_request");
    api.post(&format!("{SCHEDULE}/trigger"), r#"{"now":true}"#)
        .await
        .problem(422, "validation_error");
}

#[tokio::test]
async fn ticks_to_come_are_shown_without_making_anything() {
    let api = Api::start().await;

    let body = r#"{"spec":"0 9 * * MON-FRI","timezone":"Europe/Berlin","n":3}"#;
    let shown = api.post("/api/v1/schedules/preview", body).await.json();
    let period = api.post("/api/v1/schedules/preview", r#"{"spec":"every 90s"}"#).await.json();

    assert_eq!(shown["ticks"].as_array().map(Vec::len), Some(3));
    assert!(shown["ticks"][0].as_str().expect("a tick").contains(":00:00.000000Z"));
    assert_eq!((&period["spec"], &period["timezone"]), (&json!("every 1m30s"), &json!("UTC")));
    assert_eq!(period["ticks"].as_array().map(Vec::len), Some(5));
    assert_eq!(api.get("/api/v1/schedules").await.json()["count"], 0);
}

#[tokio::test]
async fn every_mistake_has_its_pointer() {
    let api = Api::start().await;
    let body = r#"{"name":"n","cron":"0 25 * * *","timezone":"Nowhere","catch_up":"all:0","colour":1,
        "job":{"type":"t","idempotency_key":"k"}}"#;
    let refused = api.post("/api/v1/schedules", body).await.problem(422, "validation_error");
    let preview = api.post("/api/v1/schedules/preview", r#"{"spec":"* *","n":500}"#).await;

    let expected = ["/cron", "/timezone", "/catch_up", "/job/idempotency_key", "/colour"];
    assert_eq!(refused, expected);
    assert_eq!(preview.problem(422, "validation_error"), ["/n", "/spec"]);
    let taken = NIGHTLY.replace("nightly", "preview");
    let taken = api.post("/api/v1/schedules", &taken).await;
    assert_eq!(taken.problem(422, "validation_error"), ["/name"]);
    api.post("/api/v1/schedules", "{}").await.problem(422, "validation_error");
    api.post("/api/v1/schedules", NIGHTLY).await;
    let changed = api.send("PATCH", SCHEDULE, &[], br#"{"name":"x","job":{"type":5}}"#).await;
    assert_eq!(changed.problem(422, "validation_error"), ["/name"]);
}
