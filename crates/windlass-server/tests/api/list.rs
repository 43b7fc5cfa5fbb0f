//! GET /api/v1/jobs.

use serde_json::Value;

use crate::client::Api;

async fn kinds(api: &Api, query: &str) -> Vec<String> {
    let reply = api.get(&format!("/api/v1/jobs{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {reply:?}");
    let page = reply.json();
    let jobs = page["jobs"].as_array().expect("a page has jobs");
    assert_eq!(page["count"], jobs.len());
    jobs.iter().map(|job| job["type"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn filled() -> Api {
    let api = Api::start().await;
    api.enqueue(r#"{"type":"a","queue":"x","priority":0,"correlation_id":"c1"}"#).await;
    api.enqueue(r#"{"type":"b","queue":"x","delay":"1h"}"#).await;
    api.enqueue(r#"{"type":"c","queue":"y","priority":"bulk"}"#).await;
    api
}

#[tokio::test]
async fn filters_narrow_and_repetitions_widen() {
    let api = filled().await;

    assert_eq!(kinds(&api, "").await, ["c", "b", "a"]);
    assert_eq!(kinds(&api, "?order=asc").await, ["a", "b", "c"]);
    assert_eq!(kinds(&api, "?state=delayed").await, ["b"]);
    assert_eq!(kinds(&api, "?state=delayed&state=pending&order=asc").await, ["a", "b", "c"]);
    assert_eq!(kinds(&api, "?type=a&type=c").await, ["c", "a"]);
    assert_eq!(kinds(&api, "?queue=x&state=pending").await, ["a"]);
    assert_eq!(kinds(&api, "?priority=0&priority=bulk").await, ["c", "a"]);
    assert_eq!(kinds(&api, "?correlation_id=c1").await, ["a"]);
    assert_eq!(kinds(&api, "?created_after=2100-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(kinds(&api, "?created_before=2100-01-01T00:00:00Z&limit=900").await.len(), 3);
    assert_eq!(kinds(&api, "?queue=none").await, [""; 0]);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let api = filled().await;

    let first = api.get("/api/v1/jobs?limit=2").await.json();
    assert_eq!((&first["count"], &first["has_more"]), (&2.into(), &true.into()));
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = api.get(&format!("/api/v1/jobs?limit=2&cursor={cursor}")).await.json();

    assert_eq!(last["jobs"][0]["type"], "a");
    assert_eq!((&last["has_more"], last.get("next_cursor")), (&false.into(), Some(&Value::Null)));
}

#[tokio::test]
async fn queries_that_mean_nothing_are_refused() {
    let api = Api::start().await;

    for query in [
        "stat=pending",
        "reason=because",
        "updated_after=now",
        "q=",
        "q=a&q=b",
        "state=done",
        "priority=12",
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1&limit=2",
        "cursor=abc",
        "order=up",
        "created_after=yesterday",
    ] {
        let reply = api.get(&format!("/api/v1/jobs?{query}")).await;

        reply.problem(400, "invalid_request");
        let name = query.split('=').next().unwrap();
        assert!(reply.json()["detail"].as_str().unwrap().contains(name), "{query}");
    }
}
