//! PostgreSQL 12 or later: connections owned by lanes, LISTEN for news, one table per day of jobs.

mod encode;
mod errors;
mod listen;
mod migrate;
mod texts;
mod transaction;

use std::str::FromStr;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqlSafeStr as _};
use tokio::sync::mpsc;

#[cfg(feature = "tokio-postgres")]
pub(crate) use self::encode::encode_array;
use self::listen::Announcer;
pub(crate) use self::texts::Texts;
pub(crate) use self::transaction::PgTx;
use super::effects::News;
use super::server::{Mode, Server, ServerDriver, answered};
use crate::runtime::{Clock, Tasks};
use crate::store::Shared;
use crate::store::schema::SchemaStatus;
use crate::store::within::Dialect;
use crate::{Error, Timestamp};

/// Schema that holds everything, unless the URL says otherwise.
const SCHEMA: &str = "windlass";

/// Days whose tables are made ahead of time.
const DAYS_AHEAD: i64 = 3;

/// Names that need no quotes.
const SCHEMA_BYTES_MAX: usize = 40;

/// Plans of the short statements do not depend on how full a table happens to be: the rooms swing
/// between nothing and millions of rows within seconds, and statistics lie about them.
const PINNED: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; \
     set enable_hashjoin = off; set enable_mergejoin = off; set enable_bitmapscan = off; \
     set jit = off; set max_parallel_workers_per_gather = 0; set lock_timeout = '5s'; \
     set idle_in_transaction_session_timeout = '60s'";

/// Pages of many jobs walk an index and stop: no statistics may talk a plan into reading a table and sorting it.
const READING: &str = "set enable_seqscan = off; set enable_mergejoin = off; set enable_bitmapscan = off; \
     set jit = off; set max_parallel_workers_per_gather = 0; \
     set idle_in_transaction_session_timeout = '60s'";

/// A PostgreSQL server and how to reach it.
#[derive(Debug)]
pub(crate) struct Postgres {
    options: PgConnectOptions,
    texts: Arc<Texts>,
    pooled: bool,
    news: mpsc::UnboundedSender<News>,
}

/// What a URL says beyond the address.
#[derive(Debug)]
pub(crate) struct Address {
    options: PgConnectOptions,
    pub(crate) schema: String,
    /// Behind a pooler that hands out connections by transaction.
    pooled: bool,
}

impl Address {
    /// Reads `postgres://USER:PASSWORD@HOST/DATABASE`, with `schema=NAME` and `pooled=true` among the
    /// parameters.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut schema, mut pooled, mut rest) = (SCHEMA.to_owned(), false, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", name)) => schema = name.to_owned(),
                Some(("pooled", value)) => pooled = value == "true",
                _ => rest.push(parameter),
            }
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let starts = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if schema.len() > SCHEMA_BYTES_MAX || !schema.bytes().all(plain) || !starts {
            return Err(Error::incompatible(format!(
                "`{schema}` cannot be the schema (a-z, 0-9 and _, at most {SCHEMA_BYTES_MAX})"
            )));
        }
        let address =
            if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let options = PgConnectOptions::from_str(&address).map_err(|error| {
            Error::incompatible(format!("the database URL cannot be read: {error}"))
        })?;
        // The log would hold every statement otherwise.
        let options = options.disable_statement_logging();
        let options = if pooled { options.extra_float_digits(None) } else { options };
        Ok(Self { options: options.application_name("windlass"), schema, pooled })
    }

    pub(crate) fn prefix(&self) -> String {
        format!("{}.", self.schema)
    }

    pub(crate) async fn connect(&self) -> Result<PgConnection, Error> {
        let connecting = self.options.connect();
        answered(async { connecting.await.map_err(|error| unreachable(&self.options, error)) })
            .await
    }
}

/// Opens the database that `url` names.
pub(crate) async fn open(
    url: &str,
    clock: &Clock,
    migrate: bool,
) -> Result<ServerDriver<Postgres>, Error> {
    let address = Address::parse(url)?;
    let mut connection = address.connect().await?;
    migrate::migrate(&mut connection, &address, clock.now(), migrate).await?;
    answered(warn_of_unsafe_settings(&mut connection)).await?;
    connection.close().await.ok();
    let texts = Arc::new(Texts::new(&address.prefix()));
    let (news, heard) = mpsc::unbounded_channel();
    let (options, pooled) = (address.options.clone(), address.pooled);
    let server = Postgres { options, texts, pooled, news };
    let driver = ServerDriver::start(server, clock).await?;
    driver.with(|tasks: &Tasks, shared: &Arc<Shared>| {
        listen::start(tasks, shared, Announcer::new(&address, heard));
    });
    Ok(driver)
}

/// How far the database that `url` names is.
pub(crate) async fn schema_status(url: &str) -> Result<SchemaStatus, Error> {
    let address = Address::parse(url)?;
    let mut connection = address.connect().await?;
    let status = migrate::status(&mut connection, &address).await;
    sqlx::Connection::close(connection).await.ok();
    status
}

/// The migrations after `after`, for `psql`.
pub(crate) fn migration_sql(url: &str, after: i64, now: Timestamp) -> Result<String, Error> {
    Ok(migrate::script(&Address::parse(url)?, after, now))
}

impl Server for Postgres {
    type Session = PgTx<PgConnection>;

    fn address(&self) -> String {
        format!("PostgreSQL at {}:{}", self.options.get_host(), self.options.get_port())
    }

    async fn connect(&self, mode: Mode) -> Result<Self::Session, Error> {
        let failed = |error: sqlx::Error| Error::unavailable(format!("cannot connect: {error}"));
        answered(async {
            let mut connection = self.options.connect().await.map_err(failed)?;
            if !self.pooled {
                connection.execute(settings(mode)).await.map_err(failed)?;
            }
            Ok(PgTx::new(connection, Arc::clone(&self.texts), begin(mode, self.pooled)))
        })
        .await
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres(Arc::clone(&self.texts))
    }

    fn days(&self) -> Option<i64> {
        Some(DAYS_AHEAD)
    }

    fn announce(&self, news: News) {
        // The announcer lives as long as the driver.
        self.news.send(news).ok();
    }
}

/// How a transaction starts: not by asking for the right to write, which an administrator may have
/// taken away. A pooler shares connections, so settings must end with it.
fn begin(mode: Mode, pooled: bool) -> sqlx::SqlStr {
    let start = match mode {
        Mode::Write => "begin isolation level read committed",
        Mode::Read => "begin isolation level repeatable read read only",
    };
    if !pooled {
        return start.into_sql_str();
    }
    let local = settings(mode).replace("set ", "set local ");
    AssertSqlSafe(format!("{start}; {local}")).into_sql_str()
}

const fn settings(mode: Mode) -> &'static str {
    match mode {
        Mode::Write => PINNED,
        Mode::Read => READING,
    }
}

/// Acknowledged means durable only if the server says so.
async fn warn_of_unsafe_settings(connection: &mut PgConnection) -> Result<(), Error> {
    // A pooler keeps statements and their answers together in a transaction only.
    let Ok(mut tx) = connection.begin().await else { return Ok(()) };
    for (name, safe) in [("fsync", "on"), ("full_page_writes", "on")] {
        let row = sqlx::query_scalar::<_, String>("select current_setting($1)").bind(name);
        if let Ok(value) = row.persistent(false).fetch_one(&mut *tx).await
            && value != safe
        {
            tracing::warn!(
                setting = name,
                value,
                "the database may lose acknowledged jobs in a crash"
            );
        }
    }
    let row = sqlx::query_scalar::<_, String>("select current_setting('synchronous_commit')");
    if let Ok(value) = row.persistent(false).fetch_one(&mut *tx).await
        && value == "off"
    {
        tracing::warn!("synchronous_commit is off: acknowledged jobs may be lost in a crash");
    }
    Ok(())
}

fn unreachable(options: &PgConnectOptions, error: sqlx::Error) -> Error {
    let what =
        format!("cannot connect to PostgreSQL at {}:{}", options.get_host(), options.get_port());
    errors::not_opened(&what, error)
}
