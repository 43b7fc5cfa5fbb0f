//! New folders for the data of servers: in memory for tests, on a disk for measurements.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// Memory that is mounted as a folder.
const MEMORY: &str = "/dev/shm";

/// Two fresh servers take 0.4 GB; the rest is for what tests write.
const MEMORY_FREE_MIN_KIB: u64 = 2 * 1024 * 1024;

/// Starts the name of every folder of ours, and nothing else is ever removed.
const PREFIX: &str = "windlass-";

/// Folders of an earlier process with our id; more than a few is another problem.
const NUMBER_MAX: u32 = 1000;

/// A new, empty folder, removed with all its content when dropped.
///
/// Declared before the server that uses it, it outlives the server.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    is_removed_on_drop: bool,
}

impl TemporaryFolder {
    /// Creates a folder whose name contains `name`: in memory, where tests are quick, unless
    /// `on_disk` is set or there is less than 2 GiB of it, and otherwise in the system's folder for
    /// temporary files.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be created.
    pub fn new(name: &str, on_disk: bool) -> Result<Self, Error> {
        let is_memory = !on_disk && free_kib(Path::new(MEMORY)) >= MEMORY_FREE_MIN_KIB;
        let parent = if is_memory { PathBuf::from(MEMORY) } else { std::env::temp_dir() };
        let process = std::process::id();
        let mut number = 0;
        loop {
            let path = parent.join(format!("{PREFIX}{name}-{process}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, is_removed_on_drop: true }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < NUMBER_MAX => {
                    number += 1;
                }
                Err(error) => return Err(Error::file("create", &path)(error)),
            }
        }
    }

    /// Takes over a folder that was kept earlier; `None` when its name is not one of ours.
    pub fn kept(path: &Path) -> Option<Self> {
        let is_ours = path.file_name()?.to_str()?.starts_with(PREFIX);
        is_ours.then(|| Self { path: path.to_owned(), is_removed_on_drop: true })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder to whoever finds it.
    pub fn keep(mut self) {
        self.is_removed_on_drop = false;
    }

    /// Removes the folder now; one that is gone already is fine.
    ///
    /// # Errors
    /// [`Error::Io`] when that is refused.
    pub fn remove(mut self) -> Result<(), Error> {
        self.is_removed_on_drop = false;
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::file("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if self.is_removed_on_drop {
            // Left behind at worst, in a place for what is temporary.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// Whether what is in this folder never reaches a disk.
pub fn is_in_memory(folder: &Path) -> bool {
    folder.starts_with(MEMORY)
}

/// 0 when nobody can tell, so that what cannot be measured is not used.
fn free_kib(folder: &Path) -> u64 {
    let output = Command::new("df").arg("-Pk").arg(folder).output();
    output.map_or(0, |output| available(&String::from_utf8_lossy(&output.stdout)).unwrap_or(0))
}

/// The fourth column of the second line, as POSIX has it.
fn available(df: &str) -> Option<u64> {
    df.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_owner_unless_it_is_kept() {
        let folder = TemporaryFolder::new("folder-test", true).unwrap();
        let path = folder.path().to_owned();
        folder.keep();
        assert!(path.is_dir());

        let folder = TemporaryFolder::kept(&path).unwrap();
        fs::write(path.join("file"), "content").unwrap();
        drop(folder);

        assert!(!path.exists());
    }

    #[test]
    fn a_folder_with_a_name_of_others_is_never_taken_over() {
        for path in ["/home", "/", "/tmp/postgres", ""] {
            assert!(TemporaryFolder::kept(Path::new(path)).is_none(), "{path}");
        }
    }

    #[test]
    fn the_free_space_is_read_from_the_second_line() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  tmpfs          24694340   12  24694328       1% /dev/shm\n";

        assert_eq!(available(df), Some(24_694_328));
        assert_eq!(available("df: /dev/shm: No such file or directory\n"), None);
    }
}
