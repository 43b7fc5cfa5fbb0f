//! `windlass export` and `windlass import`: a namespace as lines of text, for another database.
//!
//! Format 1: a line that says what it is, a line per queue, schedule and job, and a last line with their numbers, so that a file
//! that broke off is known.

use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use windlass::{Clock, ExportLine, Imported, JobId, Queue};

use crate::args::{database, redacted};
use crate::client::{make_folder, refuse_missing};
use crate::exit::{Exit, Failure};
use crate::output;

/// The format that is written, and the newest that is read.
const FORMAT: u64 = 1;

/// Lines that are read at a time, and bytes of them.
const LINES_MAX: usize = 100;
const BYTES_MAX: usize = 16 << 20;

/// Bytes of one line: a job with its payload, its result and all that its steps kept is well below.
const LINE_MAX: u64 = 256 << 20;

/// Reasons of refusals that are shown one by one.
const SHOWN_MAX: usize = 20;

/// Where jobs come from or go to.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The database
    #[arg(
        long,
        value_name = "URL",
        env = "WINDLASS_DATABASE",
        default_value = "sqlite:./data/windlass.db",
        value_parser = database
    )]
    database: String,

    /// The namespace
    #[arg(long, value_name = "NAME", env = "WINDLASS_NAMESPACE", default_value = "default")]
    namespace: String,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file to write, which must not be there yet; - means stdout
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file to read; - means stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Read and compare everything, and store nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

/// What became of lines, by what they hold: new, known, refused.
#[derive(Debug, Default)]
struct Tally {
    queues: [u64; 3],
    schedules: [u64; 3],
    jobs: [u64; 3],
}

impl Tally {
    fn of(&mut self, kind: &str) -> &mut [u64; 3] {
        match kind {
            "queue" => &mut self.queues,
            "schedule" => &mut self.schedules,
            _ => &mut self.jobs,
        }
    }

    fn read(&self) -> [(&'static str, u64); 3] {
        let sum = |counts: &[u64; 3]| counts.iter().sum();
        [
            ("queues", sum(&self.queues)),
            ("schedules", sum(&self.schedules)),
            ("jobs", sum(&self.jobs)),
        ]
    }

    fn refused(&self) -> u64 {
        self.queues[2] + self.schedules[2] + self.jobs[2]
    }
}

pub(crate) async fn export(args: &ExportArgs) -> Result<(), Failure> {
    refuse_missing(&args.place.database)?;
    let queue = open(&args.place).await?;
    let done = match out(&args.file) {
        Ok(out) => write(&queue, args, out).await.inspect_err(|_| remove(&args.file)),
        Err(failure) => Err(failure),
    };
    queue.close().await;
    let jobs = done?;
    let from = redacted(&args.place.database);
    output::say(&format!("exported {jobs} jobs of namespace `{}` of {from}", queue.namespace()));
    Ok(())
}

async fn open(place: &PlaceArgs) -> Result<Queue, Failure> {
    Ok(Queue::builder().namespace(&place.namespace).open(&place.database).await?)
}

/// Where an export goes.
fn out(file: &Path) -> Result<Box<dyn Write>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdout()));
    }
    let made = std::fs::File::options().write(true).create_new(true).open(file);
    Ok(Box::new(made.map_err(|error| not_made(file, &error))?))
}

/// Half an export helps nobody, and would be in the way of the next.
fn remove(file: &Path) {
    if file == Path::new("-") {
        return;
    }
    if let Err(error) = std::fs::remove_file(file) {
        output::say(&format!("cannot remove the unfinished {}: {error}", file.display()));
    }
}

async fn write(queue: &Queue, args: &ExportArgs, out: Box<dyn Write>) -> Result<u64, Failure> {
    let settings = queue.export_settings().await?;
    let mut out = BufWriter::new(out);
    let mut line = |text: &str| writeln!(out, "{text}").map_err(|error| broken(&args.file, &error));
    let now = Clock::system().now();
    // Says which export it is: what was imported of it is never imported again.
    let id = format!("{}-{:08x}", now.as_micros(), fastrand::u32(..));
    let namespace = queue.namespace();
    let version = env!("CARGO_PKG_VERSION");
    let head = json!({ "windlass_export": FORMAT, "id": id, "namespace": namespace,
        "version": version, "exported_at": now.to_string() });
    line(&head.to_string())?;
    let (mut queues, mut schedules, mut jobs) = (0_u64, 0_u64, 0_u64);
    for text in &settings {
        if text.starts_with("{\"schedule\"") {
            schedules += 1;
        } else {
            queues += 1;
        }
        line(text)?;
    }
    let mut after: Option<JobId> = None;
    loop {
        let (lines, last) = queue.export_jobs(after).await?;
        for text in &lines {
            line(text)?;
        }
        jobs += lines.len() as u64;
        match last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let end = json!({ "end": { "queues": queues, "schedules": schedules, "jobs": jobs } });
    line(&end.to_string())?;
    out.flush().map_err(|error| broken(&args.file, &error))?;
    Ok(jobs)
}

pub(crate) async fn import(args: &ImportArgs) -> Result<(), Failure> {
    let input: Box<dyn BufRead> = if args.file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = std::fs::File::open(&args.file).map_err(|error| {
            Failure::usage(format!("cannot read `{}`: {error}", args.file.display()))
        })?;
        Box::new(BufReader::new(file))
    };
    let mut input = Lines { input, file: &args.file, number: 0 };
    let id = head(&mut input)?;
    if args.dry_run {
        refuse_missing(&args.place.database)?;
    } else {
        make_folder(&args.place.database)?;
    }
    let queue = open(&args.place).await?;
    let done = read(&queue, &mut input, &id, args.dry_run).await;
    queue.close().await;
    tell(&done?, args)
}

/// The lines of a file, which know their number.
struct Lines<'a> {
    input: Box<dyn BufRead>,
    file: &'a Path,
    number: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<String>, Failure> {
        let mut line = String::new();
        self.number += 1;
        match self.input.by_ref().take(LINE_MAX).read_line(&mut line) {
            Ok(read) if read as u64 == LINE_MAX => {
                Err(self.wrong("this is no line of an export: it is longer than 256 MiB"))
            }
            Ok(read) => Ok((read > 0).then_some(line)),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(self.wrong("this is no line of an export: it is not UTF-8 text"))
            }
            Err(error) => Err(broken(self.file, &error)),
        }
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::usage(format!("{}:{}: {why}", self.file.display(), self.number))
    }
}

/// Which export it is.
fn head(input: &mut Lines<'_>) -> Result<String, Failure> {
    let line = input.next()?.unwrap_or_default();
    let head: Value = serde_json::from_str(&line).unwrap_or_default();
    match (head["windlass_export"].as_u64(), head["id"].as_str()) {
        (Some(format), _) if format > FORMAT => Err(input
            .wrong(&format!("the export has format {format}, which a newer release wrote"))
            .hint(format!("this release reads format {FORMAT}"))),
        (Some(_), Some(id)) => Ok(id.to_owned()),
        _ => Err(input.wrong("this is no export of windlass")),
    }
}

async fn read(
    queue: &Queue,
    input: &mut Lines<'_>,
    id: &str,
    dry_run: bool,
) -> Result<Tally, Failure> {
    let (mut tally, mut lines, mut bytes) = (Tally::default(), Vec::new(), 0);
    loop {
        let Some(line) = input.next()? else {
            store(queue, (id, dry_run), &mut lines, &mut tally).await?;
            return Err(input.wrong("the export broke off: its last line is missing"));
        };
        if line.starts_with("{\"end\"") {
            store(queue, (id, dry_run), &mut lines, &mut tally).await?;
            let end: Value = serde_json::from_str(&line).unwrap_or_default();
            let is_whole = |(what, count): &(&str, u64)| end["end"][*what].as_u64() == Some(*count);
            if tally.read().iter().all(is_whole) {
                return Ok(tally);
            }
            return Err(input.wrong("lines of the export are missing"));
        }
        bytes += line.len();
        let line = ExportLine::read(&line).map_err(|error| input.wrong(&error.to_string()))?;
        lines.push(line);
        if lines.len() >= LINES_MAX || bytes >= BYTES_MAX {
            store(queue, (id, dry_run), &mut lines, &mut tally).await?;
            bytes = 0;
        }
    }
}

async fn store(
    queue: &Queue,
    (id, dry_run): (&str, bool),
    lines: &mut Vec<ExportLine>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let kinds: Vec<&str> = lines.iter().map(ExportLine::kind).collect();
    let answers = queue.import(id, std::mem::take(lines), dry_run).await?;
    for (kind, answer) in kinds.into_iter().zip(answers) {
        let shown = tally.refused();
        let counts = tally.of(kind);
        match answer {
            Imported::New => counts[0] += 1,
            Imported::Known => counts[1] += 1,
            Imported::Refused(why) => {
                counts[2] += 1;
                if shown < SHOWN_MAX as u64 {
                    output::say(&format!("not imported: {why}"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn tell(tally: &Tally, args: &ImportArgs) -> Result<(), Failure> {
    let verb = if args.dry_run { "would import" } else { "imported" };
    let into = redacted(&args.place.database);
    let Tally { queues, schedules, jobs } = tally;
    output::say(&format!(
        "{verb} {} jobs, {} queues and {} schedules into {into}; {} jobs, {} queues and {} schedules were there",
        jobs[0], queues[0], schedules[0], jobs[1], queues[1], schedules[1]
    ));
    match tally.refused() {
        0 => Ok(()),
        refused => Err(Failure::new(Exit::PartlyDone, format!("{refused} were not imported"))),
    }
}

fn not_made(file: &Path, error: &std::io::Error) -> Failure {
    let file = file.display();
    match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::new(Exit::Conflict, format!("there is a file {file} already"))
                .hint("name another, or move it away")
        }
        _ => Failure::new(Exit::Failure, format!("cannot write `{file}`: {error}")),
    }
}

fn broken(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failure, format!("{}: {error}", file.display()))
}
