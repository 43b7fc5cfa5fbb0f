//! A small HTTP/1.1 client: one connection that is kept, and answers read to their end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use crate::Bench;

/// Longer than any answer here takes, on any machine.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// One connection.
pub(super) struct Connection {
    stream: BufStream<TcpStream>,
    address: SocketAddr,
}

/// An answer, and how long its first byte took.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) first_byte: Duration,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The JSON of an answer that is a success.
    pub(super) fn json(&self) -> Bench<Value> {
        if self.status >= 300 {
            return Err(format!("{}: {}", self.status, self.text()).into());
        }
        Ok(serde_json::from_slice(&self.body)?)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufStream::with_capacity(4096, 4096, stream), address })
    }

    pub(super) async fn get(&mut self, path: &str) -> Bench<Answer> {
        self.ask("GET", path, "").await
    }

    pub(super) async fn post(&mut self, path: &str, body: &str) -> Bench<Answer> {
        self.ask("POST", path, body).await
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Bench<Answer> {
        let started = Instant::now();
        self.send(method, path, body).await?;
        let answer = tokio::time::timeout(ANSWER_MAX, self.answer(started)).await;
        answer.map_err(|_| format!("{method} {path}: no answer in time"))?
    }

    /// Asks for a stream of events and does not wait for it.
    pub(super) async fn stream(&mut self, path: &str) -> io::Result<()> {
        let host = self.address;
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.flush().await
    }

    /// Sends a request and does not wait for its answer.
    pub(super) async fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        let (host, length) = (self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.flush().await
    }

    /// Reads an answer to a request that was sent at `started`.
    pub(super) async fn answer(&mut self, started: Instant) -> Bench<Answer> {
        let line = self.line().await?;
        let first_byte = started.elapsed();
        let status = line.split(' ').nth(1).ok_or("no status line")?.parse()?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else { break };
            match name {
                "content-length" => length = value.trim().parse()?,
                "transfer-encoding" => is_chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        let body = if is_chunked { self.chunks().await? } else { self.exactly(length).await? };
        Ok(Answer { status, first_byte, body })
    }

    /// Reads whatever comes until the end, and counts its bytes.
    pub(super) async fn read_all(mut self, bytes: Arc<AtomicUsize>) {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(some @ 1..) = self.stream.read(&mut buffer).await {
            bytes.fetch_add(some, Ordering::Relaxed);
        }
    }

    async fn chunks(&mut self) -> Bench<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line().await?, 16)?;
            body.extend(self.exactly(size).await?);
            self.line().await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    /// A line without its end.
    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}
