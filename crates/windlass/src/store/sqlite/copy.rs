//! Copies of a database file, and its shrinking, beside whoever works on it.
//!
//! Invariant: a copy has its name only when it is whole and on stable storage.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::connection::connect;
use crate::Error;
use crate::runtime::tasks;

/// Copies the database at one moment, without what is deleted.
pub(crate) async fn backup(from: PathBuf, to: PathBuf) -> Result<(), Error> {
    tasks::blocking(move || {
        let connection = open(&from)?;
        let shown = to.display().to_string();
        let failed = |error: std::io::Error| {
            let message = format!("cannot write {shown}: {error}");
            Error::Unavailable { message, source: Some(Box::new(error)) }
        };
        if to.try_exists().map_err(failed)? {
            return Err(Error::conflict(format!("there is a file {shown} already")));
        }
        let part = partial(&to);
        create(&part).map_err(failed)?;
        let copied = connection.execute("vacuum into ?1", [part.to_string_lossy()]);
        let done = copied.map_err(|error| cannot("copied", &from, error)).and_then(|_| {
            File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
            // Never over a file that came meanwhile.
            fs::hard_link(&part, &to).map_err(failed)?;
            let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or_else(|| Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
        });
        drop(fs::remove_file(&part));
        done
    })
    .await?
}

/// Gives the space of deleted rows back to the file system.
pub(crate) async fn vacuum(path: PathBuf) -> Result<(), Error> {
    tasks::blocking(move || {
        let connection = open(&path)?;
        let done = connection.execute_batch("vacuum; pragma wal_checkpoint(truncate);");
        done.map_err(|error| cannot("vacuumed", &path, error))
    })
    .await?
}

fn open(path: &Path) -> Result<Connection, Error> {
    if !path.exists() {
        return Err(Error::unavailable(format!("there is no database file {}", path.display())));
    }
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// An empty file that only its owner can read; SQLite takes it as a new database.
fn create(part: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(part).map(drop)
}

fn partial(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(format!(".part-{}", std::process::id()));
    name.into()
}

fn cannot(what: &str, path: &Path, error: rusqlite::Error) -> Error {
    let message = format!("{} cannot be {what}: {error}", path.display());
    Error::Unavailable { message, source: Some(Box::new(error)) }
}
