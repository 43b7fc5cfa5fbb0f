//! The kinds of servers and the facts in which they differ.

use std::fmt;

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL, the newest version found.
    Postgres,
    /// MariaDB.
    MariaDb,
    /// PgBouncer in transaction mode, in front of a PostgreSQL server.
    PgBouncer,
}

impl Kind {
    /// Every kind; what another one needs comes before it.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::MariaDb, Self::PgBouncer];

    /// Its name on command lines and in state files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
            Self::PgBouncer => "pgbouncer",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The environment variable in which tests look for the URL.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "WINDLASS_TEST_POSTGRES_URL",
            Self::MariaDb => "WINDLASS_TEST_MYSQL_URL",
            Self::PgBouncer => "WINDLASS_TEST_PGBOUNCER_URL",
        }
    }

    /// The Debian packages with the server and its client; MariaDB's have no service.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::MariaDb => &["mariadb-server-core", "mariadb-client-core"],
            Self::PgBouncer => &["pgbouncer", "postgresql-client"],
        }
    }

    /// System accounts to run as when we are root, the first that exists.
    ///
    /// Servers refuse to run as root. MariaDB's core package creates no account, only its service
    /// package does, and `nobody` serves as well.
    pub(crate) fn accounts(self) -> &'static [&'static str] {
        match self {
            Self::Postgres | Self::PgBouncer => &["postgres"],
            Self::MariaDb => &["mysql", "nobody"],
        }
    }

    /// The signal for a clean stop that does not wait for clients.
    pub(crate) fn stop_signal(self) -> &'static str {
        match self {
            Self::Postgres => "INT",
            Self::MariaDb | Self::PgBouncer => "TERM",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
