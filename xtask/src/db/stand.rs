//! A stand: database servers that are started and stopped together, found again through state files.
//!
//! Whoever works on a stand holds its lock, so two commands never start or stop a server at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use windlass_servers::{Kind, Server};

use super::folders;
use crate::Failure;
use crate::cargo::root;

/// The folder of a stand's state files, locked.
pub(super) struct Stand {
    folder: PathBuf,
    _lock: File,
}

/// A kind and its URL, or why there is no server of the kind.
pub(super) type Started = (Kind, Result<String, Failure>);

impl Stand {
    /// The stand of `db up`; waits for another command that works on it.
    pub(super) fn shared() -> Result<Self, Failure> {
        Self::at(shared_folder())
    }

    /// A stand of this process alone.
    pub(super) fn own() -> Result<Self, Failure> {
        Self::at(stands_folder().join(format!("run-{}", std::process::id())))
    }

    /// Stands of commands that were killed: nobody holds their locks any more.
    pub(super) fn abandoned() -> Vec<Self> {
        let entries = fs::read_dir(stands_folder()).into_iter().flatten().flatten();
        let folders = entries.map(|entry| entry.path()).filter(|folder| *folder != shared_folder());
        let unlocked = folders.filter_map(|folder| {
            let lock = File::open(lock_file(&folder)).ok()?;
            lock.try_lock().ok()?;
            Some(Self { folder, _lock: lock })
        });
        unlocked.collect()
    }

    fn at(folder: PathBuf) -> Result<Self, Failure> {
        fs::create_dir_all(&folder).map_err(refused("create", &folder))?;
        let path = lock_file(&folder);
        let lock = File::create(&path).map_err(refused("create", &path))?;
        lock.lock().map_err(refused("lock", &path))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Starts what does not run yet, databases beside each other and then the pooler.
    pub(super) fn up(&self, kinds: &[Kind], on_disk: bool) -> Vec<Started> {
        let start = |kind: Kind| (kind, self.start(kind, on_disk));
        let (poolers, databases): (Vec<Kind>, Vec<Kind>) =
            kinds.iter().partition(|kind| **kind == Kind::PgBouncer);
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                databases.into_iter().map(|kind| scope.spawn(move || start(kind))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Started>| {
                thread.join().expect("a server that does not start is an error, not a panic")
            };
            let started: Vec<Started> = threads.into_iter().map(join).collect();
            started.into_iter().chain(poolers.into_iter().map(start)).collect()
        })
    }

    /// Stops all servers, removes their data, and the stand itself unless it is the shared one.
    pub(super) fn down(&self) -> Result<Vec<Kind>, Failure> {
        let mut stopped = Vec::new();
        // The pooler before the database behind it.
        for kind in Kind::ALL.into_iter().rev() {
            if self.end(kind)? {
                stopped.push(kind);
            }
        }
        if self.folder != shared_folder() {
            fs::remove_dir_all(&self.folder).map_err(refused("remove", &self.folder))?;
        }
        Ok(stopped)
    }

    fn start(&self, kind: Kind, on_disk: bool) -> Result<String, Failure> {
        if let Some(server) = running(&self.folder, kind, on_disk) {
            return Ok(server.url());
        }
        self.end(kind)?;
        let postgres_port = match kind {
            Kind::PgBouncer => self.postgres_port(on_disk)?,
            Kind::Postgres | Kind::MariaDb => 0,
        };
        let folder = folders::temporary(kind, on_disk)?;
        let started = match kind {
            Kind::PgBouncer => Server::start_pooler(postgres_port, &folder),
            Kind::Postgres | Kind::MariaDb => Server::start(kind, &folder),
        };
        let left = started.and_then(|mut server| {
            server.leave_running(&state_file(&self.folder, kind))?;
            Ok(server.url())
        });
        left.map_err(|error| {
            drop(fs::remove_dir_all(&folder));
            failed(error)
        })
    }

    /// The port of the server that tests use beside the pooler; a pooler brings one if need be.
    fn postgres_port(&self, on_disk: bool) -> Result<u16, Failure> {
        let here = running(&self.folder, Kind::Postgres, on_disk);
        if let Some(server) = here.or_else(|| shared_server(Kind::Postgres, on_disk)) {
            return Ok(server.port());
        }
        self.start(Kind::Postgres, on_disk)?;
        let server = Server::attach(&state_file(&self.folder, Kind::Postgres)).map_err(failed)?;
        Ok(server.port())
    }

    /// Whether there was a server to stop, or one that had ended by itself.
    fn end(&self, kind: Kind) -> Result<bool, Failure> {
        let path = state_file(&self.folder, kind);
        if !path.exists() {
            return Ok(false);
        }
        let mut server = Server::attach(&path).map_err(failed)?;
        server.stop().map_err(failed)?;
        match fs::remove_dir_all(server.folder()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(refused("remove", server.folder())(error));
            }
            _ => {}
        }
        fs::remove_file(&path).map_err(refused("remove", &path))?;
        Ok(true)
    }
}

/// A server that `db up` left running and that is where it is wanted: measurements need a disk,
/// tests do not mind one.
pub(super) fn shared_server(kind: Kind, on_disk: bool) -> Option<Server> {
    running(&shared_folder(), kind, on_disk)
}

fn running(stand: &Path, kind: Kind, on_disk: bool) -> Option<Server> {
    let mut server = Server::attach(&state_file(stand, kind)).ok()?;
    let is_fit = !(on_disk && folders::is_memory(server.folder()));
    (server.is_running() && is_fit).then_some(server)
}

fn stands_folder() -> PathBuf {
    root().join("target/db")
}

fn shared_folder() -> PathBuf {
    stands_folder().join("shared")
}

fn lock_file(stand: &Path) -> PathBuf {
    stand.join("lock")
}

fn state_file(stand: &Path, kind: Kind) -> PathBuf {
    stand.join(format!("{kind}.state"))
}

fn refused(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Failure::Failed(format!("cannot {verb} {}: {error}", path.display()))
}

#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn failed(error: windlass_servers::Error) -> Failure {
    Failure::Failed(error.to_string())
}
