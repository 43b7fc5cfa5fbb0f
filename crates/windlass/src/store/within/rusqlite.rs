//! SQLite through rusqlite, whose connections belong to one thread.
//!
//! The work is written for futures that may travel between threads, so it does not get the connection
//! itself: it leaves each statement in a slot, and the caller's thread runs it and puts the answer there.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rusqlite::Connection;

use super::{Dialect, Done, Work};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::sqlite::{Texts, numbered, run_statement};
use crate::store::statements::Sql;

/// Does the work on the caller's thread, in the transaction that `connection` is in.
pub(crate) fn run(connection: &Connection, work: Work) -> Result<Done, Error> {
    let texts = match &work.dialect {
        Dialect::Sqlite(texts) => Arc::clone(texts),
        #[cfg(any(feature = "postgres", feature = "mysql"))]
        other => return other.mismatch("SQLite"),
    };
    let slot = Slot::default();
    let mut tx = Remote { slot: slot.clone(), texts, effects: Effects::default() };
    let mut work = pin!(work.run(&mut tx));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
        let Some(asked) = slot.lock().asked.take() else {
            return Err(Error::bug("work waited for something other than the database"));
        };
        let answer = asked.run(connection);
        slot.lock().answer = Some(answer);
    }
}

/// What one statement came to.
type Answer = Result<(Rows, u64), Error>;

#[derive(Debug, Clone, Default)]
struct Slot(Arc<Mutex<Exchange>>);

#[derive(Debug, Default)]
struct Exchange {
    asked: Option<Asked>,
    answer: Option<Answer>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, asked: Asked) -> Answer {
        self.lock().asked = Some(asked);
        poll_fn(|_| self.lock().answer.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// A statement to run.
#[derive(Debug)]
struct Asked {
    text: String,
    rows: Vec<Vec<Value>>,
}

impl Asked {
    fn new<'a>(text: &str, rows: impl Iterator<Item = &'a [Param<'a>]>) -> Self {
        let own = |row: &[Param<'_>]| row.iter().map(Value::from_param).collect();
        Self { text: text.to_owned(), rows: rows.map(own).collect() }
    }

    fn run(&self, connection: &Connection) -> Answer {
        let rows: Vec<Vec<Param<'_>>> =
            self.rows.iter().map(|row| row.iter().map(Value::as_param).collect()).collect();
        let rows = rows.iter().map(Vec::as_slice);
        run_statement(connection, &self.text, rows)
            .map_err(|error| Error::unavailable(format!("the database failed: {error}")))
    }
}

/// The transaction, seen from the work.
struct Remote {
    slot: Slot,
    texts: Arc<Texts>,
    effects: Effects,
}

impl Tx for Remote {
    async fn query(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Rows, Error> {
        let asked = Asked::new(self.texts.of(sql), std::iter::once(params));
        Ok(self.slot.ask(asked).await?.0)
    }

    async fn query_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<Rows, Error> {
        let asked = Asked::new(self.texts.of(sql), batch.rows());
        Ok(self.slot.ask(asked).await?.0)
    }

    async fn query_list(&mut self, sql: Sql, filter: &ListFilter) -> Result<Rows, Error> {
        let text = numbered(&filter.insert_into(self.texts.of(sql)));
        let asked = Asked::new(&text, std::iter::once(filter.params().as_slice()));
        Ok(self.slot.ask(asked).await?.0)
    }

    async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        let asked = Asked::new(self.texts.of(sql), std::iter::once(params));
        Ok(self.slot.ask(asked).await?.1)
    }

    async fn execute_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<u64, Error> {
        let asked = Asked::new(self.texts.of(sql), batch.rows());
        Ok(self.slot.ask(asked).await?.1)
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}
