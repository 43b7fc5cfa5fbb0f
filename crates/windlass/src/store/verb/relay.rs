//! Relay: rows that an application left in the inbox become jobs.
//!
//! Any node may run it at any time: a row becomes a job with the deletion of the row. What cannot
//! become a job stays, with the reason, and holds up nobody.

use std::sync::Arc;

use super::enqueue::Enqueue;
use crate::Error;
use crate::job::NewJob;
use crate::protocol;
use crate::store::driver::{Lane, Tx, Verb, Waits};
use crate::store::statements::Sql;

/// A row of the inbox.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) id: i64,
    pub(crate) namespace: Arc<str>,
    /// The job it describes, or why there is none.
    pub(crate) job: Result<NewJob, String>,
}

/// Reads what waits in the inbox.
#[derive(Debug)]
pub(crate) struct Peek {
    pub(crate) limit: usize,
}

impl Verb for Peek {
    type Reply = Vec<Letter>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Letter>, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::InboxPeek, &[limit.into()]).await?;
        rows.read(|row| {
            let id = row.int()?;
            let namespace = row.text()?.into();
            let (queue, kind) = (row.text()?, row.text()?);
            let (payload, options) = (row.text()?, row.text()?);
            let job = protocol::read_row(&queue, &kind, &payload, &options);
            Ok(Letter { id, namespace, job })
        })
    }
}

/// Turns letters of one namespace into jobs, each for itself.
#[derive(Debug)]
pub(crate) struct Relay {
    /// The rows, in the order of the jobs.
    pub(crate) ids: Vec<i64>,
    pub(crate) enqueue: Enqueue,
}

impl Verb for Relay {
    type Reply = usize;

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        let replies = self.enqueue.run(tx).await?;
        for (id, reply) in self.ids.iter().zip(replies) {
            let changed = match reply {
                Ok(_) => tx.execute(Sql::InboxRemove, &[(*id).into()]).await?,
                Err(error) => refuse(tx, *id, &error.to_string()).await?,
            };
            if changed == 0 {
                return Err(Error::moved(format!("row {id} of the inbox")));
            }
        }
        Ok(self.ids.len())
    }

    fn waits(&self) -> Waits {
        // The rows of the inbox as well, in their own order.
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.ids.len()
    }
}

/// Marks rows that cannot become jobs.
#[derive(Debug)]
pub(crate) struct Refuse {
    pub(crate) letters: Vec<(i64, String)>,
}

impl Verb for Refuse {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        for (id, reason) in &self.letters {
            refuse(tx, *id, reason).await?;
        }
        Ok(())
    }
}

async fn refuse<T: Tx>(tx: &mut T, id: i64, reason: &str) -> Result<u64, Error> {
    tracing::error!(inbox.id = id, reason, "a row of the inbox cannot become a job");
    tx.execute(Sql::InboxRefuse, &[id.into(), reason.into()]).await
}
