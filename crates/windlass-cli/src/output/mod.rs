//! Everything that is printed: data on stdout in the format asked for, messages on stderr.
//!
//! Invariant: a reader that went away (`| head`) is not an error, and job data never reaches a
//! terminal with its control characters.

mod figures;
mod json;
pub(crate) mod sink;
mod table;
mod yaml;

use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;

use crate::exit::{Exit, Failure};
pub(crate) use figures::{figure, stats};
pub(crate) use json::Object;
pub(crate) use table::Table;

/// The columns of a list of jobs.
const JOB_COLUMNS: [&str; 7] = ["ID", "TYPE", "STATE", "QUEUE", "PRIORITY", "ATTEMPT", "CREATED"];

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people.
    Table,
    /// One indented JSON document.
    Json,
    /// One line of JSON per job.
    Jsonl,
    /// One YAML document.
    Yaml,
    /// Job ids, or the names of other things, alone, one per line.
    Id,
}

/// Prints one job.
pub(crate) fn job(format: Format, job: &Object) -> Result<(), Failure> {
    one(format, job, "id")
}

/// Prints one thing, which is known by the member `id`.
pub(crate) fn one(format: Format, thing: &Object, id: &str) -> Result<(), Failure> {
    match format {
        Format::Table => data(&fields(thing).to_string()),
        Format::Json => line(&thing.indented()),
        Format::Yaml => data(&yaml::document(&thing.compact())),
        Format::Jsonl => line(&thing.compact()),
        Format::Id => line(&thing.text(id)),
    }
}

/// Prints the things of the list `list`, by their names; in a table with these members, in its columns.
pub(crate) fn named<const N: usize>(
    format: Format,
    whole: &Object,
    list: &str,
    columns: [(&str, &str); N],
) -> Result<(), Failure> {
    listed(format, whole, list, columns, "name")
}

/// As [`named`], for things that are known by the member `id`.
pub(crate) fn listed<const N: usize>(
    format: Format,
    whole: &Object,
    list: &str,
    columns: [(&str, &str); N],
    id: &str,
) -> Result<(), Failure> {
    let items = whole.objects(list).map_err(|error| {
        Failure::new(Exit::Failure, format!("the answer is not what was expected: {error}"))
    })?;
    match format {
        Format::Table => {
            let mut table = Table::new(columns.map(|(header, _)| header));
            items.iter().for_each(|item| table.row(columns.map(|(_, name)| item.text(name))));
            data(&table.to_string())
        }
        Format::Json => line(&whole.indented()),
        Format::Yaml => data(&yaml::document(&whole.compact())),
        Format::Jsonl => items.iter().try_for_each(|item| line(&item.compact())),
        Format::Id => items.iter().try_for_each(|item| line(&item.text(id))),
    }
}

/// Prints what is in the way of something.
pub(crate) fn explained(format: Format, why: &Object) -> Result<(), Failure> {
    if why.text("runnable") == "true" {
        say("nothing is in its way: the next claim in its turn takes it");
    }
    let columns =
        [("CODE", "code"), ("UNTIL", "until"), ("EVIDENCE", "evidence"), ("WHY", "message")];
    listed(format, why, "blockers", columns, "code")
}

/// Prints the members of a thing but these, for people.
pub(crate) fn summary(thing: &Object, without: &[&str]) -> Result<(), Failure> {
    let mut table = Table::without_header();
    for (name, value) in thing.members() {
        if !without.contains(&name.as_str()) {
            table.row([name.clone(), json::shown(value)]);
        }
    }
    data(&table.to_string())
}

/// Prints jobs; `whole` is the document they came in.
pub(crate) fn jobs(format: Format, whole: &Object, jobs: &[Object]) -> Result<(), Failure> {
    match format {
        Format::Table => {
            let mut table = Table::new(JOB_COLUMNS);
            jobs.iter().for_each(|job| table.row(columns(job)));
            data(&table.to_string())
        }
        Format::Json => line(&whole.indented()),
        Format::Yaml => data(&yaml::document(&whole.compact())),
        Format::Jsonl => jobs.iter().try_for_each(|job| line(&job.compact())),
        Format::Id => jobs.iter().try_for_each(|job| line(&job.text("id"))),
    }
}

/// Prints a document that is not a job, with its inner objects as sections of a table.
pub(crate) fn document(format: Format, document: &Object) -> Result<(), Failure> {
    match format {
        Format::Table => {
            let mut table = Table::without_header();
            for (section, value) in document.members() {
                match Object::parse(value.get().to_owned()) {
                    Ok(inner) => inner.members().iter().for_each(|(name, value)| {
                        table.row([format!("{section}.{name}"), json::shown(value)]);
                    }),
                    Err(_) => table.row([section.clone(), json::shown(value)]),
                }
            }
            data(&table.to_string())
        }
        Format::Json => line(&document.indented()),
        Format::Yaml => data(&yaml::document(&document.compact())),
        Format::Jsonl => line(&document.compact()),
        Format::Id => Err(Failure::usage("`-o id` prints job ids, and there are none here")),
    }
}

/// Prints one line of data.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    data(&format!("{text}\n"))
}

/// Prints data as it is.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failure, format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something to the person at the terminal; nobody listening is fine.
pub(crate) fn say(message: &str) {
    sink::sink_or_stderr(format!("{message}\n").as_bytes());
}

fn fields(job: &Object) -> Table<2> {
    let mut table = Table::without_header();
    let cells = job.members().iter().map(|(name, value)| [name.clone(), json::shown(value)]);
    let is_set = |[_, value]: &[String; 2]| !matches!(value.as_str(), "" | "{}" | "[]");
    cells.filter(is_set).for_each(|row| table.row(row));
    table
}

fn columns(job: &Object) -> [String; 7] {
    let state = match job.text("reason").as_str() {
        "" => job.text("state"),
        reason => format!("{} ({reason})", job.text("state")),
    };
    [
        job.text("id"),
        job.text("type"),
        state,
        job.text("queue"),
        job.text("priority"),
        format!("{}/{}", job.text("attempt"), job.text("max_attempts")),
        job.text("created_at"),
    ]
}
