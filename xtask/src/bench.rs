//! `bench`: measurements on SQLite, on servers of their own with their data on a disk, and beside
//! other queues.

use windlass_servers::Kind;

use crate::Failure;
use crate::cargo::cargo;
use crate::db::with_servers;
use crate::peers;

/// The command line built for release.
pub(crate) const BENCH: &[&str] = &["run", "--release", "-p", "windlass-cli", "--", "bench"];

/// Where to measure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    sqlite: bool,
    servers: Vec<Kind>,
    peers: bool,
    /// For `windlass bench`.
    rest: Vec<String>,
}

/// Runs the benchmarks that `args` name, on SQLite when they name none.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let plan = Plan::of(args);
    if plan.peers {
        return peers::run(&plan.rest);
    }
    if plan.sqlite {
        cargo(BENCH, &plan.rest)?;
    }
    if plan.servers.is_empty() {
        return Ok(());
    }
    with_servers(&plan.servers, true, |env| {
        for (_, url) in env {
            let mut args = vec!["--database".to_owned(), url.clone()];
            args.extend_from_slice(&plan.rest);
            cargo(BENCH, &args)?;
        }
        Ok(())
    })
}

impl Plan {
    fn of(args: &[String]) -> Self {
        let mut plan = Self::default();
        for arg in args {
            match arg.as_str() {
                "--postgres" => plan.servers.push(Kind::Postgres),
                "--mysql" => plan.servers.push(Kind::MariaDb),
                "--all" => {
                    plan.sqlite = true;
                    plan.servers = vec![Kind::Postgres, Kind::MariaDb];
                }
                "--peers" => plan.peers = true,
                _ => plan.rest.push(arg.clone()),
            }
        }
        plan.sqlite |= plan.servers.is_empty();
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Plan {
        Plan::of(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn sqlite_is_measured_unless_servers_are_named() {
        assert!(plan("").sqlite);
        assert!(!plan("--postgres").sqlite);
        assert_eq!(plan("--mysql --postgres").servers, [Kind::MariaDb, Kind::Postgres]);
        assert!(plan("--all").sqlite && plan("--all").servers.len() == 2);
    }

    #[test]
    fn the_rest_is_for_the_command_line() {
        let plan = plan("--postgres --jobs 1000");

        assert_eq!(plan.rest, ["--jobs", "1000"]);
    }
}
