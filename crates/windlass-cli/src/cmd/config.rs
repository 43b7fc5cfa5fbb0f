//! `windlass config`: what `serve` would go by, and where each setting comes from.
//!
//! Invariant: no password is printed.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Subcommand};
use serde_json::Value;

use crate::args::redacted;
use crate::config::settings::{self, Kind};
use crate::config::{Config, FILE_DEFAULT, find, missing};
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the file and print what `serve` would go by, as TOML
    Show(ShowArgs),
    /// Print which file is read
    Path(FileArgs),
    /// Write a file in which every setting stands with its default
    Init(InitArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The configuration file [default: ./windlass.toml if it is there]
    #[arg(long, value_name = "FILE", env = "WINDLASS_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    file: FileArgs,

    /// Also say where each setting comes from
    #[arg(long)]
    origin: bool,
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The file to write; - prints it
    #[arg(value_name = "FILE", default_value = FILE_DEFAULT)]
    file: PathBuf,
}

pub(crate) fn run(args: &ConfigArgs) -> Result<(), Failure> {
    match &args.action {
        Action::Show(args) => show(args),
        Action::Path(args) => match find(args.config.as_deref()) {
            Some(path) => output::line(&path.display().to_string()),
            None => Err(missing()),
        },
        Action::Init(args) => init(&args.file),
    }
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let config = Config::open(args.file.config.as_deref())?;
    if let Some(warning) = config.warning() {
        output::say(&format!("warning: {warning}"));
    }
    let serve = config.under(settings::serve());
    let none: [&str; 0] = [];
    let matches = serve.clone().try_get_matches_from(none).map_err(|error| {
        Failure::usage(error.to_string().trim().trim_start_matches("error: ").to_owned())
    })?;
    let mut lines = Vec::new();
    for (key, arg) in settings::all(&serve) {
        let Some(value) = value_of(&matches, arg, &key) else { continue };
        let key = match key.as_str() {
            // Beside tables of queues their list has another name.
            "queues" => "worker_queues".to_owned(),
            _ => key,
        };
        lines.push((key, value, origin(&config, &matches, arg)));
    }
    let mut text = String::new();
    in_tables(&lines, |line| match line {
        Line::Table(name) => text.push_str(&format!("\n[{name}]\n")),
        Line::Setting(name, (_, value, origin)) => {
            let origin = if args.origin { format!("  # {origin}") } else { String::new() };
            text.push_str(&format!("{name} = {}{origin}\n", toml(value)));
        }
    });
    for (table, line, value) in &config.declared.shown {
        let origin = match &config.path {
            Some(path) if args.origin => format!("  # {}:{line}", path.display()),
            _ => String::new(),
        };
        text.push_str(&format!("\n[{}]{origin}\n", toml_table(table)));
        for (name, value) in value.as_object().into_iter().flatten() {
            text.push_str(&format!("{name} = {}\n", toml(value)));
        }
    }
    output::data(&text)
}

/// A setting as it would be written, without passwords; none when nobody says anything.
fn value_of(matches: &ArgMatches, arg: &Arg, key: &str) -> Option<Value> {
    let kind = settings::kind(arg);
    let id = arg.get_id().as_str();
    if kind == Kind::Flag {
        return Some(Value::from(matches.get_flag(id)));
    }
    let raw = matches.get_raw(id).into_iter().flatten();
    let words: Vec<String> = raw.map(|word| word.to_string_lossy().into_owned()).collect();
    match kind {
        Kind::List => Some(Value::from(words)),
        _ => words.first().map(|word| match key {
            "database" => Value::from(redacted(word)),
            _ => kind.value(word),
        }),
    }
}

fn origin(config: &Config, matches: &ArgMatches, arg: &Arg) -> String {
    let key = settings::key(arg).unwrap_or_default();
    match (matches.value_source(arg.get_id().as_str()), config.setting(&key), &config.path) {
        (Some(ValueSource::EnvVariable), _, _) => {
            arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
        (_, Some(setting), Some(path)) => format!("{}:{}", path.display(), setting.line),
        _ => "default".to_owned(),
    }
}

enum Line<'a, T> {
    Table(&'a str),
    Setting(&'a str, &'a T),
}

/// Goes through settings as they stand in a file: those of no table first, then table by table.
fn in_tables<T: Keyed>(lines: &[T], mut each: impl FnMut(Line<'_, T>)) {
    let mut tables: Vec<&str> = Vec::new();
    for line in lines {
        match line.key().split_once('.') {
            None => each(Line::Setting(line.key(), line)),
            Some((table, _)) if !tables.contains(&table) => tables.push(table),
            Some(_) => {}
        }
    }
    for table in tables {
        each(Line::Table(table));
        for line in lines {
            if let Some((_, name)) = line.key().split_once('.').filter(|it| it.0 == table) {
                each(Line::Setting(name, line));
            }
        }
    }
}

trait Keyed {
    fn key(&self) -> &str;
}

impl<A, B> Keyed for (String, A, B) {
    fn key(&self) -> &str {
        &self.0
    }
}

/// JSON's strings, numbers and booleans are TOML's as well.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name} = {}", toml(value)));
            format!("{{ {} }}", members.collect::<Vec<String>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml).collect::<Vec<String>>().join(", "))
        }
        Value::Null => "\"forever\"".to_owned(),
        plain => plain.to_string(),
    }
}

/// Names of queues may hold dots and colons.
fn toml_table(table: &str) -> String {
    match table.split_once('.') {
        Some((list, name)) => format!("{list}.{}", Value::from(name)),
        None => table.to_owned(),
    }
}

fn init(file: &Path) -> Result<(), Failure> {
    let text = template();
    if file == Path::new("-") {
        return output::data(&text);
    }
    // It may come to hold the password of a database.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let exit = match error.kind() {
            ErrorKind::AlreadyExists => Exit::Conflict,
            _ => Exit::Failure,
        };
        Failure::new(exit, format!("cannot write `{}`: {error}", file.display()))
    })?;
    output::say(&format!("wrote {}", file.display()));
    Ok(())
}

/// A file in which everything is a comment.
pub(crate) fn template() -> String {
    let serve = settings::serve();
    let lines: Vec<(String, &Arg, ())> = settings::all(&serve)
        .map(|(key, arg)| match key.as_str() {
            "queues" => ("worker_queues".to_owned(), arg, ()),
            _ => (key, arg, ()),
        })
        .collect();
    let mut text =
        "# Configuration of `windlass serve`. Flags and environment stand over it.\n".to_owned();
    in_tables(&lines, |line| match line {
        Line::Table(name) => text.push_str(&format!("\n[{name}]\n")),
        Line::Setting(name, (_, arg, ())) => {
            let value = settings::default_of(arg).unwrap_or_else(|| Value::from(""));
            text.push_str(&format!("# {}\n# {name} = {}\n", settings::help(arg), toml(&value)));
        }
    });
    text.push_str(DECLARATIONS);
    text
}

const DECLARATIONS: &str = r#"
# What the queues below have unless they say otherwise.
# [defaults]
# retries = 19
# [retention]
# completed = "24h"
# failed = "forever"

# [queues.mail]
# concurrency = 4
# rate = { limit = 10, per = "1s" }

# [schedules.nightly]
# cron = "0 3 * * *"
# timezone = "Europe/Berlin"
# job = { type = "report", payload = { day = "yesterday" } }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of docs/configuration.md.
    fn documented() -> Vec<String> {
        let serve = settings::serve();
        let row = |(key, arg): (String, &Arg)| {
            let flag = arg.get_long().unwrap_or_default();
            let env = arg.get_env().map(|name| name.to_string_lossy()).unwrap_or_default();
            let default = settings::default_of(arg).map(|it| format!("`{}`", toml(&it)));
            let (default, help) = (default.unwrap_or_default(), settings::help(arg));
            format!("| `{key}` | `--{flag}` | `{env}` | {default} | {help} |")
        };
        settings::all(&serve).map(row).collect()
    }

    #[test]
    fn every_setting_is_documented_as_it_is() {
        let page = include_str!("../../../../docs/configuration.md");

        let wanted = documented().join("\n");

        assert!(page.contains(&wanted), "docs/configuration.md should hold:\n{wanted}");
    }
}
