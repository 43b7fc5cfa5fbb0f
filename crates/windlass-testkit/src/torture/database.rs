//! Where a run stores its jobs: SQLite files, a private server, or whatever `--url` names.
//!
//! Invariant: every address handed out leads to an empty database.

use std::fmt;
use std::path::Path;

use windlass_servers::{Kind, Server, TemporaryFolder};

use crate::{Failure, Options};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
    Mysql,
}

impl Database {
    /// The kind that an address speaks of.
    fn of(url: &str) -> Self {
        match url.split(':').next() {
            Some("postgres" | "postgresql") => Self::Postgres,
            Some("mysql" | "mariadb") => Self::Mysql,
            _ => Self::Sqlite,
        }
    }

    fn server(self) -> Option<Kind> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(Kind::Postgres),
            Self::Mysql => Some(Kind::MariaDb),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.server().map_or("sqlite", Kind::name))
    }
}

/// The databases of one run.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) database: Database,
    given: Option<String>,
    /// Sets the tables of this run apart from those of others in a server that was given.
    tag: u32,
    /// Stopped before its folder goes.
    server: Option<Server>,
    _data: Option<TemporaryFolder>,
}

impl Home {
    /// Starts a server unless there is an address or none is needed.
    pub(crate) fn open(options: &Options) -> Result<Self, Failure> {
        let given = options.url.clone();
        let database = given.as_deref().map_or(options.database, Database::of);
        let (mut server, mut data) = (None, None);
        if let (Some(kind), None) = (database.server(), &given) {
            let folder = TemporaryFolder::new("torture", false)?;
            server = Some(Server::start(kind, &folder.path().join(kind.name()))?);
            data = Some(folder);
        }
        Ok(Self { database, given, tag: fastrand::u32(..), server, _data: data })
    }

    /// The address of an empty database called `name`; one that is a file is in `folder`.
    pub(crate) fn url(&self, folder: &Path, name: &str) -> String {
        let server = self.server.as_ref().map(Server::url).or_else(|| self.given.clone());
        let Some(url) = server else {
            return format!("sqlite:{}", folder.join("jobs.db").display());
        };
        let joint = if url.contains('?') { '&' } else { '?' };
        match self.database {
            Database::Sqlite => url,
            Database::Postgres => format!("{url}{joint}schema=torture_{:08x}_{name}", self.tag),
            Database::Mysql => format!("{url}{joint}prefix=torture_{:08x}_{name}_", self.tag),
        }
    }

    /// The server, when it is ours to crash.
    pub(crate) fn server(&mut self) -> Option<&mut Server> {
        self.server.as_mut()
    }

    /// True when one run can have several databases.
    pub(crate) fn has_many(&self) -> bool {
        self.given.is_none() || self.database != Database::Sqlite
    }
}
