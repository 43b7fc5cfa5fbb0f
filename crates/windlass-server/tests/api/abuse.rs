//! Inputs at the edge of what is allowed and beyond: nothing of them is an error of ours.

use crate::client::Api;

const JOBS: &str = "/api/v1/jobs";

/// 1 MiB.
const PAYLOAD_MAX: usize = 1 << 20;

#[tokio::test]
async fn payloads_up_to_the_limit_are_stored_and_one_byte_more_is_refused() {
    let api = Api::start().await;
    let job = |bytes: usize| format!(r#"{{"type":"t","payload":"{}"}}"#, "x".repeat(bytes - 2));

    let largest = api.enqueue(&job(PAYLOAD_MAX)).await;
    let beyond = api.post(JOBS, &job(PAYLOAD_MAX + 1)).await;
    let empty = api.enqueue(r#"{"type":"t","payload_base64":""}"#).await;
    let zeroes = api.enqueue(r#"{"type":"t","payload_base64":"AAAA"}"#).await;

    let read = async |id: &str| api.get(&format!("{JOBS}/{id}")).await.json();
    assert_eq!(read(&largest).await["payload"].as_str().map(str::len), Some(PAYLOAD_MAX - 2));
    beyond.problem(413, "payload_too_large");
    assert_eq!(read(&empty).await["payload_base64"], "");
    assert_eq!(read(&zeroes).await["payload_base64"], "AAAA");
    assert_eq!(api.count().await, 3);
}

#[tokio::test]
async fn json_of_any_form_is_kept_as_it_is_or_refused() {
    let api = Api::start().await;
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let keys: Vec<String> = (0..50_000).map(|n| format!(r#""k{n}":1"#)).collect();
    let kept = [
        deep(64),
        format!("{{{}}}", keys.join(",")),
        r#"{"a":1,"a":2}"#.to_owned(),
        r#""\u0000""#.to_owned(),
        "-0.0e-0".to_owned(),
    ];
    let refused = [
        (deep(65), 422),
        (deep(100_000), 422),
        ("NaN".to_owned(), 400),
        ("Infinity".to_owned(), 400),
        ("01".to_owned(), 400),
        ("'a'".to_owned(), 400),
    ];

    for payload in &kept {
        let id = api.enqueue(&format!(r#"{{"type":"t","payload":{payload}}}"#)).await;
        let shown = api.get(&format!("{JOBS}/{id}")).await.text();
        assert!(shown.contains(&format!(r#""payload":{payload},"#)), "{payload:.80}");
    }
    // Strict readers cannot take these: one of them would make a whole page unreadable.
    let odd = [r#""\ud800""#.to_owned(), "9".repeat(500_000), "1e999".to_owned()];
    for payload in &odd {
        let id = api.enqueue(&format!(r#"{{"type":"t","payload":{payload}}}"#)).await;
        let shown = api.get(&format!("{JOBS}/{id}")).await.json();
        assert!(shown["payload_base64"].is_string() && shown.get("payload").is_none());
    }
    for (payload, status) in refused {
        let reply = api.post(JOBS, &format!(r#"{{"type":"t","payload":{payload}}}"#)).await;
        assert_eq!(reply.status, status, "{payload:.80}");
    }
    let envelopes = [
        format!(r#"{{"type":"t","tags":{}}}"#, deep(100_000)),
        deep(200_000),
        format!(r#"{{"type":"t",{}}}"#, keys.join(",")),
    ];
    for body in envelopes {
        let reply = api.post(JOBS, &body).await;
        assert!([400, 422].contains(&reply.status), "{reply:?}");
        assert!(reply.body.len() < 64 << 10);
    }
    assert_eq!(api.count().await, kept.len() + odd.len());
}

#[tokio::test]
async fn texts_that_no_database_could_look_for_are_refused() {
    let api = Api::start().await;

    for path in [
        "/api/v1/queues/a%00b",
        "/api/v1/schedules/%00",
        "/api/v1/queues?cursor=%00",
        "/api/v1/jobs?correlation_id=%00",
        "/api/v1/jobs?q=%00",
    ] {
        api.get(path).await.problem(400, "invalid_request");
    }
    for member in ["correlation_id", "idempotency_key", "queue"] {
        let job = format!(r#"{{"type":"t","{member}":"a\u0000"}}"#);
        let pointer = format!("/{member}");
        assert_eq!(api.post(JOBS, &job).await.problem(422, "validation_error"), [pointer]);
    }
    for name in ["a/b", "\u{e9}", "a b", "..%2f", "\u{1f980}"] {
        let job = format!(r#"{{"type":"t","queue":"{name}"}}"#);
        api.post(JOBS, &job).await.problem(422, "validation_error");
    }
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn numbers_and_times_beyond_reason_are_named_and_refused() {
    let api = Api::start().await;
    for (member, value) in [
        ("delay", r#""PT999999999H""#),
        ("delay", "9223372036854775807"),
        ("delay", r#""9223372036854775807d""#),
        ("timeout", "18446744073709551616"),
        ("max_attempts", "2147483648"),
        ("max_attempts", "-1"),
        ("priority", "1e0"),
        ("scheduled_at", r#""9999-12-31T23:59:59Z""#),
        ("scheduled_at", r#""1969-12-31T23:59:59Z""#),
        ("start_by", r#""2026-13-01T00:00:00Z""#),
    ] {
        let reply = api.post(JOBS, &format!(r#"{{"type":"t","{member}":{value}}}"#)).await;
        assert_eq!(reply.problem(422, "validation_error"), [format!("/{member}")], "{value}");
    }
    for (member, value) in [("multiplier", "1e308"), ("jitter", "-1"), ("initial", "-1")] {
        let job = format!(r#"{{"type":"t","backoff":{{"{member}":{value}}}}}"#);
        let pointer = format!("/backoff/{member}");
        assert_eq!(api.post(JOBS, &job).await.problem(422, "validation_error"), [pointer]);
    }
    let tags: Vec<String> = (0..10_000).map(|n| format!(r#""k{n}":"v""#)).collect();
    let job = format!(r#"{{"type":"t","tags":{{{}}}}}"#, tags.join(","));
    assert_eq!(api.post(JOBS, &job).await.problem(422, "validation_error"), ["/tags"]);
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn compressed_bodies_are_not_unpacked() {
    let api = Api::start().await;
    let zip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

    let reply = api.send("POST", JOBS, &[("Content-Encoding", "gzip")], &zip).await;

    reply.problem(415, "unsupported_media_type");
}
