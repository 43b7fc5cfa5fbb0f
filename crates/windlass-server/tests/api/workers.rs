//! The worker protocol as workers see it.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use windlass::State;

use crate::client::{Api, Reply};

async fn post(api: &Api, path: &str, body: &Value) -> Reply {
    api.post(&format!("/api/v1{path}"), &body.to_string()).await
}

async fn register(api: &Api) -> String {
    let reply = post(api, "/workers", &json!({ "name": "w", "types": ["mail"] })).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()["worker_id"].as_str().expect("an id is a string").to_owned()
}

/// The only job that a claim brings.
async fn claim(api: &Api, worker: &str) -> Value {
    let reply = post(api, &format!("/workers/{worker}/claim"), &json!({})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let jobs = reply.json()["jobs"].take();
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
    jobs[0].clone()
}

#[tokio::test]
async fn a_worker_registers_claims_heartbeats_and_settles() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"mail","payload":{"n": 9007199254740993}}"#).await;
    let new = json!({ "name": "w", "queues": ["default"], "concurrency": 2, "labels": {"zone": "eu"},
        "version": "1", "lease": "60s" });

    let registered = post(&api, "/workers", &new).await;
    let worker = registered.json()["worker_id"].as_str().unwrap().to_owned();
    let path = format!("/workers/{worker}");
    let claimed = post(&api, &format!("{path}/claim"), &json!({ "limit": 5 })).await;
    let job = claimed.json()["jobs"][0].clone();
    let token = &job["lease"]["token"];
    let progress = json!([{ "id": id, "token": token, "percent": 50, "message": "half" }]);
    let pulse = post(&api, &format!("{path}/heartbeat"), &json!({ "progress": progress })).await;
    let item = json!({ "id": id, "token": token, "outcome": "complete", "result": [1] });
    let settled = post(&api, &format!("{path}/settle"), &json!({ "items": [item, item] })).await;

    assert_eq!(registered.status, 201);
    assert_eq!(registered.header("location"), Some(format!("/api/v1{path}").as_str()));
    assert_eq!(registered.json()["heartbeat_ms"], 10_000);
    assert_eq!(registered.json()["lease_ms"], 60_000);
    assert!(claimed.text().contains(r#""payload":{"n": 9007199254740993}"#), "{claimed:?}");
    assert_eq!((&job["id"], &job["state"]), (&json!(id), &json!("running")));
    assert_eq!((&job["attempt"], &job["lease"]["epoch"]), (&json!(1), &json!(1)));
    assert_eq!(job["checkpoint"], Value::Null);
    assert!(token.as_str().is_some_and(|token| token.len() <= 64), "{token}");
    assert_eq!(pulse.json(), json!({ "cancel": [], "lost": [], "state": "run" }));
    let expected = json!({ "items": [
        { "id": id, "status": "applied", "state": "completed" },
        { "id": id, "status": "already_applied", "state": "completed" },
    ] });
    assert_eq!(settled.json(), expected);
    let result = api.get(&format!("/api/v1/jobs/{id}/result?raw=true")).await;
    assert_eq!(result.text(), "[1]");
}

#[tokio::test]
async fn of_two_ends_of_one_attempt_the_first_counts() {
    let api = Api::start().await;
    let worker = register(&api).await;
    let path = format!("/workers/{worker}");
    let complete = json!({ "outcome": "complete", "result": 7 });
    let with_more = json!({ "outcome": "complete", "result": 7, "enqueue": [{ "type": "next" }] });
    let fail = json!({ "outcome": "fail", "error": { "message": "no" } });
    let cases = [
        ([&with_more, &fail], ["applied", "lease_lost"], "completed"),
        ([&fail, &complete], ["applied", "lease_lost"], "retrying"),
        ([&fail, &with_more], ["applied", "lease_lost"], "retrying"),
        ([&with_more, &complete], ["applied", "already_applied"], "completed"),
    ];
    for (ends, statuses, state) in cases {
        let id = api.enqueue(r#"{"type":"mail"}"#).await;
        let token = claim(&api, &worker).await["lease"]["token"].clone();
        let items = ends.map(|end| {
            let mut item = end.clone();
            (item["id"], item["token"]) = (json!(id), token.clone());
            item
        });

        let settled = post(&api, &format!("{path}/settle"), &json!({ "items": items })).await;

        let settled = settled.json();
        let given = [0, 1].map(|place| settled["items"][place]["status"].clone());
        assert_eq!(given, statuses, "{settled}");
        assert_eq!(api.get(&format!("/api/v1/jobs/{id}")).await.json()["state"], state);
    }
    let next = api.get("/api/v1/jobs?type=next").await.json();
    assert_eq!(next["count"], 2);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_costs_nothing_else() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"mail"}"#).await;
    let worker = register(&api).await;
    let token = claim(&api, &worker).await["lease"]["token"].clone();
    let path = format!("/workers/{worker}");

    let unknown = post(&api, "/workers", &json!({ "name": "w", "tribe": 1 })).await;
    assert_eq!(unknown.problem(422, "validation_error"), ["/tribe"]);
    let foreign = post(&api, &format!("{path}/claim"), &json!({ "types": ["other"] })).await;
    assert_eq!(foreign.problem(422, "validation_error"), ["/types/0"]);
    let long = post(&api, &format!("{path}/claim"), &json!({ "wait": "2m" })).await;
    assert_eq!(long.problem(422, "validation_error"), ["/wait"]);
    post(&api, "/workers/7/claim", &json!({})).await.problem(404, "not_found");
    post(&api, "/workers/x/claim", &json!({})).await.problem(400, "invalid_request");
    let stray = json!({ "items": [
        { "id": id, "token": "x", "outcome": "complete" },
        { "id": id, "token": token, "outcome": "snooze" },
        { "id": id, "token": token, "outcome": "complete" },
    ] });
    let settled = post(&api, &format!("{path}/settle"), &stray).await.json();
    let statuses: Vec<&str> = settled["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["status"].as_str())
        .collect();
    assert_eq!(statuses, ["invalid", "invalid", "applied"]);
    assert_eq!(settled["items"][0]["error"]["code"], "validation_error");
    let late = post(&api, &format!("/jobs/{id}/fail"), &json!({ "token": token })).await;
    late.problem(409, "lease_lost");
}

#[tokio::test]
async fn a_token_is_all_that_a_claim_without_registration_needs() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"mail","max_attempts":1}"#).await;

    let wanted = json!({ "worker": "curl", "types": ["mail"], "lease": "90s" });
    let claimed = post(&api, "/jobs/claim", &wanted).await.json();
    let token = &claimed["jobs"][0]["lease"]["token"];
    assert_eq!(claimed["jobs"][0]["lease"]["expires_in_ms"], 90_000);
    let at = |what: &str| format!("/api/v1/jobs/{id}/{what}");
    let data = json!({ "token": token, "data": { "page": 7 } }).to_string();
    let kept = api.send("PUT", &at("checkpoint"), &[], data.as_bytes()).await;
    let lines = json!({ "token": token, "data": ["one", { "text": "two", "level": "warn" }] });
    let logged = post(&api, &format!("/jobs/{id}/logs"), &lines).await;
    let extend = json!({ "token": token, "lease": "5m" });
    let extended = post(&api, &format!("/jobs/{id}/extend"), &extend).await;
    let end = json!({ "token": token, "error": { "class": "KeyError", "message": "no" } });
    let failed = post(&api, &format!("/jobs/{id}/fail"), &end).await;
    let again = post(&api, &format!("/jobs/{id}/fail"), &end).await;

    assert_eq!((kept.status, logged.status, extended.status), (204, 204, 200), "{extended:?}");
    assert_eq!(extended.json()["lease"]["token"], *token);
    assert_eq!(extended.json()["cancel"], false);
    let expected = json!({ "id": id, "status": "applied", "state": "dead_letter" });
    assert_eq!(failed.json(), expected);
    assert_eq!(again.json()["status"], "already_applied");
    assert_eq!(api.get(&at("checkpoint")).await.json()["checkpoint"]["page"], 7);
    assert_eq!(api.get(&at("logs")).await.json()["lines"][1]["level"], "warn");
    assert_eq!(api.get(&format!("/api/v1/jobs/{id}")).await.json()["last_error"], "KeyError: no");
    let wrong = api.send("PUT", &at("checkpoint"), &[], data.as_bytes()).await;
    wrong.problem(409, "lease_lost");
}

#[tokio::test]
async fn workers_are_listed_asked_and_forgotten() {
    let api = Api::start().await;
    let (first, second) = (register(&api).await, register(&api).await);
    let path = format!("/api/v1/workers/{first}");

    let page = api.get("/api/v1/workers?limit=1").await.json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let rest = api.get(&format!("/api/v1/workers?cursor={cursor}")).await.json();
    let quiet = api.post(&format!("{path}/quiet"), "").await;
    let pulse = api.post(&format!("{path}/heartbeat"), "").await.json();
    let terminated = api.post(&format!("{path}/terminate"), "{}").await;
    let claimed = api.post(&format!("{path}/claim"), "").await.json();

    assert_eq!((&page["workers"][0]["id"], &page["has_more"]), (&json!(second), &json!(true)));
    assert_eq!((&rest["workers"][0]["id"], &rest["count"]), (&json!(first), &json!(1)));
    assert_eq!(quiet.json()["state"], "quiet", "{quiet:?}");
    assert_eq!(pulse["state"], "quiet");
    assert_eq!(terminated.json()["state"], "terminate");
    assert_eq!(claimed, json!({ "jobs": [], "state": "terminate", "cancel": [] }));
    let read = api.get(&path).await.json();
    assert_eq!((&read["remote"], &read["alive"]), (&json!(true), &json!(true)));
    assert_eq!(api.send("DELETE", &path, &[], b"").await.status, 204);
    api.send("DELETE", &path, &[], b"").await.problem(404, "not_found");
    api.get(&path).await.problem(404, "not_found");
    api.get("/api/v1/workers?cursor=x").await.problem(400, "invalid_request");
}

/// A claim that waits on a connection of its own, and is under way when this returns.
async fn wait_for_job(api: &Api, worker: &str) -> TcpStream {
    let body = r#"{"wait":"60s"}"#;
    let head = format!(
        "POST /api/v1/workers/{worker}/claim HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        api.address,
        body.len()
    );
    let mut connection = api.connect().await;
    connection.write_all(head.as_bytes()).await.expect("the server reads");
    // Connections are taken in their order: when this is answered, the claim is under way.
    assert_eq!(api.get("/live").await.status, 200);
    connection
}

#[tokio::test]
async fn one_of_many_that_wait_gets_the_job() {
    let api = Api::start().await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let worker = register(&api).await;
        waiting.push(wait_for_job(&api, &worker).await);
    }
    let id = api.enqueue(r#"{"type":"mail"}"#).await;
    let answered = |context: &mut Context<'_>| {
        let mut answers = waiting.iter().map(|connection| connection.poll_read_ready(context));
        if answers.any(|answer| answer.is_ready()) { Poll::Ready(()) } else { Poll::Pending }
    };
    poll_fn(answered).await;

    api.stop.cancel();

    let mut given = Vec::new();
    for connection in &mut waiting {
        let reply = Reply::read(connection).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        given.extend(reply.json()["jobs"].as_array().cloned().unwrap());
    }
    assert_eq!(given.len(), 1, "{given:?}");
    assert_eq!(given[0]["id"], json!(id));
    api.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_has_nothing_leased() {
    let api = Api::start().await;
    let (gone, stays) = (register(&api).await, register(&api).await);
    let first = wait_for_job(&api, &gone).await;
    let mut second = wait_for_job(&api, &stays).await;

    drop(first);
    let id = api.enqueue(r#"{"type":"mail"}"#).await;
    let reply = Reply::read(&mut second).await;

    // Whether the server had noticed or not: the other one is given the job, at its first attempt.
    let job = &reply.json()["jobs"][0];
    assert_eq!((&job["id"], &job["attempt"]), (&json!(id), &json!(1)), "{reply:?}");
    assert_eq!(api.queue.get(id.parse().unwrap()).await.unwrap().crashes, 0);
}

#[tokio::test]
async fn claims_and_reports_may_go_to_different_servers() {
    let api = Api::start().await;
    let other = api.beside().await;
    let id = api.enqueue(r#"{"type":"mail"}"#).await;
    let worker = register(&api).await;

    let job = claim(&other, &worker).await;
    let item = json!({ "id": id, "token": job["lease"]["token"], "outcome": "complete" });
    let here = post(&api, &format!("/workers/{worker}/settle"), &json!({ "items": [item] })).await;
    let there =
        post(&other, &format!("/workers/{worker}/settle"), &json!({ "items": [item] })).await;

    assert_eq!(here.json()["items"][0]["status"], "applied", "{here:?}");
    assert_eq!(there.json()["items"][0]["status"], "already_applied", "{there:?}");
    let done = api.queue.wait(id.parse().unwrap(), Duration::ZERO).await.unwrap();
    assert_eq!(done.state, State::Completed);
}
