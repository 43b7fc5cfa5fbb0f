//! A server under test and the smallest client that can talk to it.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass::{Clock, Queue, RunningWorker};
use windlass_server::{Observer, Server};

use crate::shape;

/// A running server and its database.
pub(crate) struct Api {
    pub(crate) queue: Queue,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) observer: Observer,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(|server| server).await
    }

    /// With a clock that the test moves; it stands at the beginning of 2026.
    pub(crate) async fn over_clock() -> (Self, Clock) {
        let clock = Clock::manual("2026-01-01T00:00:00Z".parse().expect("an instant"));
        let queue = Queue::builder().clock(clock.clone()).open("memory:").await;
        (Self::over(queue.expect("a database in memory opens")).await, clock)
    }

    pub(crate) async fn over(queue: Queue) -> Self {
        Self::over_with(queue, |server| server).await
    }

    /// As `start`, with a server that was changed before.
    pub(crate) async fn start_with(change: impl FnOnce(Server) -> Server) -> Self {
        let queue = Queue::open("memory:").await.expect("a database in memory opens");
        Self::over_with(queue, change).await
    }

    /// Another server over the same database.
    pub(crate) async fn beside(&self) -> Self {
        Self::over(self.queue.clone()).await
    }

    /// Another server over the same database at the same address, once the first has ended.
    pub(crate) async fn again(self) -> Self {
        self.stop.cancel();
        self.serving.await.expect("the server ends").expect("in order");
        let listener = TcpListener::bind(self.address).await.expect("the address is free again");
        Self::on(listener, self.queue, |server| server)
    }

    pub(crate) async fn over_with(queue: Queue, change: impl FnOnce(Server) -> Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        Self::on(listener, queue, change)
    }

    fn on(listener: TcpListener, queue: Queue, change: impl FnOnce(Server) -> Server) -> Self {
        let address = listener.local_addr().expect("it has an address");
        let observer = Observer::new();
        let stop = CancellationToken::new();
        let server = Server::new(queue.clone()).observer(observer.clone()).version("1.2.3");
        let serving = start(change(server).serve(listener, stop.clone()));
        Self { queue, address, stop, observer, serving }
    }

    /// A worker that echoes, and fails for good where the type is `fail`.
    pub(crate) async fn worker(&self) -> RunningWorker {
        let observer = self.observer.clone();
        let worker = self
            .queue
            .worker()
            .handle_raw("echo", async |payload, _| windlass::Ok(payload))
            .handle_raw("fail", async |_, _| {
                Err::<Vec<u8>, _>(windlass::JobError::permanent("no such address"))
            })
            .on_event(move |event| observer.observe(event));
        worker.start().await.expect("the worker registers")
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[], body.as_bytes()).await
    }

    /// Stores a job and returns its id.
    pub(crate) async fn enqueue(&self, body: &str) -> String {
        let reply = self.post("/api/v1/jobs", body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["id"].as_str().expect("an id is a string").to_owned()
    }

    /// Jobs stored, of whatever state.
    pub(crate) async fn count(&self) -> usize {
        let page = self.get("/api/v1/jobs?limit=500").await.json();
        page["jobs"].as_array().map_or(0, Vec::len)
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        if !headers.iter().any(|(name, _)| *name == "Content-Length") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut connection = self.connect().await;
        connection.write_all(head.as_bytes()).await.expect("the server reads the head");
        connection.write_all(body).await.expect("the server reads the body");
        let reply = Reply::read(&mut connection).await;
        if method != "HEAD" {
            let kind = reply.header("content-type");
            shape::check(method, path, reply.status, kind, &reply.body);
        }
        reply
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }
}

impl Reply {
    pub(crate) async fn read(connection: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).await.expect("the server answers and closes");
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.expect("an answer has a head") + 4);
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.expect("an answer has a status"), head, body: body.to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    /// Asserts that this is a complete problem, and returns the pointers of its errors.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Vec<String> {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body = self.json();
        assert_eq!(body["status"], status);
        assert_eq!(body["code"], code);
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["message"], body["detail"]);
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        assert!(body["type"].is_string() && body["title"].is_string());
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let pointer = |error: &Value| error["pointer"].as_str().unwrap_or_default().to_owned();
        errors.iter().map(pointer).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "the test itself waits for the server's end")]
fn start(
    serve: impl Future<Output = std::io::Result<()>> + Send + 'static,
) -> JoinHandle<std::io::Result<()>> {
    tokio::spawn(serve)
}
