//! POST /api/v1/jobs.

use crate::client::Api;

#[tokio::test]
async fn a_new_job_is_answered_with_its_object_and_place() {
    let api = Api::start().await;
    let body = r#"{"type":"echo","queue":"mail","priority":"high","delay":"1h","timeout":"90s",
        "max_attempts":5,"tags":{"team":"a"},"metadata":{"k":"v"},"correlation_id":"c",
        "backoff":{"strategy":"constant","initial":"2s"},"deadline":"2100-01-01T00:00:00Z"}"#;

    let reply = api.post("/api/v1/jobs", body).await;

    assert_eq!(reply.status, 201);
    let job = reply.json();
    let id = job["id"].as_str().unwrap();
    assert_eq!(reply.header("location"), Some(format!("/api/v1/jobs/{id}").as_str()));
    assert_eq!((&job["state"], &job["reason"]), (&"delayed".into(), &"scheduled".into()));
    assert_eq!((&job["queue"], &job["priority"]), (&"mail".into(), &1.into()));
    assert_eq!((&job["timeout_ms"], &job["max_attempts"]), (&90_000.into(), &5.into()));
    assert_eq!((&job["tags"]["team"], &job["metadata"]["k"]), (&"a".into(), &"v".into()));
    assert_eq!(job["backoff"]["strategy"], "constant");
    assert_eq!(job["deadline"], "2100-01-01T00:00:00.000000Z");
    assert!(job.get("idempotency_key").is_none() && job.get("result").is_none());
    let read = api.get(&format!("/api/v1/jobs/{id}")).await;
    assert_eq!(read.json(), job);
}

#[tokio::test]
async fn payload_bytes_come_back_as_they_were_sent() {
    let api = Api::start().await;
    let payload = r#"{"n":9007199254740993,  "x" : 1.50,"x":"\u0041\/","big":1.0E+2}"#;

    let id = api.enqueue(&format!(r#"{{"type":"echo","payload": {payload} }}"#)).await;

    let shown = api.get(&format!("/api/v1/jobs/{id}")).await.text();
    assert!(shown.contains(&format!(r#""payload":{payload},"#)), "{shown}");
    let binary = api.enqueue(r#"{"type":"echo","payload_base64":"/wA="}"#).await;
    let shown = api.get(&format!("/api/v1/jobs/{binary}")).await.json();
    assert_eq!(shown["payload_base64"], "/wA=");
    let empty = api.enqueue(r#"{"type":"echo"}"#).await;
    let shown = api.get(&format!("/api/v1/jobs/{empty}")).await.json();
    assert_eq!(shown.get("payload"), Some(&serde_json::Value::Null));
}

#[tokio::test]
async fn an_idempotency_key_finds_the_first_job() {
    let api = Api::start().await;
    let body = r#"{"type":"echo","payload":{"a":1}}"#;
    let key = [("Idempotency-Key", "k1")];
    let first = api.send("POST", "/api/v1/jobs", &key, body.as_bytes()).await;
    assert_eq!((first.status, first.header("windlass-existing")), (201, None));

    let member = r#"{"type":"echo","payload":{"a":1},"idempotency_key":"k1"}"#;
    let again = api.post("/api/v1/jobs", member).await;
    assert_eq!((again.status, again.header("windlass-existing")), (200, Some("idempotency")));
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(again.json()["idempotency_key"], "k1");

    let other = api.send("POST", "/api/v1/jobs", &key, br#"{"type":"echo","payload":2}"#).await;
    other.problem(409, "idempotency_mismatch");
    let both = [("Idempotency-Key", "k2")];
    let both = api.send("POST", "/api/v1/jobs", &both, member.as_bytes()).await;
    assert_eq!(both.problem(422, "validation_error"), ["/idempotency_key"]);
    assert_eq!(api.count().await, 1);
}

#[tokio::test]
async fn a_unique_key_that_is_held_is_answered_with_its_job() {
    let api = Api::start().await;
    let body = r#"{"type":"rare","payload":{"user":7},"delay":"1h","unique":{"fields":["user"],"scope":"queue",
        "on_conflict":{"debounce":{"quiet":"5s","max_wait":"1m"}}}}"#;

    let first = api.post("/api/v1/jobs", body).await;
    let second = api.post("/api/v1/jobs", body).await;
    let wrong = api.post("/api/v1/jobs", r#"{"type":"rare","unique":{"until":"period"}}"#).await;

    assert_eq!((first.status, second.status, wrong.status), (201, 200, 422));
    assert_eq!(second.header("windlass-existing"), Some("unique"));
    let (first, second) = (first.json(), second.json());
    assert_eq!(first["id"], second["id"]);
    assert_eq!(first["unique"]["fields"], serde_json::json!(["user"]));
    assert_eq!(first["unique"]["on_conflict"]["debounce"]["quiet"], 5000);
    assert_eq!(wrong.json()["errors"][0]["pointer"], "/unique/key");
}

#[tokio::test]
async fn a_job_waits_for_others_and_says_so() {
    let api = Api::start().await;
    let parent = api.enqueue(r#"{"type":"rare","delay":"1h"}"#).await;
    let body =
        format!(r#"{{"type":"rare","depends_on":["{parent}",{{"id":"{parent}0","on":"any"}}]}}"#);
    let unknown = api.post("/api/v1/jobs", &body).await;
    let body =
        format!(r#"{{"type":"rare","depends_on":[{{"id":"{parent}","on_failure":"run"}}]}}"#);

    let child = api.enqueue(&body).await;

    assert_eq!(unknown.status, 422);
    assert_eq!(unknown.json()["errors"][0]["pointer"], "/depends_on/1");
    let job = api.get(&format!("/api/v1/jobs/{child}")).await.json();
    assert_eq!((&job["state"], &job["reason"]), (&"pending".into(), &"blocked".into()));
    assert_eq!(job["depends_on"][0]["on_failure"], "run");
    assert_eq!(job["blocked_by"], serde_json::json!([parent]));
    let shown = api.get(&format!("/api/v1/jobs/{child}/dependencies")).await.json();
    assert_eq!(shown["depends_on"][0]["state"], "delayed");
    let shown = api.get(&format!("/api/v1/jobs/{parent}/dependencies")).await.json();
    assert_eq!(shown["dependents"], serde_json::json!([child]));
    let why = api.get(&format!("/api/v1/jobs/{child}/explain")).await.json();
    assert_eq!((&why["runnable"], &why["blockers"][0]["code"]), (&false.into(), &"blocked".into()));
    let wrong = r#"{"type":"rare","depends_on":[5,{"on":"never"}]}"#;
    let errors = api.post("/api/v1/jobs", wrong).await.json()["errors"].clone();
    let pointers: Vec<_> = errors.as_array().unwrap().iter().map(|e| &e["pointer"]).collect();
    assert_eq!(pointers, ["/depends_on/0", "/depends_on/1/on", "/depends_on/1/id"]);
}

#[tokio::test]
async fn a_job_is_part_of_the_trace_of_its_request() {
    let api = Api::start().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = br#"{"type":"echo"}"#;
    let headers = [("traceparent", parent), ("tracestate", "a=1")];

    let traced = api.send("POST", "/api/v1/jobs", &headers, body).await.json();
    let broken = api.send("POST", "/api/v1/jobs", &[("traceparent", "00-1")], body).await;

    let metadata = &traced["metadata"];
    assert_eq!(
        (&metadata["traceparent"], &metadata["tracestate"]),
        (&parent.into(), &"a=1".into())
    );
    assert_eq!(broken.status, 201);
    assert!(broken.json()["metadata"].is_null());
}
