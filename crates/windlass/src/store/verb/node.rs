//! Node numbers: who may make ids, so that no two processes make the same one.

use crate::store::driver::{Tx, Verb, Waits};
use crate::store::statements::Sql;
use crate::{Error, Timestamp};

/// The largest node number; 0 is for ids made by the database itself.
const NODE_MAX: i64 = 1023;

/// Takes a free node number, or renews the one held.
#[derive(Debug)]
pub(crate) struct NodeLease {
    pub(crate) held: Option<i64>,
    pub(crate) holder: i64,
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
}

impl Verb for NodeLease {
    type Reply = i64;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<i64, Error> {
        tx.execute(Sql::NodeFree, &[self.now.as_micros().into()]).await?;
        let taken = tx.query(Sql::NodeTaken, &[]).await?;
        let taken = taken.read(|row| Ok((row.int()?, row.int()?)))?;
        let mine = |n: &i64| taken.contains(&(*n, self.holder));
        let free = |n: &i64| taken.iter().all(|(other, _)| other != n);
        let held = self.held.filter(|n| mine(n) || free(n));
        // Callers that find no number at the same time get the same one.
        let kept = held.or_else(|| (1..=NODE_MAX).find(mine));
        let node = kept.or_else(|| (1..=NODE_MAX).find(free)).ok_or_else(|| Error::Full {
            message: format!("all {NODE_MAX} node numbers are taken (one per process)"),
        })?;
        let params = [node.into(), self.holder.into(), self.until.as_micros().into()];
        let sql = if mine(&node) { Sql::NodeRenew } else { Sql::NodeTake };
        match tx.execute(sql, &params).await? {
            // Another process changed it since it was read.
            0 => Err(Error::moved(format!("node {node}"))),
            _ => Ok(node),
        }
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Gives the node number back.
#[derive(Debug)]
pub(crate) struct NodeRelease {
    pub(crate) node: i64,
    pub(crate) holder: i64,
}

impl Verb for NodeRelease {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        tx.execute(Sql::NodeRelease, &[self.node.into(), self.holder.into()]).await?;
        Ok(())
    }
}
