//! Spans of jobs at a collector of OpenTelemetry.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};

use serde_json::Value;

use crate::program::{DEADLINE, Folder, Server};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector that takes everything: its address, and what it is told, with the path and a header.
fn collector() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            stream.write_all(answer).unwrap();
            if tell.send((head, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (address, told)
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key);
    found.map_or(&Value::Null, |attribute| {
        let value = &attribute["value"];
        value.get("stringValue").or_else(|| value.get("intValue")).unwrap()
    })
}

#[test]
fn a_jobs_spans_are_linked_from_the_request_to_every_attempt() {
    let folder = Folder::new();
    let (endpoint, told) = collector();
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a%20b"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_RESOURCE_ATTRIBUTES", "zone=eu"),
    ];
    let server =
        Server::start_in(&folder, &["--service-name", "jobs", "--workers", "1"], &environment);

    let body = r#"{"type":"fail","max_attempts":2,"backoff":{"strategy":"constant","initial":1}}"#;
    post(&server.url, body, PARENT);
    let (mut spans, mut heads) = (Vec::new(), String::new());
    while spans.len() < 3 {
        let (head, body) = told.recv_timeout(DEADLINE).unwrap();
        heads.push_str(&head);
        let resource = &body["resourceSpans"][0];
        assert!(resource["resource"].to_string().contains(r#""jobs""#), "{body}");
        spans.extend(resource["scopeSpans"][0]["spans"].as_array().unwrap().clone());
    }
    server.signal("TERM");
    assert_eq!(server.end().0, 0);

    assert!(heads.starts_with("POST /v1/traces ") && heads.contains("x-tenant: a b"), "{heads}");
    // An attempt may end before the request that stored the job does.
    spans.sort_by_key(|span| span["startTimeUnixNano"].as_str().map(str::to_owned));
    assert!(spans.iter().all(|span| span["traceId"] == PARENT[3..35]), "{spans:?}");
    let stored = &spans[0];
    assert_eq!((&stored["name"], &stored["kind"]), (&"enqueue default".into(), &4.into()));
    assert_eq!(stored["parentSpanId"], "00f067aa0ba902b7");
    for (attempt, run) in ["1", "2"].iter().zip(&spans[1..]) {
        assert_eq!((&run["name"], &run["kind"]), (&"process default".into(), &5.into()));
        assert_eq!(run["parentSpanId"], stored["spanId"]);
        assert_eq!(attribute(run, "windlass.job.attempt"), attempt);
        assert_eq!(attribute(run, "error.type"), "retryable");
        assert_eq!(run["status"]["code"], 2, "{run}");
        let (job, known) = ("messaging.message.id", attribute(stored, "messaging.message.id"));
        assert_eq!(attribute(run, job), known);
    }
}

fn post(url: &str, body: &str, traceparent: &str) {
    let address = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\ntraceparent: {traceparent}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
