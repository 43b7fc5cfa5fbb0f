//! The configuration file of `serve`: found, read, checked, and put under flags and environment.
//!
//! Invariant: a file is taken whole or not at all; nothing starts with a part of it.

mod declared;
mod located;
pub(crate) mod settings;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Command;

use crate::args::redacted;
use crate::exit::{Exit, Failure};
pub(crate) use declared::Declared;
use located::{Located, Mistake, Shape};

/// Where the file is unless someone says otherwise; it need not be there.
pub(crate) const FILE_DEFAULT: &str = "windlass.toml";

/// A larger file is none of ours.
const BYTES_MAX: u64 = 1024 * 1024;

/// Tables that are not settings of `serve`.
const TABLES: [&str; 5] = ["queues", "schedules", "handlers", "defaults", "retention"];

/// The key of the queues to work on in a file where `queues` is a table.
const WORKER_QUEUES: &str = "worker_queues";

/// A file that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(crate) path: Option<PathBuf>,
    settings: BTreeMap<String, Setting>,
    pub(crate) declared: Declared,
}

/// One setting of the file.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) line: usize,
    words: Vec<String>,
}

/// Which file to read: the one that was named, else the usual one if it is there.
pub(crate) fn find(named: Option<&Path>) -> Option<PathBuf> {
    let usual = Path::new(FILE_DEFAULT);
    match named {
        Some(path) => Some(path.to_owned()),
        None => usual.exists().then(|| usual.to_owned()),
    }
}

impl Config {
    /// Reads the file that was named, or the usual one; without any, nothing is set.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self, Failure> {
        let variables: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
        let variables = variables.iter().filter_map(|name| name.to_str());
        if let Some(message) = settings::stray(&settings::serve(), variables) {
            return Err(Failure::usage(message).hint("`windlass config show` lists the settings"));
        }
        let Some(path) = find(named) else { return Ok(Self::default()) };
        let text = read(&path)?;
        let read = Self::read(text.trim_start_matches('\u{feff}'));
        let mut config = read.map_err(|it| wrong(&path, it.line, &it.message))?;
        let taken = config.declared.take_handlers(&path);
        taken.map_err(|it| wrong(&path, it.line, &it.message))?;
        config.declared.path.clone_from(&path);
        config.path = Some(path);
        Ok(config)
    }

    fn read(text: &str) -> Result<Self, Mistake> {
        let file = Located::parse(text)?;
        let Shape::Table(members) = &file.shape else { return Ok(Self::default()) };
        let mut config = Self::default();
        let serve = settings::serve();
        for (name, value) in members {
            match &value.shape {
                Shape::Table(_) if TABLES.contains(&name.as_str()) => {}
                Shape::Table(inner) => {
                    let prefix = format!("{name}.");
                    if !settings::all(&serve).any(|(key, _)| key.starts_with(&prefix)) {
                        return Err(unknown(&serve, value.line, name));
                    }
                    for (inner_name, inner) in inner {
                        config.set(&serve, &format!("{prefix}{inner_name}"), inner)?;
                    }
                }
                _ if TABLES.contains(&name.as_str()) && name != "queues" => {
                    let message = format!("`{name}` is {}, and not a table", value.kind());
                    return Err(Mistake::new(value.line, message));
                }
                _ => config.set(&serve, name, value)?,
            }
        }
        config.declared = Declared::read(members)?;
        Ok(config)
    }

    fn set(&mut self, serve: &Command, key: &str, value: &Located) -> Result<(), Mistake> {
        let wanted = if key == WORKER_QUEUES { "queues" } else { key };
        let found = settings::all(serve).find(|(known, _)| known == wanted);
        let (_, arg) = found.ok_or_else(|| unknown(serve, value.line, key))?;
        let words = settings::words(serve, arg, value)
            .map_err(|it| Mistake::new(it.line, format!("`{key}`: {}", it.message)))?;
        let setting = Setting { line: value.line, words };
        if self.settings.insert(wanted.to_owned(), setting).is_some() {
            let message = format!("`queues` and `{WORKER_QUEUES}` say the same: write one of them");
            return Err(Mistake::new(value.line, message));
        }
        Ok(())
    }

    pub(crate) fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// The command line, with what the file says in the place of the defaults.
    pub(crate) fn under(&self, command: Command) -> Command {
        command.mut_args(|arg| {
            let key = settings::key(&arg);
            match key.and_then(|key| self.settings.get(&key)) {
                Some(setting) => arg.default_values(setting.words.clone()),
                None => arg,
            }
        })
    }

    /// Says what is unwise about the file.
    pub(crate) fn warning(&self) -> Option<String> {
        let path = self.path.as_ref()?;
        let url = self.settings.get("database")?.words.first()?;
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        (redacted(url) != *url && mode & 0o077 != 0).then(|| {
            let path = path.display();
            format!("{path} holds a password and others can read it: `chmod 600 {path}`")
        })
    }
}

/// Something in the file that cannot be used.
pub(crate) fn wrong(path: &Path, line: usize, message: &impl fmt::Display) -> Failure {
    Failure::usage(format!("{}:{line}: {message}", path.display()))
        .hint("`windlass config show` checks a file without starting anything")
}

fn unknown(serve: &Command, line: usize, key: &str) -> Mistake {
    let table = key.rsplit_once('.').map_or("", |(table, _)| table);
    let is_near = |known: &String| known.rsplit_once('.').map_or("", |(table, _)| table) == table;
    let mut known: Vec<String> = settings::all(serve).map(|(key, _)| key).filter(is_near).collect();
    if table.is_empty() {
        known.extend(TABLES.map(|table| format!("[{table}]")));
        let tables = settings::all(serve)
            .filter_map(|(key, _)| key.split_once('.').map(|(table, _)| format!("[{table}]")));
        known.extend(tables);
    }
    known.sort();
    known.dedup();
    Mistake::new(line, format!("`{key}` is no setting (there are {})", known.join(", ")))
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |why: &dyn fmt::Display| {
        Failure::usage(format!("cannot read the configuration file `{}`: {why}", path.display()))
    };
    let about = std::fs::metadata(path).map_err(|error| failed(&error))?;
    if about.len() > BYTES_MAX {
        return Err(failed(&format!("it has {} bytes (at most {BYTES_MAX})", about.len())));
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(failed(&"it is not UTF-8 text"))
        }
        Err(error) => Err(failed(&error)),
    }
}

/// No file where one was asked for.
pub(crate) fn missing() -> Failure {
    Failure::new(
        Exit::NotFound,
        format!("there is no `{FILE_DEFAULT}` here, and no other is named"),
    )
    .hint("`windlass config init` writes one; --config and WINDLASS_CONFIG name another")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> (usize, String) {
        let mistake = Config::read(text).unwrap_err();
        (mistake.line, mistake.message)
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, says) in [
            ("http = ':1'\nhtpt = ':2'", 2, "`htpt` is no setting"),
            ("[auth]\nhost = ['x']", 2, "auth.hosts"),
            (
                "[aut]\nhosts = []",
                1,
                "`aut` is no setting (there are [audit], [auth], [defaults], ",
            ),
            ("[defaults]\nlease = 'x'", 2, "lease: is no setting of this table"),
            ("workers = '10'", 1, "`workers`: is a string, and not a number"),
            ("workers = 1.5", 1, "a number"),
            ("\nworkers = 0", 2, "1..=10000"),
            ("http = 8080", 1, "is a number, and not a string"),
            ("demo = 'yes'", 1, "and not a boolean"),
            ("shutdown_timeout = 'soon'", 1, "shutdown_timeout"),
            ("[log]\nformat = 'xml'", 2, "text, json"),
            ("database = 'oracle:x'", 1, "names no database"),
            ("trust_proxy = ['10.0.0.0/8',\n'here']", 1, "trust_proxy"),
            ("queues = ['a', 1]", 1, "a number, and not a string"),
            ("queues = ['a']\nworker_queues = ['b']", 2, "write one of them"),
            ("defaults = 3", 1, "not a table"),
            ("[queues.mail]\nretries = 1\nretires = 2", 3, "retires"),
            ("[queues.mail]\nretries = 'x'", 2, "retries"),
            ("[queues.'no name']\nretries = 1", 1, "name"),
            ("[queues]\nmail = 3", 2, "table"),
            ("[defaults]\nttl = 'x'", 2, "ttl"),
            ("[retention]\nforever = 'x'", 2, "forever"),
            ("[schedules.a]\ncron = '* * * *'", 2, "cron"),
            ("[schedules.a]\ncron = '* * * * *'", 1, "job"),
            (
                "[handlers.resize]\nexec = ['x']\nspeed = 1",
                3,
                "[handlers.resize] unknown field `speed`",
            ),
        ] {
            let (told, message) = mistake(text);
            assert!(message.contains(says), "{text}: {message}");
            assert_eq!(told, line, "{text}: {message}");
        }
    }

    #[test]
    fn every_setting_of_the_contract_is_one() {
        let serve = settings::serve();
        let keys: Vec<String> = settings::all(&serve).map(|(key, _)| key).collect();

        for key in ["http", "database", "workers", "queues", "shutdown_timeout"]
            .into_iter()
            .chain(["auth.bootstrap_key_file", "auth.hosts", "tls.cert", "tls.key"])
            .chain(["log.format", "log.level", "limits.connections"])
        {
            assert!(keys.iter().any(|known| known == key), "{key}: {keys:?}");
        }
    }
}
