//! The seam between the verbs and a database: values, rows, transactions.
//!
//! A verb is written once, against [`Tx`]. A driver runs it inside a transaction of its database;
//! only drivers name a database crate.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Shared;
use super::effects::Effects;
use super::list::ListFilter;
use super::statements::Sql;
pub(crate) use super::waits::{Lane, Waits};
use super::within::Dialect;
use crate::job::Act;
use crate::{Error, Timestamp};

/// A value on its way into a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Param<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Param<'_> {
    /// How much room it takes in a statement, roughly.
    #[cfg(feature = "mysql")]
    pub(crate) const fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Param<'_> {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameter rows of one statement, for the drivers to send in the way their database likes best:
/// one by one, as arrays, or as one long list of tuples.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    width: usize,
    params: Vec<Param<'a>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn with_capacity(width: usize, rows: usize) -> Self {
        Self { width, params: Vec::with_capacity(width * rows) }
    }

    /// A batch of these rows.
    pub(crate) const fn of_rows(width: usize, params: Vec<Param<'a>>) -> Self {
        Self { width, params }
    }

    /// Values of a row.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// A batch of one row.
    #[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlx-sqlite"))]
    pub(crate) fn of_one(row: &[Param<'a>]) -> Self {
        Self { width: row.len(), params: row.to_vec() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Param<'a>; N]) {
        debug_assert_eq!(N, self.width);
        self.params.extend_from_slice(&row);
    }

    /// Adds a row of values from several places.
    #[cfg(feature = "mysql")]
    pub(crate) fn push_all(&mut self, row: impl Iterator<Item = Param<'a>>) {
        self.params.extend(row);
        debug_assert_eq!(self.params.len() % self.width, 0);
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[Param<'a>]> {
        // A statement without parameters still runs once.
        let width = self.width.max(1);
        let none = self.width == 0;
        none.then_some(&self.params[..]).into_iter().chain(self.params.chunks_exact(width))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.params.is_empty()
    }
}

/// A value on its way out of a statement.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// A copy of a value on its way in.
    pub(crate) fn from_param(param: &Param<'_>) -> Self {
        match param {
            Param::Null => Self::Null,
            Param::Int(value) => Self::Int(*value),
            Param::Text(text) => Self::Text((*text).to_owned()),
            Param::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }

    /// The same value on its way back.
    pub(crate) fn as_param(&self) -> Param<'_> {
        match self {
            Self::Null => Param::Null,
            Self::Int(value) => Param::Int(*value),
            Self::Text(text) => Param::Text(text),
            Self::Bytes(bytes) => Param::Bytes(bytes),
        }
    }
}

/// The rows of an answer, flat.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    width: usize,
    values: Vec<Value>,
}

impl Rows {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) const fn new(width: usize) -> Self {
        Self { width, values: Vec::new() }
    }

    pub(crate) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Columns of a row.
    #[cfg(feature = "mysql")]
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// Sets the number of columns, which the first row tells.
    #[cfg(any(feature = "mysql", feature = "sqlx-sqlite"))]
    pub(crate) const fn widen(&mut self, width: usize) {
        self.width = width;
    }

    #[cfg(feature = "mysql")]
    pub(crate) fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    #[cfg(feature = "mysql")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Value]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Reads every row with `read`, which takes the columns from left to right.
    pub(crate) fn read<T>(
        self,
        mut read: impl FnMut(&mut Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = self.values.len().checked_div(self.width).unwrap_or(0);
        let mut values = self.values.into_iter();
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            let mut row = Row { values: values.by_ref(), left: self.width };
            all.push(read(&mut row)?);
            for _ in 0..row.left {
                values.next();
            }
        }
        Ok(all)
    }

    /// Reads rows of one number each.
    pub(crate) fn ints(self) -> Result<Vec<i64>, Error> {
        self.read(|row: &mut Row<'_>| Row::int(row))
    }

    /// Reads rows of one text each.
    pub(crate) fn texts(self) -> Result<Vec<String>, Error> {
        self.read(|row: &mut Row<'_>| Row::text(row))
    }

    /// Reads the number in the first row, if there is one.
    pub(crate) fn first_int(self) -> Result<Option<i64>, Error> {
        Ok(self.ints()?.into_iter().next())
    }

    /// Reads the first row, if there is one.
    pub(crate) fn first<T>(
        self,
        read: impl FnMut(&mut Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.read(read)?.into_iter().next())
    }
}

/// One row, read from left to right.
pub(crate) struct Row<'a> {
    values: &'a mut std::vec::IntoIter<Value>,
    left: usize,
}

impl Row<'_> {
    fn next(&mut self) -> Result<Value, Error> {
        self.left =
            self.left.checked_sub(1).ok_or_else(|| Error::bug("a row has too few columns"))?;
        self.values.next().ok_or_else(|| Error::bug("a row has too few columns"))
    }

    pub(crate) fn int(&mut self) -> Result<i64, Error> {
        self.opt_int()?.ok_or_else(|| Error::bug("a row holds null where a number belongs"))
    }

    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>, Error> {
        match self.next()? {
            Value::Int(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            other => Err(Error::bug(format!("a row holds {other:?} where a number belongs"))),
        }
    }

    /// A counter, which the schema keeps between 0 and `u32::MAX`.
    pub(crate) fn count(&mut self) -> Result<u32, Error> {
        let value = self.int()?;
        u32::try_from(value).map_err(|_| Error::bug(format!("a row holds {value} as a count")))
    }

    pub(crate) fn text(&mut self) -> Result<String, Error> {
        self.opt_text()?.ok_or_else(|| Error::bug("a row holds null where text belongs"))
    }

    pub(crate) fn opt_text(&mut self) -> Result<Option<String>, Error> {
        match self.next()? {
            Value::Text(value) => Ok(Some(value)),
            // MySQL calls text bytes when it is compared byte by byte.
            Value::Bytes(value) => String::from_utf8(value)
                .map(Some)
                .map_err(|_| Error::bug("a row holds bytes that are not UTF-8 where text belongs")),
            Value::Null => Ok(None),
            Value::Int(value) => Err(Error::bug(format!("a row holds {value} where text belongs"))),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        self.opt_bytes()?.ok_or_else(|| Error::bug("a row holds null where bytes belong"))
    }

    pub(crate) fn opt_bytes(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.next()? {
            Value::Bytes(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            other => Err(Error::bug(format!("a row holds {other:?} where bytes belong"))),
        }
    }
}

/// One transaction of a database.
pub(crate) trait Tx: Send {
    /// Runs a statement and returns its rows.
    fn query(
        &mut self,
        sql: Sql,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<Rows, Error>> + Send;

    /// Runs a statement once per row of `batch` and returns all rows.
    fn query_each(
        &mut self,
        sql: Sql,
        batch: &Batch<'_>,
    ) -> impl Future<Output = Result<Rows, Error>> + Send;

    /// Runs a list statement with its filter.
    fn query_list(
        &mut self,
        sql: Sql,
        filter: &ListFilter,
    ) -> impl Future<Output = Result<Rows, Error>> + Send;

    /// Runs a statement and returns how many rows it changed.
    fn execute(
        &mut self,
        sql: Sql,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Runs a statement once per row of `batch` and returns how many rows changed in all.
    fn execute_each(
        &mut self,
        sql: Sql,
        batch: &Batch<'_>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Whether the database can do the work of several statements in one
    /// ([`query_whole`](Self::query_whole)).
    fn has_wholes(&self) -> bool {
        false
    }

    /// Whether nothing else is part of the transaction, and nothing was done in it so far.
    fn is_alone(&self) -> bool {
        false
    }

    /// Runs a statement over the rows of each of its parts.
    fn query_whole(
        &mut self,
        sql: Sql,
        _parts: &[&Batch<'_>],
    ) -> impl Future<Output = Result<Rows, Error>> + Send {
        async move { Err(Error::bug(format!("{sql:?} is not for this database"))) }
    }

    /// As [`query_whole`](Self::query_whole), and commits: only where nothing else is part of the
    /// transaction.
    fn commit_whole(
        &mut self,
        sql: Sql,
        parts: &[&Batch<'_>],
    ) -> impl Future<Output = Result<Rows, Error>> + Send {
        self.query_whole(sql, parts)
    }

    /// Whether inserts are better kept until the commit, together with those of other calls: where a
    /// statement costs a journey to a server.
    fn defers(&self) -> bool {
        false
    }

    /// What becomes visible, counted or signalled when this transaction commits.
    fn effects(&mut self) -> &mut Effects;
}

/// Bytes that weigh as much as a row.
pub(crate) const BYTES_PER_ROW: usize = 4096;

/// A unit of work that runs inside one transaction, and may run again if that one is rolled back.
#[cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    expect(dead_code, reason = "what only servers ask")
)]
pub(crate) trait Verb: Send + Sync + 'static {
    type Reply: Send + Sync + 'static;

    /// Where it queues.
    const LANE: Lane = Lane::Upkeep;

    /// A read of one statement: where it queues for reads, it needs no transaction around it.
    const IS_ONE_STATEMENT: bool = false;

    /// Does the work. An error rolls back everything this call did.
    fn run<T: Tx>(&self, tx: &mut T) -> impl Future<Output = Result<Self::Reply, Error>> + Send;

    /// Whether the commit that followed `reply` took effect, asked when its answer was lost. A verb
    /// whose repetition does no harm says false.
    fn landed<T: Tx>(
        &self,
        _reply: &Self::Reply,
        _tx: &mut T,
    ) -> impl Future<Output = Result<bool, Error>> + Send {
        async { Ok(false) }
    }

    /// Rows this touches, roughly, large ones for several: keeps a group commit short, and says how long
    /// it may take.
    fn weight(&self) -> usize {
        1
    }

    /// What this may wait for inside its transaction.
    fn waits(&self) -> Waits {
        Waits::Nothing
    }

    /// What the audit says of it; none for what nobody asks for by hand.
    fn act(&self) -> Option<Act> {
        None
    }
}

/// A database.
pub(crate) trait Driver: Send + Sync + 'static {
    /// Whether transactions append changes of counts that have to be added up.
    const FOLDS: bool = false;

    /// Whether something looks at the database all the time, and raises the signals for what it finds:
    /// then nobody else has to look often.
    const IS_WATCHED: bool = false;

    /// Runs `verb` in a transaction and answers when that is on stable storage.
    fn write<V: Verb>(&self, verb: V) -> impl Future<Output = Result<V::Reply, Error>> + Send;

    /// Runs `verb`, which only reads, against a consistent snapshot.
    fn read<V: Verb>(&self, verb: V) -> impl Future<Output = Result<V::Reply, Error>> + Send;

    /// Makes sure that jobs of the day `first`, counted from 2025, can be stored; returns the last
    /// day that needs no further call, or none where days do not matter.
    fn make_days(&self, _first: i64) -> impl Future<Output = Result<Option<i64>, Error>> + Send {
        async { Ok(None) }
    }

    /// Drops days whose jobs are kept no longer, and says how many jobs went; none where days do not
    /// matter.
    fn drop_days(
        &self,
        _now: Timestamp,
    ) -> impl Future<Output = Result<Option<usize>, Error>> + Send {
        async { Ok(None) }
    }

    /// How statements are written for it.
    fn dialect(&self) -> Dialect;

    /// What this database's users in this process have in common.
    fn shared(&self) -> &Arc<Shared>;

    /// Trips when the database can no longer be trusted.
    fn failed(&self) -> &CancellationToken;

    /// The database's own check of its files, as a list of complaints.
    fn check_files(&self) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// Waits for what is under way and lets go of the database.
    fn close(&self) -> impl Future<Output = ()> + Send;
}
