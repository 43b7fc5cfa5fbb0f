//! Tables of the bench's own in a database that may hold others: a schema or a prefix.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, PgConnection};

use crate::Bench;

/// Named after the process, so that two runs may share a server.
#[derive(Debug, Clone)]
pub(crate) struct Scratch {
    server: String,
    name: String,
    is_postgres: bool,
}

impl Scratch {
    pub(crate) fn new(url: &str) -> Bench<Self> {
        let is_postgres = url.starts_with("postgres");
        if !is_postgres && !url.starts_with("mysql") && !url.starts_with("mariadb") {
            return Err(format!("`{url}` names no database server").into());
        }
        let server = url.replacen("mariadb:", "mysql:", 1);
        Ok(Self { server, name: format!("windlass_bench_{}", std::process::id()), is_postgres })
    }

    /// Where `Queue::open` finds a database of our own.
    pub(crate) fn url(&self) -> String {
        let joint = if self.server.contains('?') { '&' } else { '?' };
        let option = if self.is_postgres { "schema" } else { "prefix" };
        format!("{}{joint}{option}={}{}", self.server, self.name, self.end())
    }

    /// The server itself.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// What names of tables begin with.
    pub(crate) fn prefix(&self) -> String {
        if self.is_postgres { format!("{}.", self.name) } else { format!("{}_", self.name) }
    }

    /// The schema of PostgreSQL.
    pub(crate) fn schema(&self) -> &str {
        &self.name
    }

    /// As if it had never been used.
    pub(crate) async fn clear(&self) -> Bench<()> {
        if self.is_postgres {
            let mut connection = PgConnection::connect(&self.server).await?;
            let drop = format!("drop schema if exists {} cascade", self.name);
            connection.execute(AssertSqlSafe(drop)).await?;
            return Ok(());
        }
        let mut connection = MySqlConnection::connect(&self.server).await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "select cast(table_name as char) from information_schema.tables
             where table_schema = database() and table_name like concat(?, '\\_%')",
        )
        .bind(self.name.replace('_', "\\_"))
        .fetch_all(&mut connection)
        .await?;
        for table in tables {
            connection.execute(AssertSqlSafe(format!("drop table {table}"))).await?;
        }
        Ok(())
    }

    fn end(&self) -> &'static str {
        if self.is_postgres { "" } else { "_" }
    }
}
