//! Which databases a test can use, and where a fresh one comes from.

use std::sync::atomic::{AtomicU64, Ordering};

/// A kind of database that runs in a server of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL, at `WINDLASS_TEST_POSTGRES_URL`.
    Postgres,
    /// MySQL or MariaDB, at `WINDLASS_TEST_MYSQL_URL`.
    Mysql,
    /// PostgreSQL behind PgBouncer in transaction mode, at `WINDLASS_TEST_PGBOUNCER_URL`.
    PgBouncer,
}

impl Backend {
    const fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "WINDLASS_TEST_POSTGRES_URL",
            Self::Mysql => "WINDLASS_TEST_MYSQL_URL",
            Self::PgBouncer => "WINDLASS_TEST_PGBOUNCER_URL",
        }
    }

    /// The address of a fresh set of tables in the test server: a schema of its own, or tables with
    /// a prefix of their own. None when there is no server: a visible skip.
    ///
    /// # Panics
    /// When there is no server and `CI` is set.
    pub fn fresh_url(self) -> Option<String> {
        let server = self.server_url()?;
        let joint = if server.contains('?') { '&' } else { '?' };
        let name = unique_name();
        Some(match self {
            Self::Postgres => format!("{server}{joint}schema={name}"),
            Self::PgBouncer => format!("{server}{joint}schema={name}&pooled=true"),
            Self::Mysql => format!("{server}{joint}prefix={name}_"),
        })
    }

    /// The address of the test server itself; none, or a panic, as [`fresh_url`](Self::fresh_url).
    ///
    /// # Panics
    /// When there is no server and `CI` is set.
    #[expect(clippy::print_stderr, reason = "a test helper")]
    pub fn server_url(self) -> Option<String> {
        let variable = self.variable();
        let server = std::env::var(variable).ok();
        if server.is_none() {
            assert!(std::env::var_os("CI").is_none(), "{variable} is not set (cargo xtask test)");
            eprintln!("skipped: {variable} is not set (cargo xtask test)");
        }
        server
    }
}

/// A name no other test uses.
pub(crate) fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t{:x}_{count}", fastrand::u64(..) >> 24)
}
