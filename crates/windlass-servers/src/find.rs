//! Where the programs are. A kind counts as found only with everything that running it takes: the
//! server, what initialises its data, and the client.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::kind::Kind;

/// Overrides the folder in which PostgreSQL's programs are looked for.
pub(crate) const POSTGRES_BIN: &str = "WINDLASS_POSTGRES_BIN";

/// Overrides the folder in which a server of MySQL, `mysqld`, is looked for; without it there is MariaDB.
pub(crate) const MYSQL_BIN: &str = "WINDLASS_MYSQL_BIN";

/// Where Debian keeps one folder for each version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// Folders of servers that are not on the PATH of ordinary users.
const SYSTEM_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// The server program of a kind, if it and its companions are on this machine.
///
/// PostgreSQL is looked for in the folder that `WINDLASS_POSTGRES_BIN` names, if it is set, and
/// otherwise below `/usr/lib/postgresql`, newest version first. `WINDLASS_MYSQL_BIN` names the folder
/// of a MySQL server to use in place of MariaDB's.
pub fn find(kind: Kind) -> Option<PathBuf> {
    match kind {
        Kind::Postgres => postgres(),
        Kind::MariaDb => mariadb(),
        Kind::PgBouncer => client(Kind::PgBouncer).and_then(|_| on_path("pgbouncer")),
    }
}

/// As [`find`]; a kind that is not there is an error that says what to do.
pub(crate) fn required(kind: Kind) -> Result<PathBuf, Error> {
    find(kind).ok_or_else(|| Error::missing(kind))
}

/// Whether somebody chose where to look, so that installing would not help.
pub(crate) fn is_overridden(kind: Kind) -> bool {
    match kind {
        Kind::Postgres => std::env::var_os(POSTGRES_BIN).is_some(),
        Kind::MariaDb => std::env::var_os(MYSQL_BIN).is_some(),
        Kind::PgBouncer => false,
    }
}

/// The command line client of a kind.
pub(crate) fn client(kind: Kind) -> Option<PathBuf> {
    match kind {
        Kind::Postgres | Kind::PgBouncer => {
            let beside = postgres().map(|server| server.with_file_name("psql"));
            beside.filter(|psql| psql.is_file()).or_else(|| on_path("psql"))
        }
        Kind::MariaDb => on_path("mariadb").or_else(|| on_path("mysql")),
    }
}

/// MariaDB's program that initialises a data folder.
pub(crate) fn mariadb_initialiser() -> Option<PathBuf> {
    on_path("mariadb-install-db").or_else(|| on_path("mysql_install_db"))
}

fn postgres() -> Option<PathBuf> {
    let folders = match std::env::var_os(POSTGRES_BIN) {
        Some(folder) => vec![PathBuf::from(folder)],
        None => versions(Path::new(POSTGRES_VERSIONS)),
    };
    let is_complete =
        |bin: &PathBuf| bin.join("postgres").is_file() && bin.join("initdb").is_file();
    folders.into_iter().find(is_complete).map(|bin| bin.join("postgres"))
}

fn mariadb() -> Option<PathBuf> {
    client(Kind::MariaDb)?;
    if let Some(folder) = std::env::var_os(MYSQL_BIN) {
        return Some(PathBuf::from(folder).join("mysqld")).filter(|mysqld| mysqld.is_file());
    }
    mariadb_initialiser()?;
    on_path("mariadbd").or_else(|| on_path("mysqld"))
}

/// The `bin` folders below a folder of versions, newest first.
fn versions(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    newest_first(names.collect()).iter().map(|name| folder.join(name).join("bin")).collect()
}

/// Versions such as `9.6` and `15`, compared number by number; other names are left out.
fn newest_first(names: Vec<String>) -> Vec<String> {
    let numbers = |name: &String| -> Option<Vec<u32>> {
        name.split('.').map(|part| part.parse().ok()).collect()
    };
    let mut versions: Vec<(Vec<u32>, String)> =
        names.into_iter().filter_map(|name| Some((numbers(&name)?, name))).collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, name)| name).collect()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.into_iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let names = ["9.6", "15", "9.10", "17", "common"].map(str::to_owned).to_vec();

        assert_eq!(newest_first(names), ["17", "15", "9.10", "9.6"]);
    }

    #[test]
    fn a_folder_without_versions_has_none() {
        assert!(versions(Path::new("/nonexistent")).is_empty());
    }
}
