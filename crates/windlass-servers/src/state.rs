//! What a later process needs to know to find a server again, as a file of one line.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::kind::Kind;
use crate::process::Identity;

/// A server as it is written down.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) port: u16,
    pub(crate) id: Identity,
    pub(crate) folder: PathBuf,
}

impl State {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let line = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        let reason = "not of the form KIND PORT PID TICKS FOLDER";
        let wrong = || Error::State { path: path.to_owned(), reason: reason.to_owned() };
        parse(line.trim_end()).ok_or_else(wrong)
    }

    /// Replaces the file as a whole, so nobody reads half of it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        let new = path.with_extension("new");
        std::fs::write(&new, self.line()).map_err(Error::file("write", &new))?;
        std::fs::rename(&new, path).map_err(Error::file("replace", path))
    }

    /// The folder comes last, because it may contain spaces.
    fn line(&self) -> String {
        let Self { kind, port, id, folder } = self;
        format!("{kind} {port} {} {} {}\n", id.pid, id.started_ticks, folder.display())
    }
}

fn parse(line: &str) -> Option<State> {
    let mut fields = line.splitn(5, ' ');
    let kind = Kind::named(fields.next()?)?;
    let port = fields.next()?.parse().ok()?;
    let pid = fields.next()?.parse().ok()?;
    let started_ticks = fields.next()?.parse().ok()?;
    let folder = PathBuf::from(fields.next()?);
    Some(State { kind, port, id: Identity { pid, started_ticks }, folder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let id = Identity { pid: 42, started_ticks: 1 << 40 };
        let folder = PathBuf::from("/tmp/with a space");
        let state = State { kind: Kind::MariaDb, port: 23456, id, folder };

        assert_eq!(state.line(), "mariadb 23456 42 1099511627776 /tmp/with a space\n");
        assert_eq!(parse(state.line().trim_end()), Some(state));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in
            ["", "postgres", "oracle 1 2 3 /tmp", "postgres 70000 2 3 /tmp", "postgres 1 2 3"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
