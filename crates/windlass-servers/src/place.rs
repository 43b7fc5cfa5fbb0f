//! Where a server keeps its files and which account owns them.
//!
//! Servers refuse to run as root, so root gives the folder to a system account and runs them as
//! that; anybody else runs them as themselves.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::kind::Kind;

/// As much of a log as an error message quotes.
const LOG_LINES_SHOWN: usize = 12;

/// A server's folder and the account its programs run as.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) folder: PathBuf,
    account: Option<Account>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    user: u32,
    group: u32,
}

impl Place {
    /// Creates the folder, closed to everybody but its owner.
    pub(crate) fn prepare(kind: Kind, folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        let place = Self::at(kind, folder)?;
        let private = Permissions::from_mode(0o700);
        fs::set_permissions(folder, private).map_err(Error::file("protect", folder))?;
        place.give(folder)?;
        Ok(place)
    }

    /// The place that [`Place::prepare`] made earlier.
    pub(crate) fn at(kind: Kind, folder: &Path) -> Result<Self, Error> {
        // A relative path would mean something else to a program started in the folder itself.
        let folder = std::path::absolute(folder).map_err(Error::file("resolve", folder))?;
        let account = if is_root() { Some(account_of(kind)?) } else { None };
        Ok(Self { kind, folder, account })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Has `fill` make the data folder, unless it is there. What an interrupted attempt left is
    /// thrown away first, so data is either complete or missing.
    pub(crate) fn initialise(
        &self,
        fill: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (data, unfinished) = (self.data(), self.folder.join("data.unfinished"));
        if data.exists() {
            return Ok(());
        }
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(Error::file("remove", &unfinished))?;
        }
        fill(&unfinished)?;
        fs::rename(&unfinished, &data).map_err(Error::file("rename", &unfinished))
    }

    /// Writes a file that the server can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(Error::file("write", &path))?;
        self.give(&path)?;
        Ok(path)
    }

    /// A command that runs here as the account.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    /// Has the command add all it says to the log.
    pub(crate) fn log_output(&self, command: &mut Command) -> Result<(), Error> {
        let path = self.log();
        let log = File::options().append(true).create(true).open(&path);
        let both = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (output, errors) = both.map_err(Error::file("open", &path))?;
        command.stdout(output).stderr(errors);
        Ok(())
    }

    /// The end of the log, for error messages.
    pub(crate) fn end_of_log(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&log), LOG_LINES_SHOWN)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn give(&self, path: &Path) -> Result<(), Error> {
        let Some(Account { user, group }) = self.account else { return Ok(()) };
        chown(path, Some(user), Some(group)).map_err(Error::file("change the owner of", path))
    }
}

/// Whether this process may do anything.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Runs a command to its end and returns what it wrote to standard output.
pub(crate) fn run(mut command: Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(Error::io(format!("cannot run {program}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let output = last_lines(&String::from_utf8_lossy(&said), LOG_LINES_SHOWN);
    Err(Error::Failed { program, output })
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn account_of(kind: Kind) -> Result<Account, Error> {
    let path = Path::new("/etc/passwd");
    let passwd = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let found = kind.accounts().iter().find_map(|name| account_in(&passwd, name));
    found.ok_or_else(|| Error::Failed {
        program: kind.name().to_owned(),
        output: format!("no system account {} to run as", kind.accounts().join(" or ")),
    })
}

/// `NAME:PASSWORD:USER:GROUP:..`
fn account_in(passwd: &str, name: &str) -> Option<Account> {
    let mut entries = passwd.lines().map(|line| line.split(':'));
    let mut fields = entries.find_map(|mut line| (line.next() == Some(name)).then_some(line))?;
    let user = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Account { user, group })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TemporaryFolder;

    #[test]
    fn data_is_complete_or_not_there() {
        let folder = TemporaryFolder::new("place-test", true).unwrap();
        let path = folder.path().to_owned();
        let place = Place { kind: Kind::Postgres, folder: path, account: None };
        let interrupted = place.initialise(|data| {
            fs::create_dir_all(data.join("half")).map_err(Error::file("create", data))?;
            Err(Error::NeedsServer)
        });
        assert!(interrupted.is_err());
        assert!(!place.data().exists());

        place.initialise(|data| fs::create_dir(data).map_err(Error::file("create", data))).unwrap();

        assert!(!place.data().join("half").exists());
        place.initialise(|_| Err(Error::NeedsServer)).unwrap();
    }

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nmysql:x:105:106::/:/bin/false\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        assert_eq!(account_in(PASSWD, "mysql"), Some(Account { user: 105, group: 106 }));
        assert_eq!(account_in(PASSWD, "my"), None);
        assert_eq!(account_in("mysql:x:abc:1::/:/bin/false", "mysql"), None);
    }

    #[test]
    fn the_end_of_a_text_is_its_last_lines() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
