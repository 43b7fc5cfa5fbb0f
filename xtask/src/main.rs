//! Development commands: `cargo xtask ci | test | tidy | bench | load | e2e | torture | sabotage | db`.
//!
//! No dependency from outside, so a fresh checkout reaches its first test quickly.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

mod bench;
mod cargo;
mod ci;
mod commands;
mod db;
mod e2e;
mod load;
mod peers;
mod sabotage;
mod schemathesis;
mod tidy;
mod versions;

use std::fmt;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND [ARGS]

  test [ARGS]         every test; ARGS go to the test runner
  ci [--full]         format, lints, docs, tidy, tests, torture; --full adds deny, idle, sabotage, bench
  tidy                the house rules a compiler does not know
  bench [--postgres] [--mysql] [--all] [ARGS]
                      throughput, latency and cost on SQLite or on servers on a disk, beside a bare
                      floor; ARGS go to `windlass bench`
  bench --peers [N]   N jobs through other queues on PostgreSQL and SQLite and through ours
  load [--release] [ARGS]
                      many clients against a server: rates over HTTP, claims that wait, streams, a flood,
                      pages of many jobs; --only NAME, --rows N and more go to the driver
  e2e [--smoke] [--shots] [ARGS]
                      the dashboard in a browser; --smoke opens every page and no more, --shots takes the
                      pictures of the README; ARGS go to Node's test runner
  torture [ARGS]      kill -9 producers and workers over and over and reconcile their journals;
                      --database sqlite|postgres|mysql, --nodes N, --defaults (docs/testing.md)
  schemathesis [ARGS] requests made of the description of the API, against a server; ARGS go to the tool
  versions [postgres|mysql]
                      the tests on the oldest and the newest PostgreSQL (from npm) and on MySQL (from Debian's
                      unstable release)
  sabotage            switch on named defects and expect the tests to catch each
  db up [--disk] [KIND..]
                      start private servers for the tests (postgres, mariadb; pgbouncer when named)
                      and print their URLs; --disk keeps their data out of memory
  db down|status      stop them and remove their data; say what runs and what is missing";

/// Why a command did not succeed.
#[derive(Debug)]
enum Failure {
    /// The command line is at fault: the text is followed by the usage.
    Usage(String),
    /// Something that was run, or checked, failed.
    Failed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(message) | Self::Failed(message)) = self;
        f.write_str(message)
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), Failure> {
    let Some((command, rest)) = args.split_first() else {
        return Err(Failure::Usage("no command given".to_owned()));
    };
    match command.as_str() {
        "test" => commands::test(rest),
        "ci" => ci::run(rest),
        "tidy" => tidy::run(rest),
        "bench" => bench::run(rest),
        "load" => load::run(rest),
        "e2e" => e2e::run(rest),
        "torture" => commands::torture(rest, &cargo::Env::new()),
        "sabotage" => sabotage::run(rest),
        "versions" => versions::run(rest),
        "schemathesis" => schemathesis::run(rest),
        "db" => db::run(rest),
        "help" | "-h" | "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(Failure::Usage(format!("unknown command `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_wrong_command_line_is_a_usage_error() {
        for line in [
            "",
            "tset",
            "ci --fast",
            "ci --full --full",
            "tidy all",
            "db",
            "db sideways",
            "db up oracle",
            "db down postgres",
            "versions oracle",
        ] {
            assert!(matches!(run(&words(line)), Err(Failure::Usage(_))), "{line}");
        }
    }
}
