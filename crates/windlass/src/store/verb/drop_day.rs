//! Drop days: tables of whole days go at once, where the database keeps jobs by day.
//!
//! Any node may run it at any time: it takes what nobody uses, and otherwise leaves it for later.

use crate::Error;
use crate::core::State;
use crate::job::{Retention, Timestamp};
use crate::store::driver::{Param, Tx, Verb, Waits};
use crate::store::settings::keep_column;
use crate::store::statements::Sql;

/// Jobs moved out of a day that is dropped: everyone waits while they are.
const MOVED_MAX: i64 = 10_000;

/// Lists the days before `before`, counted from 2025, that have tables.
#[derive(Debug)]
pub(crate) struct ListDays {
    pub(crate) before: i64,
}

impl Verb for ListDays {
    type Reply = Vec<i64>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<i64>, Error> {
        tx.query(Sql::DayList, &[self.before.into()]).await?.ints()
    }
}

/// Drops one day; none when it is not the time for it.
#[derive(Debug)]
pub(crate) struct DropDay {
    pub(crate) day: i64,
    pub(crate) now: Timestamp,
}

impl Verb for DropDay {
    type Reply = Option<usize>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Option<usize>, Error> {
        let kept = |state| {
            keep_column(Some(Retention::default().of(state))).map_or(Param::Null, Param::Int)
        };
        let params = [
            self.day.into(),
            self.now.as_micros().into(),
            kept(State::Completed),
            kept(State::Failed),
            kept(State::DeadLetter),
            kept(State::Cancelled),
            MOVED_MAX.into(),
        ];
        let gone = tx.query(Sql::DropDay, &params).await?.first_int()?.unwrap_or(-1);
        Ok(usize::try_from(gone).ok())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}
