//! What an administrator does to a database server behind the library's back.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _, SqlSafeStr as _};

use crate::backend::Backend;

/// Real time in which a statement comes to wait for a lock: less than the library waits for one.
const WAITING_WITHIN: Duration = Duration::from_secs(4);

/// Between two looks at who waits; MariaDB keeps its answer until nobody has asked for 0.1 s.
const LOOK_EVERY: Duration = Duration::from_millis(130);

/// Transactions that wait for a lock in tables whose names are..
const MARIADB_WAITS: &str = "select count(distinct w.requesting_trx_id) \
     from information_schema.innodb_lock_waits w \
     join information_schema.innodb_locks l on l.lock_id = w.requested_lock_id \
     where l.lock_table";
const MYSQL_WAITS: &str = "select count(distinct w.requesting_engine_transaction_id) \
     from performance_schema.data_lock_waits w \
     join performance_schema.data_locks l on l.engine_lock_id = w.requesting_engine_lock_id \
     where l.object_name";

/// A connection with all privileges.
#[derive(Debug)]
pub struct Admin(Connection);

#[derive(Debug)]
enum Connection {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

#[expect(clippy::missing_panics_doc, reason = "a test helper: panics are its way to fail")]
impl Admin {
    /// Connects to the server and database that `url` names; parameters of Windlass are left out.
    pub async fn connect(backend: Backend, url: &str) -> Self {
        let plain = url.split_once('?').map_or(url, |(plain, _)| plain);
        Self(match backend {
            Backend::Postgres | Backend::PgBouncer => {
                let options = PgConnectOptions::from_str(plain).expect("a URL");
                let options = options.disable_statement_logging();
                Connection::Postgres(options.connect().await.expect("a server"))
            }
            Backend::Mysql => {
                let options = MySqlConnectOptions::from_str(plain).expect("a URL");
                let options = options.disable_statement_logging();
                Connection::Mysql(options.connect().await.expect("a server"))
            }
        })
    }

    /// Runs a statement.
    pub async fn run(&mut self, sql: &str) {
        self.try_run(sql).await.expect("a statement that works");
    }

    /// Runs a statement that may fail.
    ///
    /// # Errors
    /// Whatever the server says.
    pub async fn try_run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let text = AssertSqlSafe(sql.to_owned()).into_sql_str();
        match &mut self.0 {
            Connection::Postgres(connection) => connection.execute(text).await.map(drop),
            Connection::Mysql(connection) => connection.execute(text).await.map(drop),
        }
    }

    /// The numbers in the first column of what a statement returns.
    pub async fn numbers(&mut self, sql: &str) -> Vec<i64> {
        let text = AssertSqlSafe(sql.to_owned()).into_sql_str();
        match &mut self.0 {
            Connection::Postgres(connection) => {
                let rows = connection.fetch_all(text).await.expect("an answer");
                rows.iter().map(|row| row.get(0)).collect()
            }
            Connection::Mysql(connection) => {
                let rows = connection.fetch_all(text).await.expect("an answer");
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// The texts in the first column of what a statement returns.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let text = AssertSqlSafe(sql.to_owned()).into_sql_str();
        match &mut self.0 {
            Connection::Postgres(connection) => {
                let rows = connection.fetch_all(text).await.expect("an answer");
                rows.iter().map(|row| row.get(0)).collect()
            }
            Connection::Mysql(connection) => {
                let rows = connection.fetch_all(text).await.expect("an answer");
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// Ends the session that comes from this port, if there is one.
    pub async fn kill(&mut self, port: u16) {
        match &self.0 {
            Connection::Postgres(_) => {
                let sql = "select pg_terminate_backend(pid) from pg_stat_activity";
                self.run(&format!("{sql} where client_port = {port}")).await;
            }
            Connection::Mysql(_) => {
                let sql = "select cast(id as signed) from information_schema.processlist";
                let of_port = format!("{sql} where host like '%:{port}'");
                for id in self.numbers(&of_port).await {
                    // It may have gone by itself.
                    self.try_run(&format!("kill {id}")).await.ok();
                }
            }
        }
    }

    /// Fills the disk for the counts of the tables of `url`: every transaction fails at its last statement
    /// before the commit, which counts what it did; in PostgreSQL at the commit itself.
    pub async fn refuse_counts(&mut self, url: &str) {
        let tables = Self::tables(url);
        for statement in match &self.0 {
            Connection::Postgres(_) => vec![
                format!(
                    "create function {tables}refuse() returns trigger language plpgsql as \
                     $$ begin raise exception 'no space left' using errcode = '53100'; end $$"
                ),
                format!(
                    "create constraint trigger refuse after insert on {tables}tally_change \
                     deferrable initially deferred for each row execute function {tables}refuse()"
                ),
            ],
            Connection::Mysql(_) => vec![format!(
                "create trigger {tables}refuse before insert on {tables}tally_change for each row \
                 signal sqlstate 'HY000' set mysql_errno = 1114, message_text = 'no space left'"
            )],
        } {
            self.run(&statement).await;
        }
    }

    /// Ends [`refuse_counts`](Self::refuse_counts).
    pub async fn accept_counts(&mut self, url: &str) {
        let tables = Self::tables(url);
        let statement = match &self.0 {
            Connection::Postgres(_) => format!("drop trigger refuse on {tables}tally_change"),
            Connection::Mysql(_) => format!("drop trigger {tables}refuse"),
        };
        self.run(&statement).await;
    }

    /// The address of fresh tables that [`freeze`](Self::freeze) can make read-only without harm to
    /// other tests: in PostgreSQL a database of its own, in MySQL a user without the right to write
    /// all the same.
    pub async fn database_that_can_be_frozen(&mut self, url: &str) -> String {
        let name = crate::backend::unique_name();
        match &self.0 {
            Connection::Postgres(_) => {
                self.run(&format!("create database {name}")).await;
                let (server, _) = url.rsplit_once('/').expect("a URL with a database");
                format!("{server}/{name}")
            }
            Connection::Mysql(_) => {
                self.run(&format!("create user {name}@'%' identified by 'secret'")).await;
                self.run(&format!("grant all on windlass.* to {name}@'%'")).await;
                let (_, place) = url.split_once('@').expect("a URL with a user");
                let place = place.split_once('?').map_or(place, |(place, _)| place);
                format!("mysql://{name}:secret@{place}?prefix={name}_")
            }
        }
    }

    /// Makes what [`database_that_can_be_frozen`](Self::database_that_can_be_frozen) made read-only, for
    /// new connections, or writable again.
    pub async fn freeze(&mut self, url: &str, is_frozen: bool) {
        let statement = match &self.0 {
            Connection::Postgres(_) => {
                let name = url.rsplit_once('/').map_or("", |(_, name)| name);
                let value = if is_frozen { "on" } else { "off" };
                format!("alter database {name} set default_transaction_read_only = {value}")
            }
            Connection::Mysql(_) => format!("set global read_only = {}", u8::from(is_frozen)),
        };
        self.run(&statement).await;
    }

    /// What the names of a test's tables begin with, from the parameters of its URL.
    pub fn tables(url: &str) -> String {
        let named = |name: &str| url.split(['?', '&']).find_map(|part| part.strip_prefix(name));
        match (named("schema="), named("prefix=")) {
            (Some(schema), _) => format!("{schema}."),
            (None, Some(prefix)) => prefix.to_owned(),
            (None, None) => String::new(),
        }
    }

    /// Waits until so many statements on the tables of `url` wait for a lock.
    pub async fn until_waiting(&mut self, url: &str, count: i64) {
        let tables = Self::tables(url);
        let sql = match &self.0 {
            Connection::Postgres(_) => format!(
                "select count(*) from pg_stat_activity \
                 where wait_event_type = 'Lock' and query like '%{tables}%'"
            ),
            Connection::Mysql(_) => {
                let waits = if self.is_mariadb().await { MARIADB_WAITS } else { MYSQL_WAITS };
                format!("{waits} like '%{tables}%'")
            }
        };
        let end = std::time::Instant::now() + WAITING_WITHIN;
        while self.numbers(&sql).await != [count] {
            assert!(std::time::Instant::now() < end, "not {count} statements wait for a lock");
            // Not in step with others, who would keep the old answer alive together.
            tokio::time::sleep(LOOK_EVERY.mul_f64(1.0 + fastrand::f64())).await;
        }
    }

    async fn is_mariadb(&mut self) -> bool {
        self.numbers("select cast(version() like '%mariadb%' as signed)").await == [1]
    }

    /// Waits until no other session uses the database of `url`, if it is PostgreSQL's: what a session
    /// has counted is known for certain only when it has ended.
    pub async fn until_alone(&mut self, url: &str) {
        if matches!(self.0, Connection::Mysql(_)) {
            return;
        }
        let name = url.rsplit_once('/').map_or("", |(_, name)| name);
        let sql = format!("select count(*) from pg_stat_activity where datname = '{name}'");
        let end = std::time::Instant::now() + WAITING_WITHIN;
        while self.numbers(&sql).await != [1] {
            assert!(std::time::Instant::now() < end, "others still use {name}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Deadlocks the server has found since it started.
    pub async fn deadlocks(&mut self) -> i64 {
        let sql = match &self.0 {
            Connection::Postgres(_) => {
                "select deadlocks from pg_stat_database where datname = current_database()"
            }
            Connection::Mysql(_) => {
                "select cast(`count` as signed) from information_schema.innodb_metrics \
                 where name = 'lock_deadlocks'"
            }
        };
        self.numbers(sql).await.first().copied().expect("a counter")
    }
}
