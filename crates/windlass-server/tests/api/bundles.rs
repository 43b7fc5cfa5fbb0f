//! Workflows and batches over HTTP.

use serde_json::{Value, json};

use crate::client::Api;

const DIAMOND: &str = r#"{"name":"order","nodes":[
    {"name":"ship","type":"none","after":["pay",{"name":"pack","on":"any"}]},
    {"name":"pay","type":"none","payload":{"n": 1.0},"delay":"1h"},
    {"name":"pack","type":"none","queue":"q"}]}"#;

#[tokio::test]
async fn a_workflow_is_started_read_listed_and_cancelled() {
    let api = Api::start().await;

    let key = [("Idempotency-Key", "order-1")];
    let made = api.send("POST", "/api/v1/workflows", &key, DIAMOND.as_bytes()).await;
    assert_eq!(made.status, 201);
    let workflow = made.json();
    let path = format!("/api/v1/workflows/{}", workflow["id"].as_str().expect("an id"));
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!((&workflow["name"], &workflow["state"]), (&json!("order"), &json!("running")));
    assert_eq!(workflow["counts"], json!({"pending": 2, "delayed": 1}));
    let names: Vec<&Value> =
        workflow["nodes"].as_array().expect("nodes").iter().map(|node| &node["name"]).collect();
    assert_eq!(names, ["pay", "pack", "ship"]);
    let again = api.send("POST", "/api/v1/workflows", &key, DIAMOND.as_bytes()).await;
    assert_eq!((again.status, again.header("windlass-existing")), (200, Some("idempotency")));
    assert_eq!(again.json()["id"], workflow["id"]);
    let other = br#"{"nodes":[{"name":"a","type":"t"}]}"#;
    api.send("POST", "/api/v1/workflows", &key, other).await.problem(409, "idempotency_mismatch");

    let page = api.get(&format!("{path}?limit=2")).await.json();
    assert_eq!(
        (page["nodes"].as_array().map(Vec::len), &page["has_more"]),
        (Some(2), &json!(true))
    );
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = api.get(&format!("{path}?cursor={cursor}")).await.json();
    assert_eq!((&rest["nodes"][0]["name"], &rest["has_more"]), (&json!("ship"), &json!(false)));
    let ship = rest["nodes"][0]["id"].as_str().expect("an id").to_owned();
    let job = api.get(&format!("/api/v1/jobs/{ship}")).await.json();
    assert_eq!((&job["workflow_id"], &job["node"]), (&workflow["id"], &json!("ship")));
    let parents = api.get(&format!("/api/v1/jobs/{ship}/dependencies")).await.json();
    assert_eq!(parents["depends_on"][0]["node"], "pay");
    let explained = api.get(&format!("/api/v1/jobs/{ship}/explain")).await.json();
    let evidence = explained["blockers"][0]["evidence"]["jobs"].as_str().expect("jobs");
    assert!(evidence.contains("`pay` delayed"), "{evidence}");
    let id = workflow["id"].as_str().expect("an id");
    let listed = api.get(&format!("/api/v1/jobs?workflow_id={id}&state=pending")).await.json();
    assert_eq!(listed["count"], 2);

    api.post(&format!("{path}/retry"), "").await.problem(409, "conflict");
    let cancelled = api.post(&format!("{path}/cancel"), r#"{"reason":"no"}"#).await.json();
    assert_eq!(cancelled["counts"], json!({"cancelled": 3}));
    let retried = api.post(&format!("{path}/retry"), r#"{"reset_attempts":true}"#).await.json();
    assert_eq!(retried["counts"], json!({"pending": 3}));
    let list = api.get("/api/v1/workflows?state=running&limit=5").await.json();
    assert_eq!((&list["count"], &list["workflows"][0]["id"]), (&json!(1), &workflow["id"]));
    assert_eq!(api.get("/api/v1/workflows?state=completed").await.json()["count"], 0);
}

#[tokio::test]
async fn a_graph_that_breaks_a_rule_is_refused_whole() {
    let api = Api::start().await;
    let pointers = async |body: &str| {
        api.post("/api/v1/workflows", body).await.problem(422, "validation_error")
    };

    let cycle = r#"{"nodes":[{"name":"a","type":"t","after":["b"]},
        {"name":"b","type":"t","after":["a"]}]}"#;
    assert_eq!(pointers(cycle).await, ["/nodes/1/after"]);
    let unknown = r#"{"nodes":[{"name":"a","type":"t","after":["b"]}]}"#;
    assert_eq!(pointers(unknown).await, ["/nodes/0/after/0"]);
    let twice = r#"{"nodes":[{"name":"a","type":"t"},{"name":"a","type":"t"}]}"#;
    assert_eq!(pointers(twice).await, ["/nodes/1/name"]);
    assert_eq!(pointers(r#"{"nodes":[]}"#).await, ["/nodes"]);
    let orphan = r#"{"nodes":[{"name":"a","type":"t"},
        {"name":"b","type":"t","depends_on":["4611686018427387904"]}]}"#;
    assert_eq!(pointers(orphan).await, ["/nodes/1/depends_on/0"]);
    assert_eq!(api.get("/api/v1/jobs").await.json()["count"], 0);
    assert_eq!(api.get("/api/v1/workflows").await.json()["count"], 0);
    for path in ["/api/v1/workflows/1", "/api/v1/batches/1", "/api/v1/batches/1/explain"] {
        api.get(path).await.problem(404, "not_found");
    }
    api.get("/api/v1/workflows/x").await.problem(400, "invalid_request");
    api.get("/api/v1/workflows?state=asleep").await.problem(400, "invalid_request");
    api.get("/api/v1/jobs?workflow_id=1&batch_id=2").await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_batch_is_opened_filled_committed_and_explained() {
    let api = Api::start().await;
    let body = r#"{"description":"May","on_complete":{"type":"report","payload":{"n": 1.0}}}"#;

    let opened = api.post("/api/v1/batches", body).await;
    let batch = opened.json();
    let id = batch["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/batches/{id}");
    let job = format!(r#"{{"type":"none","batch_id":"{id}"}}"#);
    let stored = api.post("/api/v1/jobs", &job).await.json();
    let committed = api.post(&format!("{path}/commit"), "").await.json();
    let explained = api.get(&format!("{path}/explain")).await.json();

    assert_eq!((opened.status, opened.header("location")), (201, Some(path.as_str())));
    assert_eq!((&batch["state"], &batch["total"]), (&json!("open"), &json!(0)));
    let callback = &batch["callbacks"]["on_complete"];
    assert_eq!((&callback["type"], &callback["job_id"]), (&json!("report"), &Value::Null));
    assert_eq!(stored["batch_id"], json!(id));
    assert_eq!((&committed["state"], &committed["pending"]), (&json!("running"), &json!(1)));
    assert!(committed["committed_at"].is_string());
    assert_eq!(explained["blockers"][0]["code"], "members");
    assert_eq!(api.get(&format!("/api/v1/jobs?batch_id={id}")).await.json()["count"], 1);
    assert_eq!(api.get("/api/v1/batches").await.json()["batches"][0]["id"], json!(id));
    let wrong = r#"{"on_success":{"type":"t","unique":{"key":"k"}},"colour":1}"#;
    let problem = api.post("/api/v1/batches", wrong).await.problem(422, "validation_error");
    assert_eq!(problem, ["/on_success/unique", "/colour"]);
    let unknown = r#"{"type":"none","batch_id":"1"}"#;
    api.post("/api/v1/jobs", unknown).await.problem(422, "validation_error");
}
