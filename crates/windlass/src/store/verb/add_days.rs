//! Days: tables for the jobs of coming days, where the database keeps them by day.

use crate::Error;
use crate::store::driver::{Lane, Tx, Verb, Waits};
use crate::store::statements::Sql;

/// Makes the tables of these days, counted from 2025, where they are missing.
#[derive(Debug)]
pub(crate) struct AddDays {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Verb for AddDays {
    type Reply = ();

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        tx.query(Sql::AddDays, &[self.first.into(), self.last.into()]).await?;
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}
