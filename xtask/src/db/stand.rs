//! A stand: database servers that are started and stopped together, found again through state files.
//!
//! Whoever works on a stand holds its lock, so two commands never start or stop a server at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use windlass_servers::{Kind, Server, TemporaryFolder, find, install, is_in_memory};

use crate::Failure;
use crate::cargo::root;

/// Starts the names of stands that belong to one run.
const RUN_PREFIX: &str = "run-";

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

    /// A stand of this process alone. It gets its name after its lock, or a command that looks for
    /// abandoned ones could find it in between.
    pub(super) fn own() -> Result<Self, Failure> {
        let process = std::process::id();
        let mut stand = Self::at(stands_folder().join(format!("new-{process}")))?;
        let folder = stands_folder().join(format!("{RUN_PREFIX}{process}"));
        fs::rename(&stand.folder, &folder).map_err(refused("create", &folder))?;
        stand.folder = folder;
        Ok(stand)
    }

    /// Stands of runs that were killed: nobody holds their locks any more.
    pub(super) fn abandoned() -> Vec<Self> {
        let entries = fs::read_dir(stands_folder()).into_iter().flatten().flatten();
        let of_runs = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(RUN_PREFIX))
            .map(|entry| entry.path());
        let unlocked = of_runs.filter_map(|folder| {
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

    /// Starts what does not run yet, the databases at the same time and then the pooler.
    pub(super) fn up(&self, kinds: &[Kind], on_disk: bool) -> Vec<Started> {
        let start = |kind: Kind| (kind, self.start(kind, on_disk));
        let (poolers, databases): (Vec<Kind>, Vec<Kind>) =
            kinds.iter().partition(|kind| **kind == Kind::PgBouncer);
        let mut started: Vec<Started> = thread::scope(|scope| {
            let spawn = |kind| scope.spawn(move || start(kind));
            let threads: Vec<_> = databases.into_iter().map(spawn).collect();
            let join = |thread: ScopedJoinHandle<'_, Started>| {
                thread.join().expect("a server that does not start is an error, not a panic")
            };
            threads.into_iter().map(join).collect()
        });
        started.extend(poolers.into_iter().map(start));
        started
    }

    /// Stops all servers and removes their data, and the stand itself when it is that of a run.
    /// Returns what there was.
    pub(super) fn down(&self) -> Result<Vec<Kind>, Failure> {
        let mut ended = Vec::new();
        // The pooler before the database behind it.
        for kind in Kind::ALL.into_iter().rev() {
            if self.end(kind)? {
                ended.push(kind);
            }
        }
        if self.folder != shared_folder() {
            fs::remove_dir_all(&self.folder).map_err(refused("remove", &self.folder))?;
        }
        Ok(ended)
    }

    /// The URL of the server that runs already, or of a new one in place of what is left.
    fn start(&self, kind: Kind, on_disk: bool) -> Result<String, Failure> {
        // First, because a new database takes down the pooler that stands before the old one.
        let postgres_port = match kind {
            Kind::PgBouncer => self.postgres_port(on_disk)?,
            Kind::Postgres | Kind::MariaDb => 0,
        };
        if let Some(server) = running(&self.folder, kind, on_disk) {
            return Ok(server.url());
        }
        self.end(kind)?;
        provide(kind)?;
        let folder = TemporaryFolder::new(kind.name(), on_disk).map_err(failed)?;
        let mut server = match kind {
            Kind::PgBouncer => Server::start_pooler(postgres_port, folder.path()),
            Kind::Postgres | Kind::MariaDb => Server::start(kind, folder.path()),
        }
        .map_err(failed)?;
        server.leave_running(&state_file(&self.folder, kind)).map_err(failed)?;
        folder.keep();
        Ok(server.url())
    }

    /// The port of the server that tests use beside the pooler; a pooler brings one if need be.
    fn postgres_port(&self, on_disk: bool) -> Result<u16, Failure> {
        let here = || running(&self.folder, Kind::Postgres, on_disk);
        if let Some(server) = here().or_else(|| shared_server(Kind::Postgres, on_disk)) {
            return Ok(server.port());
        }
        self.start(Kind::Postgres, on_disk)?;
        let server = Server::attach(&state_file(&self.folder, Kind::Postgres)).map_err(failed)?;
        Ok(server.port())
    }

    /// Stops a server and removes its data. False when there is none, true also when it had ended
    /// by itself.
    fn end(&self, kind: Kind) -> Result<bool, Failure> {
        let path = state_file(&self.folder, kind);
        if !path.exists() {
            return Ok(false);
        }
        if kind == Kind::Postgres {
            self.end(Kind::PgBouncer)?;
        }
        let mut server = Server::attach(&path).map_err(failed)?;
        server.stop().map_err(failed)?;
        TemporaryFolder::kept(server.folder())
            .map_or(Ok(()), TemporaryFolder::remove)
            .map_err(failed)?;
        fs::remove_file(&path).map_err(refused("remove", &path))?;
        Ok(true)
    }
}

/// A server that `db up` left running where it is wanted: measurements need a disk, and tests do
/// not mind one.
pub(super) fn shared_server(kind: Kind, on_disk: bool) -> Option<Server> {
    running(&shared_folder(), kind, on_disk)
}

fn running(stand: &Path, kind: Kind, on_disk: bool) -> Option<Server> {
    let mut server = Server::attach(&state_file(stand, kind)).ok()?;
    let is_fit = !(on_disk && is_in_memory(server.folder()));
    (server.is_running() && is_fit).then_some(server)
}

/// Installs the kind's programs if they are missing, which takes a while.
fn provide(kind: Kind) -> Result<(), Failure> {
    if find(kind).is_none() {
        eprintln!("{kind}: not there, installing its packages (as root)");
    }
    install(kind).map(drop).map_err(failed)
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
