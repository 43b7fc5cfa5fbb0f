//! What holds for every request: ids, hosts, origins, types, and the answers for what does not
//! exist.

use crate::client::Api;

#[tokio::test]
async fn request_ids_are_echoed_or_made() {
    let api = Api::start().await;
    let with = |id| [("X-Request-ID", id)];

    let reply = api.send("GET", "/live", &with("abc-123"), b"").await;
    assert_eq!(reply.header("x-request-id"), Some("abc-123"));
    let reply = api.send("GET", "/nowhere", &with("abc-123"), b"").await;
    reply.problem(404, "not_found");
    assert_eq!(reply.json()["request_id"], "abc-123");
    for odd in ["has space", "\"quoted\"", &"x".repeat(65)] {
        let reply = api.send("GET", "/live", &with(odd), b"").await;
        assert_eq!(reply.header("x-request-id").unwrap().len(), 32);
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems() {
    let api = Api::start().await;

    for path in ["/x", "/api", "/api/v2", "/api/v1/jobs/1/run-now", "/api/v1/jobs/", "/metrics/x"] {
        api.get(path).await.problem(404, "not_found");
    }
    for (method, path, allow) in [
        ("PUT", "/api/v1/jobs", "GET,HEAD,POST"),
        ("GET", "/api/v1/jobs/batch", "POST"),
        ("POST", "/api/v1/stats", "GET,HEAD"),
        ("OPTIONS", "/api/v1/jobs", "GET,HEAD,POST"),
    ] {
        let reply = api.send(method, path, &[], b"").await;
        reply.problem(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allow));
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn only_own_names_and_own_pages_are_answered() {
    let api = Api::start().await;
    let own = format!("http://{}", api.address);
    let job = br#"{"type":"t"}"#;

    for host in ["localhost", "127.0.0.1:1", "[::1]:8080"] {
        assert_eq!(api.send("GET", "/live", &[("Host", host)], b"").await.status, 200, "{host}");
    }
    let reply = api.send("POST", "/api/v1/jobs", &[("Host", "evil.example")], job).await;
    reply.problem(421, "invalid_request");
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let headers = [("Origin", origin), ("Content-Type", "application/json")];
        api.send("POST", "/api/v1/jobs", &headers, job).await.problem(403, "forbidden");
    }
    assert_eq!(api.count().await, 0);
    let headers = [("Origin", own.as_str()), ("Content-Type", "application/json; charset=utf-8")];
    assert_eq!(api.send("POST", "/api/v1/jobs", &headers, job).await.status, 201);
}

#[tokio::test]
async fn pages_have_to_name_the_type_and_others_need_not() {
    let api = Api::start().await;
    let job = br#"{"type":"t"}"#;

    for headers in [
        &[("Sec-Fetch-Site", "same-origin"), ("Content-Type", "text/plain")][..],
        &[("Sec-Fetch-Site", "same-origin")],
    ] {
        let reply = api.send("POST", "/api/v1/jobs", headers, job).await;
        reply.problem(415, "unsupported_media_type");
    }
    assert_eq!(api.count().await, 0);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(api.send("POST", "/api/v1/jobs", &form, job).await.status, 201);
}
