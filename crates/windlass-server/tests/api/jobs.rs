//! One job: read, cancel, retry, delete, and how it ended.

use crate::client::Api;

#[tokio::test]
async fn a_waiting_job_is_cancelled_and_retried() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"echo","delay":"1h"}"#).await;
    let at = |what: &str| format!("/api/v1/jobs/{id}/{what}");

    let reply = api.post(&at("cancel"), r#"{"reason":"not needed"}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["state"], "cancelled");
    assert_eq!(reply.json()["last_error"], "not needed");
    api.post(&at("cancel"), "").await.problem(409, "conflict");

    let reply = api.post(&at("retry"), r#"{"delay":"1h","priority":"low"}"#).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"delayed".into()));
    assert_eq!(reply.json()["priority"], 3);
    let reply = api.post(&at("retry"), "").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"pending".into()));
    api.post(&at("retry"), "{}").await.problem(409, "conflict");
}

#[tokio::test]
async fn a_deleted_job_is_gone() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"echo"}"#).await;
    let path = format!("/api/v1/jobs/{id}");

    let reply = api.send("DELETE", &path, &[], b"").await;

    assert_eq!((reply.status, reply.body.len()), (204, 0));
    api.get(&path).await.problem(404, "not_found");
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn a_completed_job_has_a_result_and_an_attempt() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"echo","payload":{"n":  1}}"#).await;
    let at = |what: &str| format!("/api/v1/jobs/{id}/{what}");

    let wait = api.get(&at("wait?timeout=10s")).await.json();

    assert_eq!((&wait["id"], &wait["state"]), (&id.as_str().into(), &"completed".into()));
    let flags = (&wait["completed"], &wait["success"], &wait["timed_out"]);
    assert_eq!(flags, (&true.into(), &true.into(), &false.into()));
    assert_eq!(wait["result"]["output"], "eyJuIjogIDF9");
    let result = api.get(&at("result")).await.json();
    assert_eq!(result, wait["result"]);
    assert!(result["duration"].as_u64().is_some() && result.get("error").is_none());
    let raw = api.get(&at("result?raw=true")).await;
    assert_eq!(raw.text(), r#"{"n":  1}"#);
    assert_eq!(raw.header("content-type"), Some("application/octet-stream"));
    let attempts = api.get(&at("attempts")).await.json();
    assert_eq!(attempts["attempts"][0]["attempt"], 1);
    assert_eq!(attempts["attempts"][0]["class"], "completed");
    worker.stop().await;
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"fail"}"#).await;
    let at = |what: &str| format!("/api/v1/jobs/{id}/{what}");

    let wait = api.post(&at("wait"), r#"{"timeout":"10s"}"#).await.json();

    assert_eq!((&wait["completed"], &wait["success"]), (&true.into(), &false.into()));
    assert_eq!(wait["result"]["error"], "no such address");
    assert_eq!(wait["result"]["error_category"], "permanent");
    api.get(&at("result?raw=true")).await.problem(404, "not_found");
    let attempts = api.get(&at("attempts")).await.json();
    assert_eq!(attempts["attempts"][0]["message"], "no such address");
    worker.stop().await;
}

#[tokio::test]
async fn a_wait_that_is_over_says_so_and_a_living_job_has_no_result() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"echo"}"#).await;

    let wait = api.get(&format!("/api/v1/jobs/{id}/wait?timeout=0")).await.json();

    assert_eq!((&wait["timed_out"], &wait["state"]), (&true.into(), &"pending".into()));
    assert!(wait.get("result").is_none());
    api.get(&format!("/api/v1/jobs/{id}/result")).await.problem(404, "not_found");
}

#[tokio::test]
async fn namespaces_have_to_exist() {
    let api = Api::start().await;
    let header = |name| [("Windlass-Namespace", name)];

    let reply = api.send("GET", "/api/v1/jobs", &header("default"), b"").await;
    assert_eq!(reply.status, 200);
    let reply = api.send("GET", "/api/v1/jobs", &header("no such name"), b"").await;
    reply.problem(400, "invalid_request");
    let job = br#"{"type":"t"}"#;
    let reply = api.send("POST", "/api/v1/jobs", &header("elsewhere"), job).await;
    reply.problem(404, "not_found");
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn a_job_shows_what_its_handler_kept() {
    let api = Api::start().await;
    let worker = api.queue.worker().handle_raw("import", async |_, ctx: windlass::Ctx| {
        ctx.checkpoint(&[1, 2]).await?;
        windlass::Ok(Vec::new())
    });
    let worker = worker.start().await.expect("the worker registers");
    let id = api.enqueue(r#"{"type":"import"}"#).await;
    let other = api.enqueue(r#"{"type":"other"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;

    let kept = api.get(&format!("/api/v1/jobs/{id}/checkpoint")).await;
    let nothing = api.get(&format!("/api/v1/jobs/{other}/checkpoint")).await;

    assert_eq!(kept.text(), format!(r#"{{"job_id":"{id}","checkpoint":[1,2]}}"#));
    assert_eq!(nothing.text(), format!(r#"{{"job_id":"{other}","checkpoint":null}}"#));
    api.get("/api/v1/jobs/1/checkpoint").await.problem(404, "not_found");
    worker.stop().await;
}

#[tokio::test]
async fn a_job_shows_what_its_handlers_wrote_down() {
    let api = Api::start().await;
    let worker = api.queue.worker().handle_raw("import", async |_, ctx: windlass::Ctx| {
        ctx.log(windlass::LogLevel::Warn, "two files are missing");
        windlass::Ok(Vec::new())
    });
    let worker = worker.start().await.expect("the worker registers");
    let id = api.enqueue(r#"{"type":"import"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;

    let lines = api.get(&format!("/api/v1/jobs/{id}/logs")).await.json();

    let line = &lines["lines"][0];
    assert_eq!((&line["attempt"], &line["level"]), (&1.into(), &"warn".into()));
    assert_eq!(line["text"], "two files are missing");
    assert!(line["at"].is_string() && lines["lines"][1].is_null());
    api.get("/api/v1/jobs/1/logs").await.problem(404, "not_found");
    worker.stop().await;
}

#[tokio::test]
async fn a_signal_wakes_a_job() {
    let api = Api::start().await;
    let worker = api.queue.worker().handle_raw("approve", async |_, ctx: windlass::Ctx| {
        let who: Option<String> =
            ctx.wait_signal("approval", std::time::Duration::from_secs(3600)).await?;
        windlass::Ok(who.unwrap_or_default().into_bytes())
    });
    let id = api.enqueue(r#"{"type":"approve"}"#).await;
    let path = format!("/api/v1/jobs/{id}/signals");

    let first = api.post(&path, r#"{"name":"approval","payload":"Ada"}"#).await;
    let again = api.post(&path, r#"{"name":"approval"}"#).await;
    let worker = worker.start().await.expect("the worker registers");
    let result = api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await.json();

    let body = format!(r#"{{"job_id":"{id}","name":"approval","new":true}}"#);
    assert_eq!((first.status, first.text()), (201, body));
    assert_eq!((again.status, &again.json()["new"]), (200, &false.into()));
    assert_eq!(result["result"]["output"], "QWRh");
    api.post(&path, r#"{"name":"approval"}"#).await.problem(409, "conflict");
    api.post(&path, "{}").await.problem(422, "validation_error");
    api.post("/api/v1/jobs/1/signals", r#"{"name":"a"}"#).await.problem(404, "not_found");
    worker.stop().await;
}
