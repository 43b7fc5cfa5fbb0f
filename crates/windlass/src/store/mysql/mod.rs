//! MySQL 8 and MariaDB 10.6 or later: connections owned by lanes, no notifications, so the watch finds
//! what other processes did.

mod batches;
mod errors;
mod migrate;
mod texts;
mod transaction;

use std::str::FromStr;
use std::sync::Arc;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions as _, Executor as _};

#[cfg(feature = "mysql_async")]
pub(crate) use self::batches::{Sender, run_both, run_list};
pub(crate) use self::texts::Texts;
pub(crate) use self::transaction::MySqlTx;
use super::effects::News;
use super::server::{Mode, Server, ServerDriver, answered};
use crate::runtime::Clock;
use crate::store::schema::SchemaStatus;
use crate::store::within::Dialect;
use crate::{Error, Timestamp};

/// Table names begin with this, unless the URL says otherwise.
const PREFIX: &str = "windlass_";

/// Bytes of a prefix: what MySQL's 64 leave beside our longest name.
const PREFIX_BYTES_MAX: usize = 32;

/// What the server should take in one statement: twice what a batch may come to.
const PACKET_BYTES_MIN: i64 = 8 << 20;

/// A read of one statement locks nothing it does not change, and a wait for a lock ends soon enough to
/// try again. What is cut off silently elsewhere is an error here. MariaDB ends a transaction whose client
/// is gone without a word; MySQL cannot.
const WRITE_SETTINGS: &str = "set session transaction isolation level read committed; \
     set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 5 \
     /*M!100300 , idle_transaction_timeout = 60 */";

/// A MySQL or MariaDB server and how to reach it.
#[derive(Debug)]
pub(crate) struct MySql {
    options: MySqlConnectOptions,
    texts: Arc<Texts>,
}

/// What a URL says.
#[derive(Debug)]
pub(crate) struct Address {
    options: MySqlConnectOptions,
    pub(crate) prefix: String,
}

impl Address {
    /// Reads `mysql://USER:PASSWORD@HOST/DATABASE`, with `prefix=NAME_` among the parameters.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut prefix, mut rest) = (PREFIX.to_owned(), Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("prefix", name)) => prefix = name.to_owned(),
                _ => rest.push(parameter),
            }
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if prefix.len() > PREFIX_BYTES_MAX || !prefix.bytes().all(plain) {
            return Err(Error::incompatible(format!(
                "`{prefix}` cannot be the prefix (a-z, 0-9 and _, at most {PREFIX_BYTES_MAX})"
            )));
        }
        let base = base.replacen("mariadb:", "mysql:", 1);
        let address = if rest.is_empty() { base } else { format!("{base}?{}", rest.join("&")) };
        let options = MySqlConnectOptions::from_str(&address).map_err(|error| {
            Error::incompatible(format!("the database URL cannot be read: {error}"))
        })?;
        if options.get_database().is_none() {
            return Err(Error::incompatible(
                "the database URL names no database (mysql://HOST/NAME)",
            ));
        }
        // The log would hold every statement otherwise.
        let options = options.disable_statement_logging().pipes_as_concat(false);
        let options = options.no_engine_substitution(false).statement_cache_capacity(500);
        Ok(Self { options, prefix })
    }

    pub(crate) async fn connect(&self) -> Result<MySqlConnection, Error> {
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
) -> Result<ServerDriver<MySql>, Error> {
    let address = Address::parse(url)?;
    let mut connection = address.connect().await?;
    migrate::migrate(&mut connection, &address.prefix, clock.now(), migrate).await?;
    answered(warn_of_unsafe_settings(&mut connection)).await?;
    sqlx::Connection::close(connection).await.ok();
    let texts = Arc::new(Texts::new(&address.prefix));
    ServerDriver::start(MySql { options: address.options, texts }, clock).await
}

/// How far the database that `url` names is.
pub(crate) async fn schema_status(url: &str) -> Result<SchemaStatus, Error> {
    let address = Address::parse(url)?;
    let mut connection = address.connect().await?;
    let status = migrate::status(&mut connection, &address.prefix).await;
    sqlx::Connection::close(connection).await.ok();
    status
}

/// The migrations after `after`, for `mysql` and `mariadb`.
pub(crate) fn migration_sql(url: &str, after: i64, now: Timestamp) -> Result<String, Error> {
    Ok(migrate::script(&Address::parse(url)?.prefix, after, now))
}

impl Server for MySql {
    type Session = MySqlTx<MySqlConnection>;

    fn address(&self) -> String {
        format!("MySQL at {}:{}", self.options.get_host(), self.options.get_port())
    }

    async fn connect(&self, mode: Mode) -> Result<Self::Session, Error> {
        let failed = |error: sqlx::Error| Error::unavailable(format!("cannot connect: {error}"));
        let connection = answered(async {
            let mut connection = self.options.connect().await.map_err(failed)?;
            if mode == Mode::Write {
                connection.execute(WRITE_SETTINGS).await.map_err(failed)?;
            }
            Ok(connection)
        });
        let connection = connection.await?;
        let begin = match mode {
            Mode::Write => "start transaction",
            Mode::Read => "start transaction with consistent snapshot, read only",
        };
        Ok(MySqlTx::new(connection, Arc::clone(&self.texts), begin))
    }

    fn dialect(&self) -> Dialect {
        Dialect::MySql(Arc::clone(&self.texts))
    }

    fn days(&self) -> Option<i64> {
        None
    }

    fn announce(&self, _news: News) {}
}

/// Acknowledged means durable only if the server says so, and not everything fits if it takes little.
async fn warn_of_unsafe_settings(connection: &mut MySqlConnection) -> Result<(), Error> {
    let row = sqlx::query_scalar::<_, i64>("select cast(@@max_allowed_packet as signed)");
    if let Ok(value) = row.fetch_one(&mut *connection).await
        && value < PACKET_BYTES_MIN
    {
        tracing::warn!(
            value,
            "max_allowed_packet is below {PACKET_BYTES_MIN}: jobs with large payloads are refused"
        );
    }
    let row = sqlx::query_scalar::<_, i64>(
        "select cast(@@global.innodb_flush_log_at_trx_commit as signed)",
    );
    if let Ok(value) = row.fetch_one(connection).await
        && value != 1
    {
        tracing::warn!(
            value,
            "innodb_flush_log_at_trx_commit is not 1: acknowledged jobs may be lost in a crash"
        );
    }
    Ok(())
}

fn unreachable(options: &MySqlConnectOptions, error: sqlx::Error) -> Error {
    let what = format!("cannot connect to MySQL at {}:{}", options.get_host(), options.get_port());
    errors::not_opened(&what, error)
}
