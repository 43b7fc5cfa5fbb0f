//! What runs between the worker and a command: this program once more, which makes a session of its own, asks
//! to be killed with its parent, and becomes the command.
//!
//! All of that could be done between fork and exec as well, but not without unsafe code.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, getppid, setsid};

use crate::output;

/// The first argument of the program in this role. It is part of no interface.
const ROLE: &str = "--windlass-exec";

/// What shells answer for commands that are not there, or cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;

/// This program, also when an upgrade has replaced its file.
pub(super) fn program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// What comes before the command.
pub(super) fn arguments() -> [OsString; 2] {
    [ROLE.into(), std::process::id().to_string().into()]
}

/// Becomes the command, when that is what this process was started for.
pub(crate) fn become_command() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != OsStr::new(ROLE) {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let program = arguments.next()?;
    if let Err(error) = leave_parent(parent) {
        output::say(&format!("the command cannot be run: {error}"));
        return Some(NOT_RUN.into());
    }
    let error = Command::new(&program).args(arguments).exec();
    output::say(&format!("`{}` cannot be run: {error}", program.to_string_lossy()));
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    Some(if is_missing { NOT_FOUND } else { NOT_RUN }.into())
}

fn leave_parent(parent: i32) -> io::Result<()> {
    setsid()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // Without a parent nobody would report what the command does.
    if getppid() == Pid::from_raw(parent) {
        Ok(())
    } else {
        Err(io::Error::other("the worker is gone"))
    }
}
