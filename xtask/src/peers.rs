//! `bench --peers`: other queues on the same server, in turn with ours. They are fetched from their
//! registries only for this, into `target/peers`.
//!
//! Each contender is a program that is given a URL, a number of jobs and a size of batches, and whose
//! last line is `{"enqueue": JOBS_PER_SECOND, "drain": JOBS_PER_SECOND}`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use windlass_servers::Kind;

use crate::Failure;
use crate::cargo::root;
use crate::db::with_servers;

/// Times that every contender runs; the middle rate counts.
const ROUNDS: usize = 3;

/// Jobs of a round, unless the command line says otherwise.
const JOBS: &str = "40000";

/// Jobs in one enqueue.
const BATCH: &str = "100";

/// What ours should be, against the best of the others.
const GOAL: f64 = 1.25;

/// A program under `benches/peers`.
struct Peer {
    name: &'static str,
    folder: &'static str,
    kind: Language,
}

#[derive(Clone, Copy)]
enum Language {
    Node,
    Rust,
}

const PEERS: [Peer; 3] = [
    Peer { name: "graphile-worker (npm)", folder: "graphile-worker", kind: Language::Node },
    Peer { name: "graphile_worker (crate)", folder: "graphile-worker-rs", kind: Language::Rust },
    Peer { name: "pg-boss (npm)", folder: "pg-boss", kind: Language::Node },
];

/// A contender: its name, its command and what it measured.
struct Contender {
    name: &'static str,
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
        let mut contenders = vec![ours(jobs)?];
        for peer in &PEERS {
            match prepare(peer, jobs) {
                Ok(contender) => contenders.push(contender),
                Err(failure) => println!("== SKIPPED: {}: {failure}", peer.name),
            }
        }
        for round in 0..ROUNDS {
            for contender in &mut contenders {
                println!("round {} of {ROUNDS}: {}", round + 1, contender.name);
                contender.measure(url)?;
            }
        }
        report(&mut contenders);
        Ok(())
    })
}

fn ours(jobs: &str) -> Result<Contender, Failure> {
    shell(root(), "cargo", &["build", "--release", "-p", "windlass-cli"])?;
    let args = ["bench", "--contender", "--jobs", jobs, "--database"];
    Ok(contender("windlass", root().join("target/release/windlass"), &args, &[]))
}

/// Fetches and builds a peer, in a copy of its folder.
fn prepare(peer: &Peer, jobs: &str) -> Result<Contender, Failure> {
    let source = root().join("benches/peers").join(peer.folder);
    let folder = root().join("target/peers").join(peer.folder);
    let (from, to) = (source.display().to_string(), folder.display().to_string());
    shell(root(), "mkdir", &["-p", &to])?;
    shell(root(), "cp", &["-r", &format!("{from}/."), &to])?;
    match peer.kind {
        Language::Node => {
            shell(&folder, "npm", &["install", "--no-audit", "--no-fund", "--silent"])?;
            let script = folder.join("bench.mjs").display().to_string();
            Ok(contender(peer.name, PathBuf::from("node"), &[&script], &[jobs, BATCH]))
        }
        Language::Rust => {
            shell(&folder, "cargo", &["build", "--release", "--quiet"])?;
            let program = folder.join("target/release/peer");
            Ok(contender(peer.name, program, &[], &[jobs, BATCH]))
        }
    }
}

fn contender(
    name: &'static str,
    program: PathBuf,
    before_url: &[&str],
    after_url: &[&str],
) -> Contender {
    let owned = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
    let (before_url, after_url) = (owned(before_url), owned(after_url));
    Contender { name, program, before_url, after_url, enqueue: Vec::new(), drain: Vec::new() }
}

impl Contender {
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

fn report(contenders: &mut [Contender]) {
    println!("\n{:<26}{:>12}{:>12}", "jobs/s", "enqueue", "drain");
    let mut drains = Vec::new();
    for contender in contenders {
        let (enqueue, drain) = (median(&mut contender.enqueue), median(&mut contender.drain));
        println!("{:<26}{enqueue:>12.0}{drain:>12.0}", contender.name);
        drains.push(drain);
    }
    if let Some((ours, others)) = drains.split_first() {
        let best = others.iter().copied().fold(0.0, f64::max);
        println!("drain against the best of the others: {:.2}  goal >= {GOAL}", ours / best);
    }
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
}
