//! `load`: many clients against a server of our own; the driver is in `benches/src/load`.

use crate::Failure;
use crate::cargo::{cargo, root};

/// Builds the server and the driver, and runs the driver; all arguments but `--release` are the driver's.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let is_release = args.iter().any(|arg| arg == "--release");
    let (profile, folder) = if is_release { ("release", "release") } else { ("dev", "debug") };
    cargo(&["build", "--profile", profile, "-p", "windlass-cli"], &[])?;
    let server = root().join("target").join(folder).join("windlass");
    let rest = args.iter().filter(|arg| *arg != "--release").cloned();
    let rest: Vec<String> = [server.display().to_string()].into_iter().chain(rest).collect();
    let driver =
        ["run", "--profile", profile, "-p", "windlass-bench", "--bin", "windlass-load", "--"];
    cargo(&driver, &rest)
}
