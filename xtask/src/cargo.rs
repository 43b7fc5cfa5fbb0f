//! Runs cargo and git from the root of the repository.
//!
//! Output is inherited, never captured: what a tool says last is what its reader needs.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

/// Environment variables to set for a program.
pub(crate) type Env = Vec<(&'static str, String)>;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Runs `cargo ARGS MORE`; anything but success is an error.
pub(crate) fn cargo(args: &[&str], more: &[String]) -> Result<(), Failure> {
    cargo_with_env(args, more, &Env::new())
}

/// As [`cargo`], with environment variables set for this run.
pub(crate) fn cargo_with_env(args: &[&str], more: &[String], env: &Env) -> Result<(), Failure> {
    let shown = [args, &more.iter().map(String::as_str).collect::<Vec<_>>()].concat().join(" ");
    println!("$ cargo {shown}");
    let status = command().args(args).args(more).envs(env.iter().cloned()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("`cargo {shown}` ended with {status}"))),
        Err(error) => Err(Failure::Failed(format!("cannot run `cargo {shown}`: {error}"))),
    }
}

/// Whether an optional subcommand, such as nextest, is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    let mut probe = command();
    probe.args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Every file git tracks or would track, as paths from the root.
pub(crate) fn tracked_files() -> Result<Vec<String>, Failure> {
    let output = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard", "-z"])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::Failed(format!("cannot run git: {error}")))?;
    if !output.status.success() {
        return Err(Failure::Failed(format!("git ls-files ended with {}", output.status)));
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    // Git also lists files deleted from the work tree, until the deletion is committed.
    let present = |path: &&str| !path.is_empty() && root().join(path).is_file();
    Ok(listing.split('\0').filter(present).map(str::to_owned).collect())
}

/// The cargo that started us, so a chosen toolchain stays chosen.
fn command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}
