//! `ETag` and `If-Match` of jobs; what paths take.

use crate::client::{Api, Reply};

async fn at(api: &Api, method: &str, path: &str, tag: &str, body: &str) -> Reply {
    api.send(method, path, &[("If-Match", tag)], body.as_bytes()).await
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").expect("a job has an ETag").to_owned()
}

#[tokio::test]
async fn a_change_meant_for_another_version_is_refused() {
    let api = Api::start().await;
    let made = api.post("/api/v1/jobs", r#"{"type":"a","delay":"1h"}"#).await;
    let path = format!("/api/v1/jobs/{}", made.json()["id"].as_str().unwrap());
    let first = tag(&made);
    assert_eq!(tag(&api.get(&path).await), first);

    let changed = at(&api, "PATCH", &path, &first, r#"{"priority":"high"}"#).await;
    let late = at(&api, "PATCH", &path, &first, r#"{"priority":"low"}"#).await;

    assert_eq!(changed.status, 200);
    late.problem(412, "precondition_failed");
    let second = tag(&changed);
    assert_ne!(second, first);
    for (method, what) in [("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")] {
        let late = at(&api, method, &format!("{path}{what}"), &first, "").await;
        late.problem(412, "precondition_failed");
    }
    let cancelled = at(&api, "POST", &format!("{path}/cancel"), &second, "").await;
    assert_eq!(cancelled.status, 200);
    let retried = at(&api, "POST", &format!("{path}/retry"), &tag(&cancelled), "").await;
    assert_eq!((retried.status, &retried.json()["state"]), (200, &"pending".into()));
    for unknown in ["\"5\"", "\"\"", &format!("W/{}", tag(&retried))] {
        at(&api, "DELETE", &path, unknown, "").await.problem(412, "precondition_failed");
    }
    for unread in ["5", "\"", "\"a\", \"b\""] {
        at(&api, "DELETE", &path, unread, "").await.problem(400, "invalid_request");
    }
    assert_eq!(at(&api, "DELETE", &path, "*", "").await.status, 204);
}

#[tokio::test]
async fn head_is_get_without_a_body_and_wrong_methods_are_told_the_right_ones() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"a"}"#).await;
    let path = format!("/api/v1/jobs/{id}");

    let head = api.send("HEAD", &path, &[], b"").await;
    let options = api.send("OPTIONS", &path, &[], b"").await;
    let wrong = api.send("PUT", &path, &[], b"").await;

    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), api.get(&path).await.header("etag"));
    for reply in [&options, &wrong] {
        let allowed = reply.header("allow").expect("what the path takes");
        for method in ["GET", "HEAD", "PATCH", "DELETE"] {
            assert!(allowed.contains(method), "{method}: {allowed}");
        }
    }
    for reply in [&wrong, &options] {
        reply.problem(405, "method_not_allowed");
    }
    assert!(options.header("access-control-allow-origin").is_none());
}
