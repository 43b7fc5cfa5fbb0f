//! Where servers keep their data: in memory for tests, on a disk for measurements.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use windlass_servers::Kind;

use crate::Failure;

/// Memory that is mounted as a folder.
const MEMORY: &str = "/dev/shm";

/// Two fresh servers take 0.5 GB; the rest is for what tests write.
const MEMORY_FREE_MIN_KIB: u64 = 2 * 1024 * 1024;

/// More folders than one command ever needs.
const FOLDERS_MAX: u32 = 1000;

/// A new, empty folder.
pub(super) fn temporary(kind: Kind, on_disk: bool) -> Result<PathBuf, Failure> {
    let is_in_memory = !on_disk && free_kib(Path::new(MEMORY)) >= MEMORY_FREE_MIN_KIB;
    let parent = if is_in_memory { PathBuf::from(MEMORY) } else { std::env::temp_dir() };
    for number in 0..FOLDERS_MAX {
        let folder = parent.join(format!("windlass-{kind}-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                let folder = folder.display();
                return Err(Failure::Failed(format!("cannot create {folder}: {error}")));
            }
        }
    }
    Err(Failure::Failed(format!("{} is full of folders of {kind}", parent.display())))
}

/// Whether what is in this folder never reaches a disk.
pub(super) fn is_memory(folder: &Path) -> bool {
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
    fn the_free_space_is_read_from_the_second_line() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  tmpfs          24694340   12  24694328       1% /dev/shm\n";

        assert_eq!(available(df), Some(24_694_328));
        assert_eq!(available("df: /dev/shm: No such file or directory\n"), None);
    }
}
