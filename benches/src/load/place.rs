//! Where the jobs of a measurement are.

use std::path::{Path, PathBuf};

use crate::Bench;
use crate::server::Scratch;

/// A file of SQLite, or a schema of our own in a database of PostgreSQL.
#[derive(Debug)]
pub(super) enum Place {
    File(PathBuf),
    Schema(Scratch),
}

impl Place {
    /// The file `name` in `folder`, unless a database is given; whatever was there is removed.
    pub(super) async fn fresh(folder: &Path, name: &str, database: Option<&str>) -> Bench<Self> {
        let Some(database) = database else { return Ok(Self::File(folder.join(name))) };
        if !database.starts_with("postgres") {
            return Err(format!("`{database}` is no database of PostgreSQL").into());
        }
        let place = Self::Schema(Scratch::new(database)?);
        place.clear().await?;
        Ok(place)
    }

    /// Where `Queue::open` finds it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Schema(scratch) => scratch.url(),
        }
    }

    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Removes a schema; the file goes with its folder.
    pub(super) async fn clear(&self) -> Bench<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Schema(scratch) => scratch.clear().await,
        }
    }
}
