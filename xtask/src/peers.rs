//! `bench --peers`: other queues on the same server or disk, in turn with ours. They are fetched
//! from their registries only for this, into `target/peers`.
//!
//! Each contender is a program that is given a URL, a number of jobs and a size of batches, and
//! whose last line is `{"enqueue": JOBS_PER_SECOND, "drain": JOBS_PER_SECOND}`. One that is on
//! SQLite is given the path of a new file instead of the URL.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use windlass_servers::{Kind, TemporaryFolder};

use crate::Failure;
use crate::cargo::root;
use crate::db::with_servers;

/// Times that every contender runs; the middle rate counts.
const ROUNDS: usize = 3;

/// Jobs of a round, unless the command line says otherwise.
const JOBS: &str = "40000";

/// Jobs in one enqueue.
const BATCH: &str = "100";

/// What ours should be on PostgreSQL, against the best of the others.
const GOAL: f64 = 1.25;

/// A program under `benches/peers`.
struct Peer {
    name: &'static str,
    folder: &'static str,
    language: Language,
    database: Database,
    /// An argument of its own, after all others.
    mode: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Language {
    Node,
    Rust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    Postgres,
    Sqlite,
}

const PEERS: [Peer; 7] = [
    postgres("graphile-worker (npm)", "graphile-worker", Language::Node),
    postgres("graphile_worker (crate)", "graphile-worker-rs", Language::Rust),
    postgres("pg-boss (npm)", "pg-boss", Language::Node),
    postgres("awa (crate)", "awa", Language::Rust),
    postgres("apalis (crate)", "apalis", Language::Rust),
    sqlite("effectum (crate)", "effectum", None),
    sqlite("effectum (crate), WAL", "effectum", Some("wal")),
];

const fn postgres(name: &'static str, folder: &'static str, language: Language) -> Peer {
    Peer { name, folder, language, database: Database::Postgres, mode: None }
}

const fn sqlite(name: &'static str, folder: &'static str, mode: Option<&'static str>) -> Peer {
    Peer { name, folder, language: Language::Rust, database: Database::Sqlite, mode }
}

/// A contender: its name, its database, its command and what it measured.
struct Contender {
    name: &'static str,
    database: Database,
    /// What makes a URL of the path of a file; empty for those that take the path.
    scheme: &'static str,
    program: PathBuf,
    before_url: Vec<String>,
    after_url: Vec<String>,
    enqueue: Vec<f64>,
    drain: Vec<f64>,
}

/// Measures ours and theirs in turn; the only argument is the number of jobs.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let jobs = args.first().map_or(JOBS, String::as_str);
    with_servers(&[Kind::Postgres], true, |env| {
        let Some((_, url)) = env.first() else {
            return Err(Failure::Failed("no PostgreSQL to measure on".to_owned()));
        };
        let mut contenders = prepare_all(jobs)?;
        for round in 0..ROUNDS {
            for contender in &mut contenders {
                println!("round {} of {ROUNDS}: {}", round + 1, contender.name);
                match contender.database {
                    Database::Postgres => contender.measure(url)?,
                    Database::Sqlite => contender.measure_in_new_file()?,
                }
            }
        }
        report("PostgreSQL", Database::Postgres, &mut contenders);
        report("SQLite", Database::Sqlite, &mut contenders);
        Ok(())
    })
}

/// Ours and those of the others that can be had.
fn prepare_all(jobs: &str) -> Result<Vec<Contender>, Failure> {
    shell(root(), "cargo", &["build", "--release", "-p", "windlass-cli"])?;
    let mut contenders = vec![
        ours("windlass", Database::Postgres, jobs),
        ours("windlass on SQLite", Database::Sqlite, jobs),
    ];
    for peer in &PEERS {
        match prepare(peer, jobs) {
            Ok(contender) => contenders.push(contender),
            Err(failure) => println!("== SKIPPED: {}: {failure}", peer.name),
        }
    }
    Ok(contenders)
}

fn ours(name: &'static str, database: Database, jobs: &str) -> Contender {
    let args = ["bench", "--contender", "--jobs", jobs, "--database"];
    let program = root().join("target/release/windlass");
    Contender { scheme: "sqlite:", ..contender(name, database, program, &args, &[]) }
}

/// Fetches and builds a peer, in a copy of its folder.
fn prepare(peer: &Peer, jobs: &str) -> Result<Contender, Failure> {
    let source = root().join("benches/peers").join(peer.folder);
    let folder = root().join("target/peers").join(peer.folder);
    let (from, to) = (source.display().to_string(), folder.display().to_string());
    shell(root(), "mkdir", &["-p", &to])?;
    shell(root(), "cp", &["-r", &format!("{from}/."), &to])?;
    let mut after = vec![jobs, BATCH];
    after.extend(peer.mode);
    match peer.language {
        Language::Node => {
            shell(&folder, "npm", &["install", "--no-audit", "--no-fund", "--silent"])?;
            let script = folder.join("bench.mjs").display().to_string();
            Ok(contender(peer.name, peer.database, PathBuf::from("node"), &[&script], &after))
        }
        Language::Rust => {
            shell(&folder, "cargo", &["build", "--release", "--quiet"])?;
            let program = folder.join("target/release/peer");
            Ok(contender(peer.name, peer.database, program, &[], &after))
        }
    }
}

fn contender(
    name: &'static str,
    database: Database,
    program: PathBuf,
    before_url: &[&str],
    after_url: &[&str],
) -> Contender {
    let owned = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
    let (before_url, after_url) = (owned(before_url), owned(after_url));
    let (enqueue, drain) = (Vec::new(), Vec::new());
    Contender { name, database, scheme: "", program, before_url, after_url, enqueue, drain }
}

impl Contender {
    /// On a disk, as the data of the server is.
    fn measure_in_new_file(&mut self) -> Result<(), Failure> {
        let failed = |error: windlass_servers::Error| Failure::Failed(error.to_string());
        let folder = TemporaryFolder::new("peers", true).map_err(failed)?;
        let file = folder.path().join("queue.db");
        self.measure(&format!("{}{}", self.scheme, file.display()))?;
        folder.remove().map_err(failed)
    }

    fn measure(&mut self, url: &str) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.args(&self.before_url).arg(url).args(&self.after_url).stderr(Stdio::inherit());
        let failed = |why: String| Failure::Failed(format!("{}: {why}", self.name));
        let output = command.output().map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().last().unwrap_or_default();
        match (output.status.success(), number(line, "enqueue"), number(line, "drain")) {
            (true, Some(enqueue), Some(drain)) => {
                self.enqueue.push(enqueue);
                self.drain.push(drain);
                Ok(())
            }
            _ => Err(failed(format!("{}, and its last line is `{line}`", output.status))),
        }
    }
}

/// A table of those on one database, ours first, and how ours is against the best of the others.
fn report(title: &str, database: Database, contenders: &mut [Contender]) {
    println!("\n{:<26}{:>12}{:>12}", format!("{title}, jobs/s"), "enqueue", "drain");
    let mut drains = Vec::new();
    for contender in contenders.iter_mut().filter(|contender| contender.database == database) {
        let (enqueue, drain) = (median(&mut contender.enqueue), median(&mut contender.drain));
        println!("{:<26}{enqueue:>12.0}{drain:>12.0}", contender.name);
        drains.push(drain);
    }
    if let Some(ratio) = against_best(&drains) {
        let goal = match database {
            Database::Postgres => format!("  goal >= {GOAL}"),
            Database::Sqlite => String::new(),
        };
        println!("drain against the best of the others: {ratio:.2}{goal}");
    }
}

/// The first rate against the best of the rest, if there is a rest.
fn against_best(rates: &[f64]) -> Option<f64> {
    let (ours, others) = rates.split_first()?;
    let best = others.iter().copied().reduce(f64::max)?;
    Some(ours / best)
}

/// The number after `"name":` in a line of JSON.
fn number(line: &str, name: &str) -> Option<f64> {
    let (_, after) = line.split_once(&format!("\"{name}\""))?;
    let value = after.trim_start_matches([':', ' ']);
    let end = value.find([',', '}']).unwrap_or(value.len());
    value[..end].trim().parse().ok()
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0)
}

fn shell(folder: &Path, program: &str, args: &[&str]) -> Result<(), Failure> {
    let shown = format!("{program} {}", args.join(" "));
    println!("$ {shown}");
    let status = Command::new(program).args(args).current_dir(folder).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("`{shown}` ended with {status}"))),
        Err(error) => Err(Failure::Failed(format!("cannot run `{shown}`: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_by_name() {
        let line = r#"{"enqueue": 1200.5, "drain":34}"#;

        assert_eq!(number(line, "enqueue"), Some(1200.5));
        assert_eq!(number(line, "drain"), Some(34.0));
        assert_eq!(number("", "drain"), None);
    }

    #[test]
    fn ours_is_measured_against_the_best_of_the_others() {
        assert_eq!(against_best(&[30.0, 10.0, 20.0]), Some(1.5));
        assert_eq!(against_best(&[30.0]), None);
    }
}
