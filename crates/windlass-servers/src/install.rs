//! Installs Debian's packages so that nothing but files appears: no cluster, no service, no port.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::find::{find, is_overridden, required};
use crate::kind::Kind;
use crate::place::{is_root, run};

/// Debian asks this program before it starts a service, and does not when it exits with 101.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const NEVER_START: &str =
    "#!/bin/sh\n# No service starts while packages for tests are installed.\nexit 101\n";

/// Read by Debian before a PostgreSQL package creates its first cluster.
const CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.d";
const NO_CLUSTER: &str = "create_main_cluster = false\n";

/// Locked while we install, so that nobody removes the files above too early. Not dpkg's own lock,
/// which apt-get takes while we hold this.
const LOCK: &str = "/var/lib/dpkg";

/// The server program of a kind; if it is missing and we are root, it is installed first.
///
/// The packages' services do not start and no PostgreSQL cluster is created: two settings of the
/// machine say so while `apt-get` runs and are removed afterwards. Packages that are there already
/// are not upgraded.
///
/// # Errors
/// [`Error::Missing`], which says what to do, when we are not root, there is no `apt-get`, or an
/// environment variable names a folder without the programs; [`Error::Failed`] when `apt-get` fails.
pub fn install(kind: Kind) -> Result<PathBuf, Error> {
    let can_install = is_root() && Path::new("/usr/bin/apt-get").is_file() && !is_overridden(kind);
    if find(kind).is_some() || !can_install {
        return required(kind);
    }
    let lock = File::open(LOCK).and_then(|lock| lock.lock().map(|()| lock));
    let _lock = lock.map_err(Error::file("lock", Path::new(LOCK)))?;
    // Another process may have installed it while we waited.
    if find(kind).is_none() {
        install_files_only(kind)?;
    }
    required(kind)
}

fn install_files_only(kind: Kind) -> Result<(), Error> {
    let _no_services = TemporaryFile::create(Path::new(POLICY), NEVER_START, 0o755)?;
    if kind == Kind::MariaDb {
        return apt_install(kind.packages());
    }
    // Brings what reads the setting when the server's package is installed next.
    apt_install(&["postgresql-common"])?;
    let settings = Path::new(CLUSTER_SETTINGS);
    fs::create_dir_all(settings).map_err(Error::file("create", settings))?;
    let setting = settings.join("windlass.conf");
    let _no_cluster = TemporaryFile::create(&setting, NO_CLUSTER, 0o644)?;
    apt_install(kind.packages())
}

/// Tries with the package lists that are there, and with new ones when that fails: lists may be
/// missing or name versions that the archive no longer has.
fn apt_install(packages: &[&str]) -> Result<(), Error> {
    let options = ["install", "--yes", "--no-upgrade", "--no-install-recommends"];
    let install = || apt(&[&options, packages].concat());
    install().or_else(|_| {
        apt(&["update"])?;
        install()
    })
}

fn apt(args: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("apt-get");
    // Somebody else's apt-get may take its time.
    command.args(["-o", "DPkg::Lock::Timeout=300"]).args(args);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    run(command).map(drop)
}

/// A file of ours that is removed at the end of the scope.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// `None` when there is such a file already: it is somebody's decision and stays.
    fn create(path: &Path, text: &str, mode: u32) -> Result<Option<Self>, Error> {
        let new = match File::create_new(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            new => new.map_err(Error::file("create", path))?,
        };
        let file = Self(path.to_owned());
        fs::write(path, text).map_err(Error::file("write", path))?;
        new.set_permissions(Permissions::from_mode(mode)).map_err(Error::file("protect", path))?;
        Ok(Some(file))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // What is left behind at worst is a file that says what it does.
        drop(fs::remove_file(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TemporaryFolder;

    #[test]
    fn a_setting_goes_with_its_scope_and_never_replaces_another() {
        let folder = TemporaryFolder::new("install-test", true).unwrap();
        let path = folder.path().join("policy");

        let ours = TemporaryFile::create(&path, "ours", 0o755).unwrap();
        assert!(TemporaryFile::create(&path, "theirs", 0o755).unwrap().is_none());
        assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
        drop(ours);

        assert!(!path.exists());
    }
}
