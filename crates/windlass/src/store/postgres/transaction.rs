//! A connection as the verbs see it: statements in, rows out.

use std::borrow::BorrowMut;
use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgConnection, PgRow, PgValueFormat, Postgres};
use sqlx::query::Query;
use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Executor as _, Row as _, SqlSafeStr as _};
use sqlx::{SqlStr, ValueRef as _};

use super::encode::{Column, Kind, Scalar, kind_of};
use super::errors;
use super::texts::{Text, Texts};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Tx, Value};
use crate::store::effects::Effects;
use crate::store::list::ListFilter;
use crate::store::server::{Session, Trouble};
use crate::store::statements::Sql;

/// A transaction over a connection that is owned, or borrowed from the application.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing about the connection")]
pub(crate) struct PgTx<C> {
    connection: C,
    texts: Arc<Texts>,
    begin: SqlStr,
    /// Whether prepared statements stay with the connection: not where a pooler takes it away.
    persistent: bool,
    effects: Effects,
    trouble: Option<Trouble>,
    changes: u64,
    /// A transaction starts with its first statement, unless it is a snapshot.
    is_open: bool,
    /// One call is all there is to the transaction: a statement that is the whole of it needs none.
    is_single: bool,
    /// The present transaction is one statement, and needs no start.
    is_bare: bool,
}

impl<C: BorrowMut<PgConnection> + Send> PgTx<C> {
    pub(crate) fn new(connection: C, texts: Arc<Texts>, begin: SqlStr) -> Self {
        let persistent = !begin.as_str().contains("set local");
        let effects = Effects::default();
        let (trouble, changes, is_open) = (None, 0, true);
        let (is_single, is_bare) = (false, false);
        Self {
            connection,
            texts,
            begin,
            persistent,
            effects,
            trouble,
            changes,
            is_open,
            is_single,
            is_bare,
        }
    }

    async fn control(&mut self, text: SqlStr) -> Result<(), Error> {
        let done = self.connection.borrow_mut().execute(text).await;
        done.map(|_| ()).map_err(|error| self.fail(error))
    }

    async fn open(&mut self) -> Result<(), Error> {
        if !self.is_open && !self.is_bare {
            self.control(self.begin.clone()).await?;
            self.is_open = true;
        }
        Ok(())
    }

    /// At READ COMMITTED every statement sees what is committed when it starts: what only reads needs
    /// no transaction around it, except for the settings that a pooler loses.
    async fn fetch(&mut self, text: &Text, arguments: PgArguments) -> Result<Rows, Error> {
        self.is_bare &= self.persistent;
        if !text.is_read || !self.persistent {
            self.open().await?;
        }
        self.receive(text.sql.clone(), arguments).await
    }

    async fn receive(&mut self, sql: SqlStr, arguments: PgArguments) -> Result<Rows, Error> {
        let query = self.prepared(sql, arguments);
        match query.fetch_all(self.connection.borrow_mut()).await {
            Ok(rows) => read_rows(&rows),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// A statement without parameters travels in one piece, which no pooler can tear apart.
    async fn fetch_plain(&mut self, sql: SqlStr) -> Result<Rows, Error> {
        match self.connection.borrow_mut().fetch_all(sql).await {
            Ok(rows) => read_rows(&rows),
            Err(error) => Err(self.fail(error)),
        }
    }

    async fn run(&mut self, sql: SqlStr, arguments: PgArguments) -> Result<u64, Error> {
        self.open().await?;
        self.send(sql, arguments).await
    }

    async fn send(&mut self, sql: SqlStr, arguments: PgArguments) -> Result<u64, Error> {
        let query = self.prepared(sql, arguments);
        match query.execute(self.connection.borrow_mut()).await {
            Ok(done) => {
                self.changes += done.rows_affected();
                Ok(done.rows_affected())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    fn prepared(
        &self,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> Query<'static, Postgres, PgArguments> {
        sqlx::query_with(sql, arguments).persistent(self.persistent)
    }

    /// Translates an error and remembers what it means.
    fn fail(&mut self, error: sqlx::Error) -> Error {
        self.trouble = Some(errors::trouble(&error));
        errors::failed(error)
    }
}

impl<C: BorrowMut<PgConnection> + Send> Tx for PgTx<C> {
    async fn query(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        if texts.of(sql).columns.is_some() {
            return self.query_each(sql, &Batch::of_one(params)).await;
        }
        let text = texts.of(sql);
        if self.is_bare && params.is_empty() {
            return self.fetch_plain(text.sql.clone()).await;
        }
        self.fetch(text, scalars(params)?).await
    }

    async fn query_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        let text = texts.of(sql);
        match &text.columns {
            Some(_) => self.fetch(text, arrays(text, batch)?).await,
            None => Err(Error::bug(format!("{sql:?} does not take batches"))),
        }
    }

    async fn query_list(&mut self, sql: Sql, filter: &ListFilter) -> Result<Rows, Error> {
        self.open().await?;
        let text = filter.insert_into(self.texts.of(sql).sql.as_str());
        let text = AssertSqlSafe(text).into_sql_str();
        let query = sqlx::query_with(text, scalars(&filter.params())?).persistent(false);
        match query.fetch_all(self.connection.borrow_mut()).await {
            Ok(rows) => read_rows(&rows),
            Err(error) => Err(self.fail(error)),
        }
    }

    async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Error> {
        let texts = Arc::clone(&self.texts);
        if texts.of(sql).columns.is_some() {
            return self.execute_each(sql, &Batch::of_one(params)).await;
        }
        self.run(texts.of(sql).sql.clone(), scalars(params)?).await
    }

    async fn execute_each(&mut self, sql: Sql, batch: &Batch<'_>) -> Result<u64, Error> {
        let texts = Arc::clone(&self.texts);
        let text = texts.of(sql);
        match &text.columns {
            Some(_) => self.run(text.sql.clone(), arrays(text, batch)?).await,
            None => Err(Error::bug(format!("{sql:?} does not take batches"))),
        }
    }

    fn has_wholes(&self) -> bool {
        true
    }

    // A pooler may change the connection between preparing a statement and running it.
    fn is_alone(&self) -> bool {
        self.is_single && self.persistent && !self.is_open
    }

    async fn query_whole(&mut self, sql: Sql, parts: &[&Batch<'_>]) -> Result<Rows, Error> {
        self.open().await?;
        self.commit_whole(sql, parts).await
    }

    async fn commit_whole(&mut self, sql: Sql, parts: &[&Batch<'_>]) -> Result<Rows, Error> {
        let texts = Arc::clone(&self.texts);
        let text = texts.of(sql);
        self.receive(text.sql.clone(), columns_of(text, parts)?).await
    }

    fn defers(&self) -> bool {
        true
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

impl PgTx<PgConnection> {
    /// New jobs alone are one statement, which is its own transaction: true when that was all. Not
    /// where a pooler may change the connection between preparing a statement and running it.
    async fn enqueue_at_once(&mut self) -> Result<bool, Error> {
        if self.is_open || !self.persistent {
            return Ok(false);
        }
        let Some((jobs, counts)) = self.effects.take_new_jobs() else { return Ok(false) };
        let jobs = Batch::of_rows(19, jobs.iter().map(Value::as_param).collect());
        let counts = Batch::of_rows(4, counts.into_iter().map(Param::Int).collect());
        self.commit_whole(Sql::EnqueueAll, &[&jobs, &counts]).await?;
        Ok(true)
    }
}

impl Session for PgTx<PgConnection> {
    fn begin_nothing(&mut self) {
        (self.effects, self.trouble, self.changes) = (Effects::default(), None, 0);
        (self.is_open, self.is_single, self.is_bare) = (false, false, true);
    }

    async fn begin(&mut self, calls: usize) -> Result<(), Error> {
        self.begin_nothing();
        (self.is_single, self.is_bare) = (calls == 1, false);
        if self.begin.as_str().contains("read only") { self.open().await } else { Ok(()) }
    }

    async fn commit(&mut self) -> Result<Effects, Error> {
        if !self.enqueue_at_once().await? {
            Effects::write_counts(self).await?;
        }
        if self.is_open {
            self.control("commit".into_sql_str()).await?;
        }
        Ok(std::mem::take(&mut self.effects))
    }

    async fn roll_back(&mut self) {
        if !self.is_open {
            return;
        }
        if let Err(error) = self.control("rollback".into_sql_str()).await {
            tracing::debug!(%error, "rollback failed: the connection is gone");
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn has_written(&self) -> bool {
        // What a statement deletes and returns is not counted; reads alone open no transaction.
        self.is_open || self.changes > 0
    }

    async fn close(self) {
        // The server notices anyway.
        sqlx::Connection::close(self.connection).await.ok();
    }
}

fn scalars(params: &[Param<'_>]) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for param in params {
        arguments.add(Scalar(*param)).map_err(unencodable)?;
    }
    Ok(arguments)
}

fn arrays(text: &Text, batch: &Batch<'_>) -> Result<PgArguments, Error> {
    columns_of(text, &[batch])
}

/// The columns of every part, as arrays.
fn columns_of(text: &Text, parts: &[&Batch<'_>]) -> Result<PgArguments, Error> {
    let columns =
        parts.iter().flat_map(|batch| (0..batch.width()).map(move |index| (batch, index)));
    let mut arguments = PgArguments::default();
    for ((batch, index), element) in columns.zip(text.columns.iter().flatten()) {
        arguments.add(Column { batch, index, element: *element }).map_err(unencodable)?;
    }
    Ok(arguments)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn unencodable(error: sqlx::error::BoxDynError) -> Error {
    Error::bug(format!("a parameter cannot be sent: {error}"))
}

fn read_rows(found: &[PgRow]) -> Result<Rows, Error> {
    let Some(first) = found.first() else { return Ok(Rows::default()) };
    let kinds: Vec<Kind> = first
        .columns()
        .iter()
        .map(|column| {
            let info = column.type_info();
            kind_of(info).ok_or_else(|| Error::bug(format!("column {} is {info}", column.name())))
        })
        .collect::<Result<_, _>>()?;
    let mut rows = Rows::new(kinds.len());
    for row in found {
        for (index, kind) in kinds.iter().enumerate() {
            rows.push(read_value(row, index, *kind)?);
        }
    }
    Ok(rows)
}

fn read_value(row: &PgRow, index: usize, kind: Kind) -> Result<Value, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::bug(format!("column {index}: {error}"));
    let value = row.try_get_raw(index).map_err(|error| wrong(&error))?;
    if value.is_null() {
        return Ok(Value::Null);
    }
    if value.format() == PgValueFormat::Text {
        return read_text(value.as_str().map_err(|error| wrong(&error))?, kind);
    }
    let bytes = value.as_bytes().map_err(|error| wrong(&error))?;
    let short = |_| wrong(&"too short");
    Ok(match kind {
        Kind::Int2 => Value::Int(i16::from_be_bytes(bytes.try_into().map_err(short)?).into()),
        Kind::Int4 => Value::Int(i32::from_be_bytes(bytes.try_into().map_err(short)?).into()),
        Kind::Int8 => Value::Int(i64::from_be_bytes(bytes.try_into().map_err(short)?)),
        Kind::Text => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        Kind::Bytes => Value::Bytes(bytes.to_vec()),
    })
}

/// A value as a statement without parameters returns it.
fn read_text(text: &str, kind: Kind) -> Result<Value, Error> {
    match kind {
        Kind::Int2 | Kind::Int4 | Kind::Int8 => {
            let number = text.parse();
            number.map(Value::Int).map_err(|_| Error::bug(format!("`{text}` is no number")))
        }
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::Bytes => Err(Error::bug("bytes are not read as text")),
    }
}
