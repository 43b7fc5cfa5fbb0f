//! pgqueue's tickers: schedules that tick every so often, and their stream.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::Api;

const TICKER: &str = r#"{"ticker":"Tick","interval":60000000000,"payload":{"a":1}}"#;

#[tokio::test]
async fn tickers_are_made_read_changed_and_deleted() {
    let (api, _) = Api::over_clock().await;

    let made = api.post("/api/ticker", TICKER).await;

    assert_eq!(made.status, 201);
    let expected = json!({
        "ticker": "tick", "payload": { "a": 1 }, "interval": 60_000_000_000_i64, "namespace": "default",
    });
    assert_eq!(made.json(), expected);
    assert_eq!(api.post("/api/ticker", TICKER).await.status, 409);
    assert_eq!(api.get("/api/v1/ticker").await.json(), json!({ "count": 1, "body": [expected] }));
    let change = br#"{"interval":1000000000,"payload":[]}"#;
    let changed = api.send("PATCH", "/api/ticker/tick", &[], change).await;
    assert_eq!(changed.json()["interval"], 1_000_000_000);
    assert_eq!(changed.json()["payload"], json!([]));
    let nothing = api.send("PATCH", "/api/ticker/tick", &[], b"{}").await;
    assert_eq!(nothing.json()["reason"], "Bad Request: No patch values");
    let deleted = api.send("DELETE", "/api/ticker/Tick", &[], b"").await;
    assert_eq!(deleted.json(), changed.json());
    assert_eq!(api.get("/api/ticker/tick").await.status, 404);
}

#[tokio::test]
async fn a_tick_becomes_a_task_where_there_is_a_queue() {
    let (api, manual) = Api::over_clock().await;
    for body in [TICKER, r#"{"ticker":"alone"}"#] {
        assert_eq!(api.post("/api/ticker", body).await.status, 201);
    }
    assert_eq!(api.post("/api/queue", r#"{"queue":"tick"}"#).await.status, 201);

    manual.advance(Duration::from_secs(60));
    let upkeep = api.queue.start_upkeep();
    until_ticked(&api, "alone").await;
    until_ticked(&api, "tick").await;
    upkeep.stop().await;

    let tasks = api.get("/api/task").await.json();
    assert_eq!(tasks["count"], 1, "{tasks}");
    assert_eq!(tasks["body"][0]["queue"], "tick");
    assert_eq!(tasks["body"][0]["payload"], json!({ "a": 1 }));
    assert_eq!(api.get("/api/queue/alone").await.status, 404);
    let ticks = api.get("/api/v1/schedules/alone/ticks").await.json();
    assert_eq!(ticks["ticks"][0]["state"], "skipped");
}

async fn until_ticked(api: &Api, name: &str) {
    loop {
        let ticker = api.get(&format!("/api/ticker/{name}")).await.json();
        if ticker["timestamp"] == "2026-01-01T00:01:00Z" {
            return;
        }
    }
}

#[tokio::test]
async fn ticks_are_streamed_to_everybody_and_the_stream_ends_with_the_server() {
    let api = Api::start().await;
    let body = r#"{"ticker":"t","interval":1000000000}"#;
    assert_eq!(api.post("/api/ticker", body).await.status, 201);
    let upkeep = api.queue.start_upkeep();
    let accept = "Accept: text/event-stream";
    let mut streams = [
        follow(&api, &format!("GET /api/ticker HTTP/1.1\r\n{accept}\r\n")).await,
        follow(&api, "GET /api/ticker/next HTTP/1.1\r\n").await,
    ];

    for stream in &mut streams {
        let text = until(stream, "event: ticker\ndata: {\"ticker\":\"t\"").await;
        assert!(text.contains("text/event-stream") && text.contains("event: ping\n\n"), "{text}");
    }

    api.stop.cancel();
    for mut stream in streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("the stream ends");
    }
    upkeep.stop().await;
}

async fn follow(api: &Api, head: &str) -> tokio::net::TcpStream {
    let mut connection = api.connect().await;
    let head = format!("{head}Host: {}\r\nContent-Length: 4\r\n\r\nnull", api.address);
    connection.write_all(head.as_bytes()).await.expect("the server reads");
    connection
}

async fn until(stream: &mut tokio::net::TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.expect("the stream goes on");
        assert!(length > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    text
}
