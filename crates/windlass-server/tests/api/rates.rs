//! How often somebody may ask: by key, by address, and what always passes.

use std::time::Duration;

use serde_json::json;
use windlass::{Clock, KeyRates, Queue, Rate};
use windlass_server::Rates;

use crate::access::made;
use crate::client::{Api, Reply};

const JOBS: &str = "/api/v1/jobs";
const JOB: &[u8] = br#"{"type":"t"}"#;

/// A server whose clock the test moves.
async fn server(rates: Rates) -> (Api, Clock) {
    let clock = Clock::manual("2026-01-01T00:00:00Z".parse().expect("an instant"));
    let queue = Queue::builder().clock(clock.clone()).open("memory:").await;
    let queue = queue.expect("a database in memory opens");
    (Api::over_with(queue, |server| server.rates(rates)).await, clock)
}

fn each_second(count: u32) -> Option<Rate> {
    Some(Rate::new(count, Duration::from_secs(1)).burst(count))
}

async fn send(api: &Api, key: &str, path: &str, body: &[u8]) -> Reply {
    api.send("POST", path, &[("X-API-Key", key)], body).await
}

#[tokio::test]
async fn a_key_stores_as_many_jobs_as_it_may() {
    let (api, clock) = server(Rates::default()).await;
    let limited = r#"{"role":"admin","rates":{"enqueues":{"count":2,"per":"10s"}}}"#;
    let (id, key) = made(&api, limited, None).await;
    let (_, other) = made(&api, r#"{"role":"producer"}"#, Some(&key)).await;

    for _ in 0..2 {
        assert_eq!(send(&api, &key, JOBS, JOB).await.status, 201);
    }
    let refused = send(&api, &key, JOBS, JOB).await;

    refused.problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(send(&api, &other, JOBS, JOB).await.status, 201);
    clock.advance(Duration::from_secs(5));
    // A batch passes when one job does, and is paid for afterwards.
    let batch = br#"{"jobs":[{"type":"t"},{"type":"t"},{"type":"t"}]}"#;
    assert_eq!(send(&api, &key, "/api/v1/jobs/batch", batch).await.status, 201);
    let refused = send(&api, &key, JOBS, JOB).await;
    assert_eq!(refused.header("retry-after"), Some("15"));
    let listed = api.send("GET", "/api/v1/keys", &[("X-API-Key", &key)], b"").await.json();
    let shown = listed["keys"].as_array().and_then(|keys| keys.iter().find(|it| it["id"] == *id));
    let shown = shown.expect("it is listed");
    assert_eq!(shown["rates"], json!({"enqueues": {"count": 2, "per": "10s", "burst": 2}}));
}

#[tokio::test]
async fn the_rates_of_a_key_change_at_once() {
    let (api, _) = server(Rates::default()).await;
    let (id, key) = made(&api, r#"{"role":"admin","label":"a"}"#, None).await;
    let path = format!("/api/v1/keys/{id}");
    let change = async |body: &[u8]| api.send("PATCH", &path, &[("X-API-Key", &key)], body).await;

    let changed = change(br#"{"rates":{"enqueues":{"count":1,"per":"1h"}}}"#).await;

    assert_eq!((changed.status, &changed.json()["label"]), (200, &json!("a")));
    assert_eq!(send(&api, &key, JOBS, JOB).await.status, 201);
    send(&api, &key, JOBS, JOB).await.problem(429, "rate_limited");
    let changed = change(br#"{"label":"b","rates":null}"#).await.json();
    assert_eq!((&changed["label"], changed.get("rates")), (&json!("b"), None));
    assert_eq!(send(&api, &key, JOBS, JOB).await.status, 201);
    let broken = change(br#"{"rates":{"claims":{"count":0,"per":"1s"}}}"#).await;
    assert_eq!(broken.problem(422, "validation_error"), ["/rates/claims/count"]);
    let missing = api.send("PATCH", "/api/v1/keys/none", &[("X-API-Key", &key)], b"{}").await;
    missing.problem(404, "not_found");
}

#[tokio::test]
async fn what_a_worker_reports_passes_while_its_key_is_used_up() {
    let each = KeyRates { enqueues: each_second(1), claims: each_second(1) };
    let (api, _) = server(Rates { each, without_key: None }).await;
    let (_, key) = made(&api, r#"{"role":"admin"}"#, None).await;
    assert_eq!(send(&api, &key, JOBS, JOB).await.status, 201);
    let worker = send(&api, &key, "/api/v1/workers", br#"{"types":["t"]}"#).await.json();
    let of_worker = |what: &str| {
        format!("/api/v1/workers/{}/{what}", worker["worker_id"].as_str().expect("an id"))
    };
    let claimed = send(&api, &key, &of_worker("claim"), b"{}").await.json();
    let job = &claimed["jobs"][0];

    send(&api, &key, JOBS, JOB).await.problem(429, "rate_limited");
    send(&api, &key, &of_worker("claim"), b"{}").await.problem(429, "rate_limited");

    for _ in 0..3 {
        assert_eq!(send(&api, &key, &of_worker("heartbeat"), b"{}").await.status, 200);
    }
    let settle = json!({"id": job["id"], "token": job["lease"]["token"], "outcome": "complete"});
    let settle = json!({"items": [settle]}).to_string();
    let settled = send(&api, &key, &of_worker("settle"), settle.as_bytes()).await;
    assert_eq!(settled.status, 200, "{settled:?}");
}

#[tokio::test]
async fn an_address_without_a_key_asks_as_often_as_it_may() {
    let rates = Rates { without_key: each_second(2), ..Rates::default() };
    let (api, clock) = server(rates).await;
    for _ in 0..2 {
        assert_eq!(api.get("/api/v1/stats").await.status, 200);
    }
    api.get("/api/v1/stats").await.problem(429, "rate_limited");
    clock.advance(Duration::from_secs(1));

    let (_, key) = made(&api, r#"{"role":"admin"}"#, None).await;
    api.get("/api/v1/stats").await.problem(401, "unauthorized");
    api.get("/api/v1/stats").await.problem(429, "rate_limited");

    for _ in 0..3 {
        assert_eq!(api.send("GET", JOBS, &[("X-API-Key", &key)], b"").await.status, 200);
        for path in ["/live", "/ready"] {
            assert_eq!(api.get(path).await.status, 200);
        }
    }
}
