//! Round trips per job, counted on the wire: a relay sees every answer that the server begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use windlass::Queue;

use super::scratch::Scratch;
use crate::Bench;
use crate::drain::{Pace, drain};
use crate::enqueue::bulk;
use crate::report::Figures;

/// Jobs that pass while round trips are counted.
const JOBS: usize = 10_000;

/// Bytes that are passed on at a time.
const BUFFER_BYTES: usize = 64 * 1024;

pub(crate) async fn measure(
    scratch: &Scratch,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("round trips");
    let relay = Relay::before(&scratch.url()).await?;
    let queue = Queue::open(&relay.url).await?;
    bulk(&queue, "noop", 100, 100, Duration::ZERO).await?;
    drain(&queue, 100, Pace::FULL).await?;
    let start = relay.count();
    bulk(&queue, "noop", JOBS, 100, Duration::ZERO).await?;
    let enqueued = relay.count();
    drain(&queue, JOBS, Pace::of(100)).await?;
    let drained = relay.count();
    for (name, count) in [("enqueue", enqueued - start), ("drain", drained - enqueued)] {
        let per_batch = u32::try_from(count * 100 / JOBS).unwrap_or(u32::MAX);
        figures.set(&format!("round_trips_per_100_jobs.{name}"), f64::from(per_batch));
    }
    queue.close().await;
    Ok(())
}

/// Passes everything on between clients and the server, and counts changes of direction.
struct Relay {
    url: String,
    count: Arc<AtomicUsize>,
    _connections: JoinSet<()>,
}

impl Relay {
    async fn before(url: &str) -> Bench<Self> {
        let (rest, after) = url.split_once('@').ok_or("the URL has no user")?;
        let (server, path) = after.split_once('/').ok_or("the URL has no database")?;
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("{rest}@{}/{path}", listener.local_addr()?);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { return };
                let (client_in, client_out) = client.into_split();
                let (server_in, server_out) = server.into_split();
                let asked = Arc::new(AtomicBool::new(false));
                passing.spawn(pass(client_in, server_out, Arc::clone(&asked), None));
                passing.spawn(pass(server_in, client_out, asked, Some(Arc::clone(&counted))));
            }
        });
        Ok(Self { url, count, _connections: connections })
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Passes on until either end closes. The server's first bytes after something was asked count.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    asked: Arc<AtomicBool>,
    answers: Option<Arc<AtomicUsize>>,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        match &answers {
            None => asked.store(true, Ordering::SeqCst),
            Some(answers) => {
                if asked.swap(false, Ordering::SeqCst) {
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
