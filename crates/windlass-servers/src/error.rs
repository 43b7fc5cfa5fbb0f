//! Why a server could not be found, installed, started or stopped.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::find::{POSTGRES_BIN, is_overridden};
use crate::kind::Kind;

/// What went wrong, told apart by what the caller can do about it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The programs are not on this machine.
    Missing {
        /// What was looked for.
        kind: Kind,
        /// What a person has to do.
        remedy: String,
    },
    /// A program failed, or a server ended when it should not have.
    Failed {
        /// Which program.
        program: String,
        /// What it said last.
        output: String,
    },
    /// A server did not do something in time.
    Late {
        /// What was waited for.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// The operating system refused something.
    Io {
        /// What was tried.
        what: String,
        /// Its reason.
        source: io::Error,
    },
    /// A file is not the state file of a server.
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// PgBouncer was asked for without the server to stand in front of.
    NeedsServer,
}

impl Error {
    /// The kind is not installed; says which packages bring it.
    pub(crate) fn missing(kind: Kind) -> Self {
        let remedy = if is_overridden(kind) {
            format!("{POSTGRES_BIN} names a folder without postgres and initdb")
        } else {
            format!("run `apt-get install {}` as root", kind.packages().join(" "))
        };
        Self::Missing { kind, remedy }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { kind, remedy } => {
                write!(f, "{kind} is not installed: {remedy}")
            }
            Self::Failed { program, output } => write!(f, "{program} failed: {output}"),
            Self::Late { what, log } => write!(f, "{what} in time; its log ends: {log}"),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::State { path, reason } => {
                write!(f, "state file {}: {reason}", path.display())
            }
            Self::NeedsServer => {
                f.write_str("pgbouncer needs the port of a postgres server: use start_pooler")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Missing { .. }
            | Self::Failed { .. }
            | Self::Late { .. }
            | Self::State { .. }
            | Self::NeedsServer => None,
        }
    }
}
