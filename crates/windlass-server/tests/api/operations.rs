//! Changes by hand over HTTP: one job, many in an operation, groups of dead letters.

use serde_json::{Value, json};
use windlass::{JobError, RetryOptions};

use crate::client::Api;

#[tokio::test]
async fn a_job_is_changed() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"mail","payload":1,"tags":{"a":"1"}}"#).await;
    let path = format!("/api/v1/jobs/{id}");

    let body = br#"{"payload":{"n":1.50},"queue":"other","priority":"high","max_attempts":3,
        "scheduled_at":"2199-01-01T00:00:00Z","tags":{}}"#;
    let changed = api.send("PATCH", &path, &[], body).await;

    assert_eq!(changed.status, 200, "{}", changed.text());
    assert!(changed.text().contains(r#""payload":{"n":1.50}"#), "{}", changed.text());
    let job = changed.json();
    assert_eq!((&job["queue"], &job["priority"]), (&json!("other"), &json!(1)));
    assert_eq!((&job["state"], &job["tags"]), (&json!("delayed"), &json!({})));
    let wrong = br#"{"queue":"a b","max_attempts":0,"timeout":"5s"}"#;
    let pointers = api.send("PATCH", &path, &[], wrong).await.problem(422, "validation_error");
    assert_eq!(pointers, ["/max_attempts", "/queue", "/timeout"]);
    let nothing = api.send("PATCH", &path, &[], b"{}").await.problem(422, "validation_error");
    assert_eq!(nothing, [""]);
    let large = format!(r#"{{"payload":"{}"}}"#, "x".repeat(1 << 20));
    api.send("PATCH", &path, &[], large.as_bytes()).await.problem(413, "payload_too_large");
    api.send("PATCH", "/api/v1/jobs/812", &[], b"{\"payload\":1}").await.problem(404, "not_found");
}

#[tokio::test]
async fn an_operation_is_begun_read_and_stopped() {
    let api = Api::start().await;
    for _ in 0..3 {
        api.enqueue(r#"{"type":"mail","tags":{"colour":"red"}}"#).await;
    }
    let body = |dry_run: bool| {
        json!({"action": "cancel", "filter": {"type": "mail", "tag": "colour:red"},
            "params": {"reason": "no"}, "rate": 2.5, "dry_run": dry_run})
        .to_string()
    };

    let dry = api.post("/api/v1/operations", &body(true)).await;
    assert_eq!((dry.status, &dry.json()["count"]), (200, &json!(3)));
    assert_eq!(dry.json()["sample"].as_array().map(Vec::len), Some(3));
    assert!(!dry.text().contains("payload"), "{dry:?}");
    let begun = api.post("/api/v1/operations", &body(false)).await;
    assert_eq!(begun.status, 202);
    let operation = begun.json();
    let path = format!("/api/v1/operations/{}", operation["id"].as_str().unwrap_or_default());
    assert_eq!(begun.header("location"), Some(path.as_str()));
    assert_eq!((&operation["state"], &operation["rate"]), (&json!("counting"), &json!(2.5)));
    assert_eq!(operation["filter"], json!({"tag": ["colour:red"], "type": ["mail"]}));
    assert_eq!(operation["params"], json!({"reason": "no", "force": false}));
    assert_eq!(api.get(&path).await.json(), operation);

    let stopped = api.post(&format!("{path}/cancel"), "").await.json();
    assert_eq!((&stopped["state"], &stopped["done"]), (&json!("cancelled"), &json!(0)));
    api.post(&format!("{path}/cancel"), "").await.problem(409, "conflict");
    let listed = api.get("/api/v1/operations?limit=1").await.json();
    assert_eq!((&listed["count"], &listed["has_more"]), (&json!(1), &json!(false)));
    assert_eq!(listed["operations"][0], stopped);
    api.get("/api/v1/operations/812").await.problem(404, "not_found");
    api.get("/api/v1/operations/x").await.problem(400, "invalid_request");
    api.get("/api/v1/operations?cursor=x").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn an_operation_that_names_nothing_is_refused() {
    let api = Api::start().await;
    for (body, expected) in [
        (r#"{"action":"delete"}"#, vec!["/filter"]),
        (r#"{"action":"delete","filter":{}}"#, vec!["/filter"]),
        (r#"{"action":"shred","filter":{"queue":"q"}}"#, vec!["/action"]),
        (r#"{"action":"move","ids":["1"]}"#, vec!["/params/queue"]),
        (r#"{"action":"retry","ids":[1]}"#, vec!["/ids"]),
        (r#"{"action":"retry","ids":["1"],"filter":{"type":"x"}}"#, vec!["/ids"]),
        (r#"{"action":"retry","filter":{"state":"gone"}}"#, vec!["/filter/state"]),
    ] {
        let refused = api.post("/api/v1/operations", body).await;
        assert_eq!(refused.problem(422, "validation_error"), expected, "{body}");
    }
}

#[tokio::test]
async fn an_operation_is_carried_out() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"mail","max_attempts":1}"#).await;
    let fail = async |_, _| Err::<Vec<u8>, _>(JobError::from("no user 7"));
    let worker = api.queue.worker().handle_raw("mail", fail).start().await.expect("a worker");
    api.get(&format!("/api/v1/jobs/{id}/wait")).await;

    let groups = api.get("/api/v1/dead/groups").await.json();
    let group = &groups["groups"][0];
    assert_eq!((&group["count"], &group["type"]), (&json!(1), &json!("mail")), "{groups}");
    assert_eq!((&group["sample"], &groups["complete"]), (&json!(id), &json!(true)));
    let listed =
        format!("/api/v1/jobs?fingerprint={}", group["fingerprint"].as_str().unwrap_or(""));
    assert_eq!(api.get(&listed).await.json()["count"], 1);
    let delete = json!({"action": "delete", "filter": {"fingerprint": group["fingerprint"]}});
    let begun = api.post("/api/v1/operations", &delete.to_string()).await.json();
    let operation = begun["id"].as_str().unwrap_or_default().parse().expect("an id");
    let ended = api.queue.carry_out(operation).await.expect("carried out");
    worker.stop().await;

    assert_eq!((ended.done, ended.matched), (1, 1));
    api.get(&format!("/api/v1/jobs/{id}")).await.problem(404, "not_found");
    assert_eq!(api.get("/api/v1/dead/groups").await.json()["groups"], Value::Array(Vec::new()));
    assert!(
        api.queue
            .retry(id.parse::<windlass::JobId>().expect("an id"), RetryOptions::default())
            .await
            .is_err()
    );
}
