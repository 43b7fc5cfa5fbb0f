//! Bad input: a clear problem, the right status, and nothing stored.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Api, Reply};

#[tokio::test]
async fn wrong_members_are_named_and_nothing_is_stored() {
    let api = Api::start().await;
    let deep = format!(r#"{{"type":"t","payload":{}{}}}"#, "[".repeat(65), "]".repeat(65));
    let cases = [
        (r#"{"type":5}"#, "/type"),
        (r#"{"type":"has space"}"#, "/type"),
        (r#"{"type":"t","queue":["a"]}"#, "/queue"),
        (r#"{"type":"t","priority":9223372036854775808}"#, "/priority"),
        (r#"{"type":"t","priority":10}"#, "/priority"),
        (r#"{"type":"t","delay":-1}"#, "/delay"),
        (r#"{"type":"t","delay":"-5m"}"#, "/delay"),
        (r#"{"type":"t","delay":"9999999h"}"#, "/delay"),
        (r#"{"type":"t","scheduled_at":"tomorrow"}"#, "/scheduled_at"),
        (r#"{"type":"t","timeout":0}"#, "/timeout"),
        (r#"{"type":"t","max_attempts":0}"#, "/max_attempts"),
        (r#"{"type":"t","max_attempts":1.5}"#, "/max_attempts"),
        (r#"{"type":"t","max_crashes":101}"#, "/max_crashes"),
        (r#"{"type":"t","backoff":{"strategy":"magic"}}"#, "/backoff/strategy"),
        (r#"{"type":"t","backoff":{"multiplier":0}}"#, "/backoff/multiplier"),
        (r#"{"type":"t","tags":{"a":1}}"#, "/tags/a"),
        (r#"{"type":"t","tags":[]}"#, "/tags"),
        (r#"{"type":"t","payload_base64":"not base64"}"#, "/payload_base64"),
        (r#"{"type":"t","unique":{"key":"k","for":1}}"#, "/unique/for"),
        (r#"{"type":"t","a/b":1}"#, "/a~1b"),
        (r#"{"type":"t","type":"u"}"#, "/type"),
        (&deep, "/payload"),
    ];

    for (body, pointer) in cases {
        let reply = api.post("/api/v1/jobs", body).await;

        assert_eq!(reply.problem(422, "validation_error"), [pointer], "{body}");
    }
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn all_mistakes_are_named_at_once() {
    let api = Api::start().await;
    let body = r#"{"priority":"urgent","delay":-1,"colour":"red"}"#;

    let reply = api.post("/api/v1/jobs", body).await;

    let pointers = reply.problem(400, "validation_error");
    assert_eq!(pointers, ["/type", "/priority", "/delay", "/colour"]);
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused() {
    let api = Api::start().await;

    for body in [&b""[..], b"{", b"type=t", b"\xef\xbb\xbf{}", b"{\"type\":\"\xff\"}", b"{} {}"] {
        let reply = api.send("POST", "/api/v1/jobs", &[], body).await;

        reply.problem(400, "invalid_request");
        assert_eq!(reply.text().contains("the body is empty"), body.is_empty(), "{}", reply.text());
    }
    api.post("/api/v1/jobs", "{}").await.problem(400, "validation_error");
    api.post("/api/v1/jobs", "[]").await.problem(422, "validation_error");
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn payloads_and_bodies_that_are_too_large_are_refused() {
    let api = Api::start().await;
    let payload = format!(r#"{{"type":"t","payload":"{}"}}"#, "x".repeat(1 << 20));

    let reply = api.post("/api/v1/jobs", &payload).await;
    assert_eq!(reply.problem(413, "payload_too_large"), ["/payload"]);

    let body = vec![b' '; 100_000_000];
    let reply = api.send("POST", "/api/v1/jobs", &[], &body).await;
    reply.problem(413, "payload_too_large");
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn a_client_that_asks_first_need_not_send_too_large_a_body() {
    let api = Api::start().await;
    let headers = [("Expect", "100-continue"), ("Content-Length", "100000000")];

    let reply = api.send("POST", "/api/v1/jobs", &headers, b"").await;

    reply.problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off() {
    let api = Api::start().await;
    let mut connection = api.connect().await;
    let head = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        api.address
    );
    connection.write_all(head.as_bytes()).await.unwrap();

    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    for _ in 0..11 {
        connection.write_all(&chunk).await.unwrap();
    }
    connection.write_all(b"0\r\n\r\n").await.unwrap();

    Reply::read(&mut connection).await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn ids_that_are_no_ids_are_refused_and_unknown_ones_not_found() {
    let api = Api::start().await;

    for id in ["abc", "-1", "0", "9223372036854775808", "1e3", "%ff", "1%20"] {
        api.get(&format!("/api/v1/jobs/{id}")).await.problem(400, "invalid_request");
    }
    for (method, path) in [
        ("GET", "/api/v1/jobs/812"),
        ("DELETE", "/api/v1/jobs/812"),
        ("POST", "/api/v1/jobs/812/cancel"),
        ("POST", "/api/v1/jobs/812/retry"),
        ("GET", "/api/v1/jobs/812/wait"),
        ("GET", "/api/v1/jobs/812/result"),
        ("GET", "/api/v1/jobs/812/attempts"),
    ] {
        api.send(method, path, &[], b"").await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn small_requests_are_checked_too() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"echo","delay":"1h"}"#).await;
    let at = |what: &str| format!("/api/v1/jobs/{id}/{what}");

    let reply = api.post(&at("cancel"), r#"{"reason":1,"now":true}"#).await;
    assert_eq!(reply.problem(422, "validation_error"), ["/reason", "/now"]);
    let reply = api.post(&at("retry"), r#"{"delay":-1,"priority":99}"#).await;
    assert_eq!(reply.problem(422, "validation_error"), ["/delay", "/priority"]);
    api.post(&at("retry"), "nonsense").await.problem(400, "invalid_request");
    api.get(&at("wait?timeout=soon")).await.problem(400, "invalid_request");
    api.get(&at("wait?until=1s")).await.problem(400, "invalid_request");
    api.get(&at("result?raw=yes")).await.problem(400, "invalid_request");
    let path = format!("/api/v1/jobs/{id}?force=1");
    api.send("DELETE", &path, &[], b"").await.problem(400, "invalid_request");

    let job = api.get(&format!("/api/v1/jobs/{id}")).await.json();
    assert_eq!(job["state"], "delayed");
}

#[tokio::test]
async fn bytes_that_are_no_request_close_the_connection() {
    let api = Api::start().await;
    let mut connection = api.connect().await;

    connection.write_all(b"\x16\x03\x01 hello\r\n\r\n").await.unwrap();

    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
}
