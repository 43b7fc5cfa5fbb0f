//! Installs Debian's packages so that nothing but files appears: no cluster, no service, no port.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::find::find;
use crate::kind::Kind;
use crate::place::{is_root, run};

/// Debian asks this program before it starts a service, and does not when it exits with 101.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const NEVER_START: &str = "#!/bin/sh\nexit 101\n";

/// Read by Debian when a PostgreSQL package wants to create its first cluster.
const CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.d";
const NO_CLUSTER: &str = "create_main_cluster = false\n";

/// Finds the server program of a kind and, if it is missing and we are root, installs it first.
///
/// Services of the packages are not started and no PostgreSQL cluster is created. Two settings of
/// the machine are changed for that while `apt-get` runs, and put back afterwards.
///
/// # Errors
/// [`Error::Missing`], with the command line to run, when we are not root or there is no `apt-get`;
/// [`Error::Failed`] when `apt-get` failed or its packages lack the programs.
pub fn install(kind: Kind) -> Result<PathBuf, Error> {
    if let Some(program) = find(kind) {
        return Ok(program);
    }
    if !is_root() || !Path::new("/usr/bin/apt-get").is_file() {
        return Err(Error::missing(kind));
    }
    let _no_services = TemporaryFile::create(Path::new(POLICY), NEVER_START, 0o755)?;
    if kind != Kind::MariaDb {
        // Brings the settings that the server's package will read.
        apt_install(&["postgresql-common"])?;
    }
    let settings = Path::new(CLUSTER_SETTINGS);
    let _no_cluster = match settings.is_dir() {
        true => TemporaryFile::create(&settings.join("windlass.conf"), NO_CLUSTER, 0o644)?,
        false => None,
    };
    apt_install(kind.packages())?;
    find(kind).ok_or_else(|| Error::missing(kind))
}

/// Tries with the package lists that are there, and with new ones when that fails: lists may be
/// missing or name versions that the archive no longer has.
fn apt_install(packages: &[&str]) -> Result<(), Error> {
    let install = || apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat());
    install().or_else(|_| {
        apt(&["update"])?;
        install()
    })
}

fn apt(args: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    run(command).map(drop)
}

impl Error {
    /// The kind is not installed; names the packages that bring it.
    pub(crate) fn missing(kind: Kind) -> Self {
        Self::Missing { kind, remedy: format!("apt-get install {}", kind.packages().join(" ")) }
    }
}

/// A file of ours that is removed at the end of the scope.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// `None` when there is such a file already: it is somebody's decision and stays.
    fn create(path: &Path, text: &str, mode: u32) -> Result<Option<Self>, Error> {
        let new = match fs::File::create_new(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            new => new.map_err(Error::file("create", path))?,
        };
        let file = Self(path.to_owned());
        fs::write(path, text).map_err(Error::file("write", path))?;
        let mode = fs::Permissions::from_mode(mode);
        new.set_permissions(mode).map_err(Error::file("protect", path))?;
        Ok(Some(file))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // The worst that is left behind is a file that says what it does.
        drop(fs::remove_file(&self.0));
    }
}
