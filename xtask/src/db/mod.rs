//! Database servers for tests: `db up` leaves them running in the shared stand; a run of the tests
//! starts what the shared stand lacks in a stand of its own and takes that down again.

mod stand;

use windlass_servers::{Kind, find};

use self::stand::{Stand, shared_server};
use crate::Failure;
use crate::cargo::Env;

/// What `db up` starts when nothing is named: the pooler matters to few.
const DATABASES: [Kind; 2] = [Kind::Postgres, Kind::MariaDb];

/// `db up [--disk] [KIND..] | down | status`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match args.split_first().map(|(verb, rest)| (verb.as_str(), rest)) {
        Some(("up", rest)) => up(&parse_up(rest)?),
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
/// missing is started first and stopped afterwards, whatever `action` returns. With `on_disk` the
/// data of all servers is on a disk. A kind that cannot be had is left out, and an error when `CI`
/// is `true`.
pub(crate) fn with_servers(
    kinds: &[Kind],
    on_disk: bool,
    action: impl FnOnce(&Env) -> Result<(), Failure>,
) -> Result<(), Failure> {
    stop_abandoned()?;
    let (mut env, mut missing) = (Env::new(), Vec::new());
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
            Err(failure) => println!("== SKIPPED: all tests on {kind}: {failure}"),
        }
    }
    action(&env)
}

/// A stand that ends with its scope, also when the scope ends in a panic.
struct Run(Stand);

impl Drop for Run {
    fn drop(&mut self) {
        if let Err(failure) = self.0.down() {
            eprintln!("warning: {failure}");
        }
    }
}

/// What to start, and whether its data has to be on a disk.
#[derive(Debug, PartialEq, Eq)]
struct Up {
    kinds: Vec<Kind>,
    on_disk: bool,
}

fn up(Up { kinds, on_disk }: &Up) -> Result<(), Failure> {
    stop_abandoned()?;
    let mut reasons = Vec::new();
    for (kind, url) in Stand::shared()?.up(kinds, *on_disk) {
        match url {
            Ok(url) => println!("export {}={url}", kind.variable()),
            Err(failure) => reasons.push(failure.to_string()),
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(Failure::Failed(reasons.join("\n"))) }
}

fn down() -> Result<(), Failure> {
    stop_abandoned()?;
    for kind in Stand::shared()?.down()? {
        println!("{kind}: stopped, data removed");
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
        return format!("{} in {}", server.url(), server.folder().display());
    }
    match find(kind) {
        Some(_) => format!("not running; start it with `cargo xtask db up {kind}`"),
        None => format!("not installed; `apt-get install {}`", kind.packages().join(" ")),
    }
}

/// Stops what runs of the tests that were killed have left behind.
fn stop_abandoned() -> Result<(), Failure> {
    Stand::abandoned().iter().try_for_each(|stand| stand.down().map(drop))
}

fn known_url(kind: Kind, on_disk: bool) -> Option<String> {
    // Whoever says which PostgreSQL to take wants that one.
    if kind != Kind::MariaDb && std::env::var_os("WINDLASS_POSTGRES_BIN").is_some() {
        return None;
    }
    let given = std::env::var(kind.variable()).ok().filter(|url| !url.is_empty());
    given.or_else(|| Some(shared_server(kind, on_disk)?.url()))
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

fn parse_up(args: &[String]) -> Result<Up, Failure> {
    let mut up = Up { kinds: Vec::new(), on_disk: false };
    for arg in args {
        match (arg.as_str(), Kind::named(arg)) {
            ("--disk", _) => up.on_disk = true,
            (_, Some(kind)) if up.kinds.contains(&kind) => {}
            (_, Some(kind)) => up.kinds.push(kind),
            (_, None) => {
                let known = Kind::ALL.map(Kind::name).join(", ");
                return Err(Failure::Usage(format!("db up knows {known} and not `{arg}`")));
            }
        }
    }
    if up.kinds.is_empty() {
        up.kinds.extend(DATABASES);
    }
    Ok(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Up {
        parse_up(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_databases_come_up_unless_kinds_are_named() {
        assert_eq!(parsed(""), Up { kinds: DATABASES.to_vec(), on_disk: false });
        assert_eq!(parsed("--disk"), Up { kinds: DATABASES.to_vec(), on_disk: true });
    }

    #[test]
    fn named_kinds_come_up_once_each() {
        let expected = Up { kinds: vec![Kind::PgBouncer, Kind::Postgres], on_disk: true };

        assert_eq!(parsed("pgbouncer --disk postgres pgbouncer"), expected);
    }
}
