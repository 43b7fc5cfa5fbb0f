//! Watch: the database's time, and whether there is something to do.

use crate::store::driver::{Tx, Verb};
use crate::store::statements::Sql;
use crate::{Error, Timestamp};

/// Looks without touching anything.
#[derive(Debug)]
pub(crate) struct Watch;

/// What there is.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one per question of the statement")]
pub(crate) struct Seen {
    pub(crate) now: Timestamp,
    pub(crate) is_ready: bool,
    pub(crate) next_delayed: Option<i64>,
    pub(crate) is_cancelling: bool,
    pub(crate) has_mail: bool,
    pub(crate) next_expiry: Option<i64>,
    pub(crate) has_changes: bool,
    pub(crate) has_dependencies: bool,
    pub(crate) next_schedule: Option<i64>,
    pub(crate) next_operation: Option<i64>,
    pub(crate) has_bundles: bool,
    pub(crate) has_new: bool,
    pub(crate) has_throttled: bool,
    pub(crate) next_rate: Option<i64>,
    pub(crate) watched_until: Option<i64>,
    pub(crate) has_events: bool,
}

impl Verb for Watch {
    type Reply = Seen;

    const IS_ONE_STATEMENT: bool = true;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Seen, Error> {
        let rows = tx.query(Sql::Watch, &[]).await?;
        let seen = rows.first(|row| {
            Ok(Seen {
                now: Timestamp::from_micros(row.int()?),
                is_ready: row.int()? > 0,
                next_delayed: row.opt_int()?,
                is_cancelling: row.int()? > 0,
                has_mail: row.int()? > 0,
                next_expiry: row.opt_int()?,
                has_changes: row.int()? > 0,
                has_dependencies: row.int()? > 0,
                next_schedule: row.opt_int()?,
                next_operation: row.opt_int()?,
                has_bundles: row.int()? > 0,
                has_new: row.int()? > 0,
                has_throttled: row.int()? > 0,
                next_rate: row.opt_int()?,
                watched_until: row.opt_int()?,
                has_events: row.int()? > 0,
            })
        })?;
        seen.ok_or_else(|| Error::bug("the watch saw nothing"))
    }
}
