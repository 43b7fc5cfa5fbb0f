//! Watch: the database's time, and whether there is something to do.

use crate::store::driver::{Tx, Verb};
use crate::store::statements::Sql;
use crate::{Error, Timestamp};

/// Looks without touching anything.
#[derive(Debug)]
pub(crate) struct Watch;

/// What there is.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) now: Timestamp,
    pub(crate) is_ready: bool,
    pub(crate) next_delayed: Option<i64>,
    pub(crate) is_cancelling: bool,
    pub(crate) has_mail: bool,
}

impl Verb for Watch {
    type Reply = Seen;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Seen, Error> {
        let rows = tx.query(Sql::Watch, &[]).await?;
        let seen = rows.first(|row| {
            Ok(Seen {
                now: Timestamp::from_micros(row.int()?),
                is_ready: row.int()? > 0,
                next_delayed: row.opt_int()?,
                is_cancelling: row.int()? > 0,
                has_mail: row.int()? > 0,
            })
        })?;
        seen.ok_or_else(|| Error::bug("the watch saw nothing"))
    }
}
