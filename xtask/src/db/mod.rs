//! Database servers for tests: `db up` leaves them running in the shared stand; a run of the tests
//! starts what the shared stand lacks in a stand of its own and takes that down again.

mod folders;
mod stand;

use windlass_servers::{Kind, find};

use self::stand::{Stand, shared_server};
use crate::Failure;
use crate::cargo::Env;

/// What `db up` starts when nothing else is asked for.
pub(crate) const DATABASES: [Kind; 2] = [Kind::Postgres, Kind::MariaDb];

/// `db up [--disk] [KIND..] | down | status`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match args.split_first().map(|(verb, rest)| (verb.as_str(), rest)) {
        Some(("up", rest)) => {
            let (kinds, on_disk) = parse_up(rest)?;
            up(&kinds, on_disk)
        }
        Some(("down", [])) => down(),
        Some(("status", [])) => {
            status();
            Ok(())
        }
        _ => Err(Failure::Usage("db needs one of up [--disk] [KIND..], down, status".to_owned())),
    }
}

/// Runs `action` with the URLs of servers of these kinds as environment variables.
///
/// A variable that is set already and a server that `db up` started are used as they are. What is
/// missing is started first and stopped afterwards, whatever `action` returns. A kind that cannot
/// be had is left out, and an error when `CI` is `true`.
pub(crate) fn with_servers(
    kinds: &[Kind],
    on_disk: bool,
    action: impl FnOnce(&Env) -> Result<(), Failure>,
) -> Result<(), Failure> {
    stop_abandoned()?;
    let mut env = Env::new();
    let mut missing = Vec::new();
    for kind in kinds {
        match known_url(*kind, on_disk) {
            Some(url) => env.push((kind.variable(), url)),
            None => missing.push(*kind),
        }
    }
    if missing.is_empty() {
        return action(&env);
    }
    let run = Run(Stand::own()?);
    for (kind, url) in run.0.up(&missing, on_disk) {
        match url {
            Ok(url) => env.push((kind.variable(), url)),
            Err(failure) if is_ci() => return Err(failure),
            Err(Failure::Failed(reason) | Failure::Usage(reason)) => {
                println!("== SKIPPED: every test on {kind}: {reason}");
            }
        }
    }
    action(&env)
}

/// A stand that ends with its scope, also when the scope ends in a panic.
struct Run(Stand);

impl Drop for Run {
    fn drop(&mut self) {
        if let Err(Failure::Failed(reason) | Failure::Usage(reason)) = self.0.down() {
            eprintln!("warning: {reason}");
        }
    }
}

fn up(kinds: &[Kind], on_disk: bool) -> Result<(), Failure> {
    stop_abandoned()?;
    let mut reasons = Vec::new();
    for (kind, url) in Stand::shared()?.up(kinds, on_disk) {
        match url {
            Ok(url) => println!("export {}={url}", kind.variable()),
            Err(Failure::Failed(reason) | Failure::Usage(reason)) => reasons.push(reason),
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(Failure::Failed(reasons.join("\n"))) }
}

fn down() -> Result<(), Failure> {
    stop_abandoned()?;
    for kind in Stand::shared()?.down()? {
        println!("{kind}: stopped");
    }
    Ok(())
}

fn status() {
    println!("sqlite: embedded, nothing to start");
    for kind in Kind::ALL {
        println!("{kind}: {}", state(kind));
    }
}

fn state(kind: Kind) -> String {
    if let Some(server) = shared_server(kind, false) {
        return format!("runs at {} in {}", server.url(), server.folder().display());
    }
    match find(kind) {
        Some(program) => {
            format!("not running: `cargo xtask db up {kind}` starts {}", program.display())
        }
        None => format!("not installed: `apt-get install {}`", kind.packages().join(" ")),
    }
}

/// Stops what runs of the tests that were killed have left behind.
fn stop_abandoned() -> Result<(), Failure> {
    Stand::abandoned().iter().try_for_each(|stand| stand.down().map(drop))
}

fn known_url(kind: Kind, on_disk: bool) -> Option<String> {
    let given = std::env::var(kind.variable()).ok().filter(|url| !url.is_empty());
    given.or_else(|| Some(shared_server(kind, on_disk)?.url()))
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

fn parse_up(args: &[String]) -> Result<(Vec<Kind>, bool), Failure> {
    let (flags, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.as_str() == "--disk");
    let mut kinds = Vec::new();
    for name in names {
        let kind = Kind::named(name).ok_or_else(|| {
            let known = Kind::ALL.map(Kind::name).join(", ");
            Failure::Usage(format!("db up knows {known} and not `{name}`"))
        })?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() {
        kinds.extend(DATABASES);
    }
    Ok((kinds, !flags.is_empty()))
}
