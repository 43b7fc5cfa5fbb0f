//! Server-sent events, and the history of one job.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use windlass::{Clock, NewJob, Queue, Timestamp};

use crate::access::made;
use crate::client::Api;

/// Real time a test may wait for something that should happen at once.
const DEADLINE: Duration = Duration::from_secs(60);

/// A client of a stream.
struct Follower {
    connection: TcpStream,
    text: String,
}

impl Follower {
    async fn start(api: &Api, path: &str, headers: &str) -> Self {
        let mut follower = Self { connection: api.connect().await, text: String::new() };
        follower.ask(api, path, headers).await;
        follower.until("event: connected\n").await;
        follower
    }

    async fn ask(&mut self, api: &Api, path: &str, headers: &str) {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", api.address);
        self.connection.write_all(head.as_bytes()).await.expect("the server reads the head");
    }

    /// Reads until the stream ends: with a chunk of no bytes.
    async fn end(&mut self) {
        self.until("\r\n0\r\n\r\n").await;
    }

    /// Reads until `wanted` has come, and returns what came up to its end.
    async fn until(&mut self, wanted: &str) -> String {
        let reading = async {
            loop {
                if let Some(at) = self.text.find(wanted) {
                    return self.text.drain(..at + wanted.len()).collect();
                }
                let mut bytes = vec![0; 64 << 10];
                let read = self.connection.read(&mut bytes).await.expect("the stream goes on");
                assert!(read > 0, "the stream ended without `{wanted}`: {}", self.text);
                self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        tokio::time::timeout(DEADLINE, reading).await.expect("it comes in time")
    }
}

/// The id in the last event of this text.
fn last_id(text: &str) -> i64 {
    let at = text.rfind("id: ").expect("an id") + 4;
    let digits: String = text[at..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[tokio::test]
async fn a_client_follows_a_job() {
    let api = Api::start().await;
    let mut follower = Follower { connection: api.connect().await, text: String::new() };
    follower.ask(&api, "/api/v1/events?type=echo", "").await;
    let head = follower.until("event: connected\nid: ").await.to_ascii_lowercase();
    let worker = api.worker().await;

    api.enqueue(r#"{"type":"fail"}"#).await;
    let id = api.enqueue(r#"{"type":"echo","payload":["secret"]}"#).await;

    for header in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-cache",
        "x-accel-buffering: no\r\n",
    ] {
        assert!(head.contains(header), "{head}");
    }
    let created = follower.until("event: job.created\nid: ").await;
    assert!(!created.contains("fail"), "{created}");
    follower.until(&format!("data: {{\"id\":\"{id}\",\"type\":\"echo\"")).await;
    follower.until("event: job.started\nid: ").await;
    follower.until("event: job.completed\nid: ").await;
    let data = follower.until("\n\n").await;
    assert!(data.contains("\"state\":\"completed\"") && data.contains("\"at\":\"20"), "{data}");
    assert!(!data.contains("secret") && !data.contains("result"), "{data}");
    worker.stop().await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let api = Api::start().await;
    let mut first = Follower::start(&api, "/api/v1/events", "").await;
    let seen = api.enqueue(r#"{"type":"echo"}"#).await;
    let text = first.until(&seen).await;
    let last = last_id(&text);
    drop(first);
    let missed = api.enqueue(r#"{"type":"echo"}"#).await;

    let header = format!("Last-Event-ID: {last}\r\n");
    let mut again = Follower::start(&api, "/api/v1/events?since=0", &header).await;
    let text = again.until(&missed).await;
    assert!(!text.contains(&seen), "{text}");

    let mut by_query = Follower::start(&api, &format!("/api/v1/events?since={last}"), "").await;
    by_query.until(&missed).await;
    let mut too_late = Follower::start(&api, "/api/v1/events?since=0", "").await;
    too_late.until("event: resync\nid: ").await;
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let clock = Clock::manual(Timestamp::from_micros(1_780_000_000_000_000));
    let queue = Queue::builder().clock(clock.clone()).open("memory:").await.expect("a database");
    let api = Api::over(queue).await;
    let mut follower = Follower::start(&api, "/api/v1/events", "").await;

    let comment = follower.until(": nothing new\n\n");
    let time = async {
        loop {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };

    tokio::select! {
        _ = comment => {}
        () = time => {}
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_and_costs_the_others_nothing() {
    let api = Api::start().await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let connection = socket.connect(api.address).await.expect("the server listens");
    let mut slow = Follower { connection, text: String::new() };
    slow.ask(&api, "/api/v1/events", "").await;
    slow.until("event: connected\n").await;
    let mut fast = Follower::start(&api, "/api/v1/events?event=job.created&queue=last", "").await;

    // 32 MiB: more than the ring remembers and the sockets hold.
    let tags = |job: NewJob| (0..62).fold(job, |job, n| job.tag(n.to_string(), "x".repeat(256)));
    for _ in 0..4 {
        let jobs = (0..500).map(|_| tags(NewJob::new("echo", "1"))).collect();
        api.queue.enqueue_batch(jobs, true).await.expect("jobs");
    }
    let last = api.enqueue(r#"{"type":"echo","queue":"last"}"#).await;

    fast.until(&last).await;
    slow.until("event: resync\nid: ").await;
    let after = api.enqueue(r#"{"type":"echo"}"#).await;
    slow.until(&after).await;
}

#[tokio::test]
async fn bad_questions_are_named() {
    let api = Api::start().await;

    for path in ["?event=job.gone", "?job_id=x", "?since=-1", "?since=1&since=2", "?colour=red"] {
        let reply = api.get(&format!("/api/v1/events{path}")).await;
        reply.problem(400, "invalid_request");
    }
    let header = [("Last-Event-ID", "x")];
    api.send("GET", "/api/v1/events", &header, b"").await.problem(400, "invalid_request");
    let header = [("Windlass-Namespace", "nowhere")];
    api.send("GET", "/api/v1/events", &header, b"").await.problem(404, "not_found");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let api = Api::start().await;
    let mut follower = Follower::start(&api, "/api/v1/events", "").await;

    api.stop.cancel();

    // The last chunk of the body.
    follower.until("\r\n0\r\n\r\n").await;
    api.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_job_tells_what_happened_to_it() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"fail"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;
    worker.stop().await;

    let history = api.get(&format!("/api/v1/jobs/{id}/events")).await.json();

    let events = history["events"].as_array().expect("a list");
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["job.created", "job.started", "job.failed"]);
    assert_eq!((&events[0]["id"], &events[2]["reason"]), (&1.into(), &"permanent".into()));
    assert!(events[2]["actor"].is_string() && events[2]["at"].is_string());
    api.get("/api/v1/jobs/1/events").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let (api, clock) = Api::over_clock().await;
    let beside = api.beside().await;
    let open = &mut Follower::start(&api, "/api/v1/events", "").await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let (id, key) = made(&api, r#"{"role":"viewer"}"#, Some(&admin)).await;
    let header = format!("X-API-Key: {key}\r\n");
    let mut here = Follower::start(&api, "/api/v1/events", &header).await;
    let mut there = Follower::start(&beside, "/api/v1/events", &header).await;
    let path = format!("/api/v1/keys/{id}");

    let revoked = api.send("DELETE", &path, &[("X-API-Key", &admin)], b"").await;

    assert_eq!(revoked.status, 204);
    here.end().await;
    // It was opened when nobody needed a key.
    open.end().await;
    // The other server looks once in a while.
    clock.advance(Duration::from_secs(15));
    there.end().await;
}
