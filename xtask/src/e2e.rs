//! `e2e`: the dashboard in a real browser. Debian's chromium and Node run it, and are installed where that is
//! possible. Without them it fails, and only what `ci` runs is skipped and says so: a page that no browser has seen
//! loses no job.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::cargo::{cargo, root};

/// The oldest release of Node that the driver of the browser runs on.
const NODE_MIN: u32 = 18;

/// What `--smoke` runs: every page once, in less than a minute.
const SMOKE: &str = "smoke.test.js";

const CHROMIUM: &str = "chromium";

/// Runs the tests; arguments but `--smoke` and `--shots` go to Node's test runner.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    prepare()?;
    cargo(&["build", "-q", "-p", "windlass-cli"], &[])?;
    in_browser(args)
}

/// Every page once, if there is a browser.
pub(crate) fn smoke() -> Result<(), Failure> {
    if let Err(missing) = prepare() {
        println!("skipped: {missing}");
        return Ok(());
    }
    // The binary that the tests have built, with their features.
    cargo(&["test", "-q", "--workspace", "--no-run"], &[])?;
    in_browser(&["--smoke".to_owned()])
}

fn prepare() -> Result<(), Failure> {
    tools().map_err(Failure::Failed)?;
    packages()
}

fn in_browser(args: &[String]) -> Result<(), Failure> {
    let is = |flag: &str| args.iter().any(|arg| arg == flag);
    let mut command = Command::new("node");
    command.args(["--test", "--test-concurrency=1"]).current_dir(folder());
    command.args(args.iter().filter(|arg| *arg != "--smoke" && *arg != "--shots"));
    command.args(if is("--smoke") { vec![SMOKE.to_owned()] } else { tests()? });
    command.env("WINDLASS_BIN", root().join("target/debug/windlass"));
    if let Some(browser) = find(CHROMIUM) {
        command.env("WINDLASS_CHROMIUM", browser);
    }
    if is("--shots") {
        command.env("WINDLASS_SHOTS", root().join("docs/images"));
    }
    succeed(&mut command)
}

fn folder() -> PathBuf {
    root().join("e2e")
}

/// The files of the tests, in the order of their names.
fn tests() -> Result<Vec<String>, Failure> {
    let unreadable = |error| Failure::Failed(format!("cannot read {:?}: {error}", folder()));
    let entries = fs::read_dir(folder()).map_err(unreadable)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
    names.retain(|name| name.ends_with(".test.js"));
    names.sort_unstable();
    Ok(names)
}

/// Makes sure that there are a browser, Node and npm; says what is missing.
fn tools() -> Result<(), String> {
    let missing: Vec<&str> = [(CHROMIUM, CHROMIUM), ("node", "nodejs"), ("npm", "npm")]
        .into_iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if !missing.is_empty() && !install(&missing) {
        let packages = missing.join(" ");
        return Err(format!(
            "the browser tests need {packages}: `apt-get install --no-install-recommends {packages}`"
        ));
    }
    match node_version() {
        Some(version) if version >= NODE_MIN => Ok(()),
        _ => Err(format!("the browser tests need Node {NODE_MIN} or later")),
    }
}

/// Installs Debian's packages where that is possible: with the lists that are there, and with new ones when
/// that fails.
fn install(packages: &[&str]) -> bool {
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        // Somebody else's apt-get may take its time.
        command.args(["-o", "DPkg::Lock::Timeout=300", "--yes", "-q"]).args(args);
        command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let all = [&["install", "--no-upgrade", "--no-install-recommends"], packages].concat();
    apt(&all) || (apt(&["update"]) && apt(&all))
}

fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

/// A program on the path.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The packages of the lock file, unless those are there.
fn packages() -> Result<(), Failure> {
    let (wanted, there) = (folder().join("package-lock.json"), folder().join("node_modules/.lock"));
    let read = |file: &Path| fs::read(file).ok();
    if read(&wanted) == read(&there) {
        return Ok(());
    }
    let quiet = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    succeed(Command::new("npm").args(quiet).current_dir(folder()))?;
    let copied = fs::copy(&wanted, &there).map(drop);
    copied.map_err(|error| Failure::Failed(format!("cannot write {there:?}: {error}")))
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("{shown} ended with {status}"))),
        Err(error) => Err(Failure::Failed(format!("cannot run {shown}: {error}"))),
    }
}
