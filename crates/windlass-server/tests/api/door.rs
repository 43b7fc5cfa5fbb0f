//! The door under abuse: slow clients, huge heads, broken framing, odd methods and paths, TLS.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use windlass_server::{Limits, Tls};

use crate::client::{Api, Reply};

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/tls/test-only.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/tls/test-only.key");

/// No answer at all.
const NOTHING: [u16; 0] = [];

/// Short enough to wait for; nothing here depends on being faster.
const SHORT: Duration = Duration::from_millis(20);

/// What comes back until the server closes: the statuses of all answers.
async fn statuses(connection: &mut TcpStream) -> Vec<u16> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    drop(connection.read_to_end(&mut bytes).await);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let answers = text.match_indices("HTTP/1.1 ").map(|(at, mark)| &text[at + mark.len()..]);
    answers.filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

async fn raw(api: &Api, request: &[u8]) -> Vec<u16> {
    let mut connection = api.connect().await;
    connection.write_all(request).await.expect("sent");
    statuses(&mut connection).await
}

async fn with(limits: Limits) -> Api {
    Api::start_with(|server| server.limits(limits)).await
}

#[tokio::test]
async fn who_says_nothing_or_goes_on_too_slowly_is_cut_off() {
    let api = with(Limits { head: SHORT, ..Limits::default() }).await;

    assert_eq!(raw(&api, b"").await, NOTHING);
    assert_eq!(raw(&api, b"GET /live HTTP/1.1\r\nHo").await, NOTHING);
    // The second head of a connection is as limited as the first.
    let whole = format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    let mut connection = api.connect().await;
    connection.write_all(whole.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        answer.push(connection.read_u8().await.expect("an answer"));
    }
    connection.write_all(b"GET /li").await.expect("sent");
    assert_eq!(statuses(&mut connection).await, NOTHING);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let api = with(Limits { idle: SHORT, ..Limits::default() }).await;
    let request = format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);

    assert_eq!(raw(&api, request.as_bytes()).await, [200]);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused() {
    let api = with(Limits { body: SHORT, ..Limits::default() }).await;
    let head = "POST /api/v1/jobs HTTP/1.1\r\nConnection: close\r\nContent-Length: 100\r\n";
    let request = format!("{head}Host: {}\r\n\r\n{{\"ty", api.address);
    let mut connection = api.connect().await;

    connection.write_all(request.as_bytes()).await.expect("sent");

    Reply::read(&mut connection).await.problem(408, "invalid_request");
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn there_are_so_many_connections_and_no_more() {
    let api = with(Limits { connections: 1, ..Limits::default() }).await;
    let request = format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    let mut first = api.connect().await;
    first.write_all(request.as_bytes()).await.expect("sent");
    let mut byte = [0];
    first.read_exact(&mut byte).await.expect("it is answered");
    let mut second = api.connect().await;
    let close = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    second.write_all(close.as_bytes()).await.expect("sent");

    drop(first);

    assert_eq!(statuses(&mut second).await, [200]);
}

#[tokio::test]
async fn heads_have_a_size() {
    let api = Api::start().await;
    let host = format!("Host: {}\r\n", api.address);
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\n{host}{more}\r\n");
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x: {}\r\n", "x".repeat(1 << 20));

    assert_eq!(raw(&api, get("/live", &many).as_bytes()).await, [431]);
    let mut connection = api.connect().await;
    // The server may hang up before it has read all of it.
    drop(connection.write_all(get("/live", &long).as_bytes()).await);
    let seen = statuses(&mut connection).await;
    assert!(seen.is_empty() || seen == [431], "{seen:?}");
    let reply = api.get(&format!("/live?{}", "x".repeat(9 << 10))).await;
    reply.problem(414, "invalid_request");
    let long = get(&format!("/{}", "x".repeat(64 << 10)), "");
    let mut connection = api.connect().await;
    drop(connection.write_all(long.as_bytes()).await);
    let seen = statuses(&mut connection).await;
    assert!(seen.is_empty() || seen == [431] || seen == [414], "{seen:?}");
}

/// Each is followed by a request of its own, which must not be answered: the framing is broken.
const BROKEN: [&str; 13] = [
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nContent-Length: 5, 6\r\n\r\nhello!",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nContent-Length: -5\r\n\r\nhello",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nContent-Length: +5\r\n\r\nhello",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
    "POST /api/v1/jobs HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
    "GET /live HTTP/1.1\r\nHOST\r\nX: a\r\n b\r\n\r\n",
    "GET /live HTTP/1.1\r\nHOST\r\nX : a\r\n\r\n",
    "GET /li\0ve HTTP/1.1\r\nHOST\r\n\r\n",
];

#[tokio::test]
async fn broken_framing_ends_the_connection() {
    let api = Api::start().await;
    let host = format!("Host: {}", api.address);
    let next = format!("GET /live HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n");

    for broken in BROKEN {
        let request = format!("{}{next}", broken.replace("HOST", &host));
        assert_eq!(raw(&api, request.as_bytes()).await, [400], "{broken}");
    }
    assert_eq!(api.count().await, 0);
}

#[tokio::test]
async fn with_both_lengths_the_chunks_count() {
    let api = Api::start().await;
    let both = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let job = "c\r\n{\"type\":\"t\"}\r\n0\r\n\r\n";
    let request =
        format!("POST /api/v1/jobs HTTP/1.1\r\nHost: {}\r\n{both}{job}GET /live", api.address);

    assert_eq!(raw(&api, request.as_bytes()).await, [201]);
    assert_eq!(api.count().await, 1);
}

#[tokio::test]
async fn odd_methods_and_paths_find_nothing() {
    let api = Api::start().await;
    let head = api.send("HEAD", "/live", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));

    for method in ["OPTIONS", "TRACE", "BREW", "PUT"] {
        let reply = api.send(method, "/live", &[], b"").await;
        reply.problem(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some("GET,HEAD"));
    }
    for path in ["//live", "/%2e%2e/live", "/x/../live", "/..;/live", "/live/", "/%00", "/live%00"]
    {
        let status = api.get(path).await.status;
        assert!(status == 404 || (path == "/live/" && status == 200), "{path}: {status}");
    }
    for path in ["/api/v1/jobs/%00", "/api/v1/jobs/%ff", "/api/v1/jobs/..%2f1"] {
        assert_eq!(api.get(path).await.status, 400, "{path}");
    }
    let reply = api.send("CONNECT", "example.org:443", &[], b"").await;
    assert!((400..500).contains(&reply.status), "{reply:?}");
}

#[tokio::test]
async fn tls_is_spoken_with_the_certificate_that_was_given() {
    let tls = Tls::open(CERT, KEY).expect("a certificate and its key");
    tls.reload().expect("the same again");
    let api = Api::start_with(|server| server.tls(tls)).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(CERT).expect("a certificate")).expect("trusted");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");

    let connector = TlsConnector::from(Arc::new(config));
    let mut connection = connector.connect(name, api.connect().await).await.expect("trusted");
    let request = b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    connection.write_all(request).await.expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("answered");

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(raw(&api, request).await, NOTHING);
    for (cert, key) in [(KEY, KEY), (CERT, CERT), ("missing.pem", KEY)] {
        assert!(Tls::open(cert, key).is_err());
    }
}

#[tokio::test]
async fn proxies_that_are_known_say_who_asked() {
    let proxy = "127.0.0.0/8".parse().expect("a network");
    let api = Api::start_with(|server| server.proxies([proxy]).keys_needed(false)).await;
    let forwarded = [("X-Forwarded-For", "203.0.113.7")];

    let made = api.send("POST", "/api/v1/namespaces", &forwarded, br#"{"name":"n"}"#).await;

    assert_eq!(made.status, 201);
    let audit = api.get("/api/v1/audit?everywhere=true").await.json();
    assert_eq!(audit["audit"][0]["ip"], "203.0.113.7");
    // Behind a proxy, everybody is a stranger unless it is said otherwise.
    let api = Api::start_with(|server| server.proxies([proxy])).await;
    api.get("/api/v1/jobs").await.problem(401, "unauthorized");
}
