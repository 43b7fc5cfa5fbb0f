//! A TCP proxy between the library and a database server, which misbehaves on command.
//!
//! It knows just enough of both protocols to tell a transaction that writes from one that reads, and
//! to see its commit; everything else is bytes. It runs in a thread of its own, so that a busy test
//! does not slow it down.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Bytes forwarded at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes kept of a transaction, to find a marker that arrives in pieces.
const TAIL_BYTES: usize = 256;

/// A transaction of the library begins with one of these; one that only reads says so as well.
const BEGINS: [&[u8]; 2] = [b"begin isolation", b"start transaction"];
const READS: &[u8] = b"read only";

/// The message of a commit: length and text in PostgreSQL, command and text in MySQL.
const COMMITS: [&[u8]; 2] = [b"\x0bcommit\0", b"\x03commit"];

/// The message of a rollback in PostgreSQL.
const ROLLBACK: &[u8] = b"\x0drollback\0";

/// What happens to the commit of a transaction that carries a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// It reaches the server and takes effect; the answer is lost with the connection.
    AnswerLost,
    /// It is lost with the connection, and never reaches the server.
    CommitLost,
    /// It reaches the server and takes effect; the answer never comes, and the connection stays.
    Silence,
}

/// A proxy in front of one server. Connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Orders {
    /// Grows when every connection is to end.
    cuts: u64,
    refuses: bool,
    is_silent: bool,
}

#[derive(Debug, Default)]
struct Shared {
    orders: watch::Sender<Orders>,
    traps: Mutex<Vec<(Vec<u8>, Trap)>>,
    sprung: watch::Sender<usize>,
    connections: AtomicUsize,
    requests: AtomicUsize,
    /// Our ports on the way to the server: what tells this test's sessions from all others.
    ports: Mutex<HashSet<u16>>,
}

#[expect(clippy::missing_panics_doc, reason = "a test helper: panics are its way to fail")]
impl Proxy {
    /// A proxy in front of the server that `url` names.
    pub fn before(url: &str) -> Self {
        let target = host_of(url).to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("a socket");
        let address = socket.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        runtime.spawn(accept(socket, target, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// `url`, by way of this proxy, which has to be able to read what passes: MySQL offers encryption.
    pub fn url(&self, url: &str) -> String {
        let url = url.replacen(host_of(url), &self.address.to_string(), 1);
        if !url.starts_with("mysql") {
            return url;
        }
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}ssl-mode=disabled")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection.
    pub fn cut(&self) {
        self.shared.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Ends every connection, and every new one at once, until told otherwise.
    pub fn refuse(&self, refuses: bool) {
        self.shared.orders.send_modify(|orders| {
            orders.refuses = refuses;
            orders.cuts += u64::from(refuses);
        });
    }

    /// Accepts connections and forwards nothing, until told otherwise; what was sent meanwhile
    /// arrives then.
    pub fn silence(&self, is_silent: bool) {
        self.shared.orders.send_modify(|orders| orders.is_silent = is_silent);
    }

    /// Springs `trap` once, at the commit of the next transaction that writes and in which the bytes
    /// of `marker` pass in either direction.
    pub fn set(&self, trap: Trap, marker: &str) {
        lock(&self.shared.traps).push((marker.as_bytes().to_vec(), trap));
    }

    /// Waits until `count` traps have sprung in all.
    pub async fn sprung(&self, count: usize) {
        let mut sprung = self.shared.sprung.subscribe();
        let waiting = sprung.wait_for(|sprung| *sprung >= count);
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok(), "fewer than {count} traps have sprung");
    }

    /// How many connections were asked for so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many requests went to the server so far: a client that waits for each answer, as the library
    /// does, sends a request in one piece, unless it is a large one.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// The ports from which the server is reached just now.
    pub fn ports(&self) -> Vec<u16> {
        lock(&self.shared.ports).iter().copied().collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Host and port of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

async fn accept(listener: std::net::TcpListener, target: String, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a runtime");
    let mut links = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        if shared.orders.borrow().refuses {
            continue;
        }
        let (target, shared) = (target.clone(), Arc::clone(&shared));
        links.spawn(async move {
            let ports = Arc::clone(&shared);
            let orders = shared.orders.subscribe();
            if let Ok(server) = TcpStream::connect(&target).await {
                let port = server.local_addr().map_or(0, |address| address.port());
                lock(&ports.ports).insert(port);
                let mut link = Link { shared, client, server, seen: None, before: None };
                // Either side may go at any time.
                link.relay(orders).await.ok();
                lock(&ports.ports).remove(&port);
            }
        });
        while links.try_join_next().is_some() {}
    }
}

/// One connection.
struct Link {
    shared: Arc<Shared>,
    client: TcpStream,
    server: TcpStream,
    /// The present transaction, if it writes.
    seen: Option<Seen>,
    /// What the last statement without a transaction was answered: it may have read for the next one.
    before: Option<Vec<u8>>,
}

/// What is known of a transaction.
#[derive(Default)]
struct Seen {
    tail: Vec<u8>,
    trap: Option<Trap>,
}

impl Link {
    /// Forwards until one side ends, or a command or a trap ends both.
    async fn relay(&mut self, mut orders: watch::Receiver<Orders>) -> std::io::Result<()> {
        self.client.set_nodelay(true)?;
        self.server.set_nodelay(true)?;
        let cuts = orders.borrow().cuts;
        let (mut sent, mut answered) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
        loop {
            let now = *orders.borrow_and_update();
            if now.cuts != cuts {
                return Ok(());
            }
            tokio::select! {
                // Whoever gave an order can rely on it from then on.
                biased;
                changed = orders.changed() => if changed.is_err() { return Ok(()) },
                n = self.client.read(&mut sent), if !now.is_silent => match n? {
                    0 => return Ok(()),
                    n => match self.forward(&sent[..n]).await? {
                        None => {}
                        Some(Trap::Silence) => return self.keep_silent(orders, cuts).await,
                        Some(Trap::AnswerLost | Trap::CommitLost) => return Ok(()),
                    },
                },
                n = self.server.read(&mut answered), if !now.is_silent => match n? {
                    0 => return Ok(()),
                    n => {
                        self.look(&answered[..n]);
                        self.client.write_all(&answered[..n]).await?;
                    }
                },
            }
        }
    }

    /// Lets the client wait until it goes, or a command ends the connection.
    async fn keep_silent(
        &mut self,
        mut orders: watch::Receiver<Orders>,
        cuts: u64,
    ) -> std::io::Result<()> {
        let mut ignored = vec![0; CHUNK_BYTES];
        loop {
            tokio::select! {
                cut = orders.wait_for(|orders| orders.cuts != cuts) => {
                    drop(cut);
                    return Ok(());
                }
                n = self.client.read(&mut ignored) => if n? == 0 { return Ok(()) },
            }
        }
    }

    /// Forwards what the client sent; the trap that has sprung, if one has.
    async fn forward(&mut self, chunk: &[u8]) -> std::io::Result<Option<Trap>> {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        if BEGINS.iter().any(|begin| contains(chunk, begin)) {
            let tail = self.before.take().unwrap_or_default();
            self.seen = (!contains(chunk, READS)).then_some(Seen { tail, trap: None });
        }
        self.look(chunk);
        let commits = COMMITS.iter().any(|commit| chunk.ends_with(commit));
        let trap = match &self.seen {
            Some(seen) if commits => seen.trap,
            Some(_) => None,
            // A statement that is its own transaction.
            None => take_trap(&self.shared, chunk),
        };
        if commits || chunk.ends_with(ROLLBACK) {
            self.seen = None;
        }
        if trap != Some(Trap::CommitLost) {
            self.server.write_all(chunk).await?;
        }
        if trap == Some(Trap::AnswerLost) {
            // The answer says that the commit is done; nobody is going to read it.
            self.server.read_buf(&mut Vec::with_capacity(CHUNK_BYTES)).await?;
        }
        if trap.is_some() {
            self.shared.sprung.send_modify(|sprung| *sprung += 1);
        }
        Ok(trap)
    }

    /// Looks for the markers of traps; the first transaction that carries one takes it.
    fn look(&mut self, chunk: &[u8]) {
        let Some(seen) = &mut self.seen else {
            self.before = Some(chunk.to_vec());
            return;
        };
        if seen.trap.is_some() {
            return;
        }
        seen.tail.extend_from_slice(chunk);
        seen.trap = take_trap(&self.shared, &seen.tail);
        let old = seen.tail.len().saturating_sub(TAIL_BYTES);
        seen.tail.drain(..old);
    }
}

/// The trap whose marker is in `text`, which is then no longer set.
fn take_trap(shared: &Shared, text: &[u8]) -> Option<Trap> {
    let mut traps = lock(&shared.traps);
    let place = traps.iter().position(|(marker, _)| contains(text, marker))?;
    Some(traps.swap_remove(place).1)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_every_kind_of_url() {
        assert_eq!(host_of("postgres://u:p@127.0.0.1:5432/db?a=b"), "127.0.0.1:5432");
        assert_eq!(host_of("mysql://localhost:3306?x"), "localhost:3306");
    }

    #[test]
    fn begin_is_no_commit() {
        let begin = b"Q\0\0\0\x2fbegin isolation level read committed\0";
        assert!(!COMMITS.iter().any(|commit| begin.ends_with(commit)));
        assert!(b"Q\0\0\0\x0bcommit\0".ends_with(COMMITS[0]));
        assert!(b"\x07\0\0\0\x03commit".ends_with(COMMITS[1]));
    }
}
