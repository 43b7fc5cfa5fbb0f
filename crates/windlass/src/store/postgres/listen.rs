//! News between processes: NOTIFY after commits, LISTEN for those of others.
//!
//! A notification takes a lock of the whole cluster until its transaction ends. So it is never part
//! of a transaction that does anything else, several commits share one, and it does not wait for the
//! disk. It is a hint: the watch finds what it misses.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgListener, PgPoolOptions};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::{Mutex, mpsc};

use super::Address;
use crate::Error;
use crate::runtime::{Tasks, rest};
use crate::store::Shared;
use crate::store::effects::News;
use crate::store::server::answered;

/// Commits within this span share a notification.
const SHARED_FOR: Duration = Duration::from_millis(20);

/// Shortest time between two looks of everyone who waits for the end of a job.
const ENDED_EVERY: Duration = Duration::from_millis(200);

/// Wait before a lost connection is opened again.
const RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// What the announcing task needs.
pub(super) struct Announcer {
    address: Address,
    channel: String,
    /// This process, so that it does not listen to itself.
    own: String,
    /// Locked by the loop for as long as it runs.
    news: Mutex<mpsc::UnboundedReceiver<News>>,
}

impl Announcer {
    pub(super) fn new(address: &Address, news: mpsc::UnboundedReceiver<News>) -> Self {
        let address = Address {
            options: address.options.clone(),
            schema: address.schema.clone(),
            pooled: address.pooled,
        };
        let channel = format!("windlass_{}", address.schema);
        let own = format!("{:016x}", fastrand::u64(..));
        Self { address, channel, own, news: Mutex::new(news) }
    }

    /// Announces what commits bring, for as long as there is someone to commit.
    async fn run(&self) {
        let mut connection = None;
        let mut waiting = self.news.lock().await;
        while let Some(first) = waiting.recv().await {
            let mut news = first;
            while let Ok(more) = waiting.try_recv() {
                news = news.and(more);
            }
            if let Err(error) = answered(self.announce(&mut connection, news)).await {
                tracing::debug!(%error, "not announced: other processes will look");
                connection = None;
                rest(RECONNECT_WAIT).await;
            }
            rest(SHARED_FOR).await;
        }
    }

    async fn announce(
        &self,
        connection: &mut Option<PgConnection>,
        news: News,
    ) -> Result<(), Error> {
        let connected = match connection {
            Some(connected) => connected,
            None => {
                let mut new = self.address.connect().await?;
                if !self.address.pooled {
                    new.execute("set synchronous_commit = off").await.map_err(failed)?;
                }
                connection.insert(new)
            }
        };
        let query = sqlx::query("select pg_notify($1, $2)").persistent(!self.address.pooled);
        let query = query.bind(&self.channel).bind(format!("{} {}", self.own, news.letters()));
        if !self.address.pooled {
            return query.execute(connected).await.map(drop).map_err(failed);
        }
        // Outside of a transaction a pooler may send each half of a statement to another server process.
        let mut tx = connected.begin().await.map_err(failed)?;
        query.execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)
    }
}

/// Starts announcing, and listening unless a pooler is in between.
pub(super) fn start(tasks: &Tasks, shared: &Arc<Shared>, announcer: Announcer) {
    let ear = Ear {
        address: announcer.address.options.clone(),
        channel: announcer.channel.clone(),
        own: announcer.own.clone(),
        shared: Arc::clone(shared),
    };
    if announcer.address.pooled {
        tracing::info!(
            "behind a pooler nothing is announced: jobs of other processes are found by looking, twice a second"
        );
    } else {
        let ear = Arc::new(ear);
        tasks.supervise("listen", move |stop| {
            let ear = Arc::clone(&ear);
            async move {
                stop.run_until_cancelled(ear.run()).await;
            }
        });
    }
    let announcer = Arc::new(announcer);
    tasks.supervise("announce", move |stop| {
        let announcer = Arc::clone(&announcer);
        async move {
            stop.run_until_cancelled(announcer.run()).await;
        }
    });
}

/// The listening side.
struct Ear {
    address: sqlx::postgres::PgConnectOptions,
    channel: String,
    own: String,
    shared: Arc<Shared>,
}

impl Ear {
    async fn run(&self) {
        loop {
            if let Err(error) = self.listen().await {
                tracing::debug!(%error, "cannot listen: looking instead");
            }
            rest(RECONNECT_WAIT).await;
        }
    }

    async fn listen(&self) -> Result<(), sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
        let pool = pool.connect_with(self.address.clone()).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(&self.channel).await?;
        // Whatever was announced before is unknown.
        self.shared.signals.anything();
        let mut ended = false;
        loop {
            let heard = tokio::select! {
                heard = listener.try_recv() => heard?,
                () = rest(ENDED_EVERY), if ended => {
                    ended = false;
                    self.shared.signals.ended.announce_all();
                    continue;
                }
            };
            let Some(notification) = heard else { return Ok(()) };
            let Some((who, letters)) = notification.payload().split_once(' ') else { continue };
            if who == self.own {
                continue;
            }
            let news = News::of_letters(letters);
            ended |= news.ended;
            raise(&self.shared, news);
        }
    }
}

fn raise(shared: &Shared, news: News) {
    let signals = &shared.signals;
    for (is_news, signal) in [
        (news.ready, &signals.ready),
        (news.delayed, &signals.delayed),
        (news.cancelling, &signals.cancelling),
        (news.throttled, &signals.admitting),
        (news.events, &signals.events),
        (news.events, &signals.observing),
        // The watch looks whether there are observers from now on.
        (news.observed, &signals.expected),
    ] {
        if is_news {
            signal.raise();
        }
    }
}

fn failed(error: sqlx::Error) -> Error {
    Error::Unavailable {
        message: format!("cannot announce: {error}"),
        source: Some(Box::new(error)),
    }
}
