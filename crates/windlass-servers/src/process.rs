//! One server process and everything it has forked: started, watched, signalled, killed.
//!
//! A process is known by its id and its start time, so an id that the system has given to another
//! process since is never signalled.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;

/// Between two looks at whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A stopped process stands still within microseconds; a stuck disk may make it seconds.
const STAND_STILL_WITHIN: Duration = Duration::from_secs(5);

/// A parent that waits for its children does so at once; some containers have none that does.
const REAPED_WITHIN: Duration = Duration::from_secs(1);

/// A server process, the leader of its own process group.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: Identity,
    /// Ours to wait for, unless an earlier process started it.
    child: Option<Child>,
}

/// Which process, across reuse of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// Clock ticks since the machine was booted.
    pub(crate) started_ticks: u64,
}

/// What `/proc/PID/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    parent: u32,
    started_ticks: u64,
}

impl Process {
    /// Starts the command as the leader of a new process group, so a Ctrl-C meant for us does not
    /// reach it.
    pub(crate) fn spawn(mut command: Command) -> Result<Self, Error> {
        let program = command.get_program().to_string_lossy().into_owned();
        let started = command.process_group(0).spawn();
        let child = started.map_err(Error::io(format!("cannot start {program}")))?;
        let pid = child.id();
        // Even one that has ended already has its entry: nobody has waited for it yet.
        let stat = stat(pid).ok_or_else(|| Error::Failed {
            program,
            output: format!("no entry in /proc for process {pid}"),
        })?;
        let id = Identity { pid, started_ticks: stat.started_ticks };
        Ok(Self { id, child: Some(child) })
    }

    /// A process that somebody else started.
    pub(crate) fn adopt(id: Identity) -> Self {
        Self { id, child: None }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        if let Some(child) = &mut self.child {
            return matches!(child.try_wait(), Ok(None));
        }
        self.id.is_running()
    }

    /// Sends a signal to the process, but not to what it has forked.
    pub(crate) fn signal(&mut self, signal: &str) {
        if self.is_running() {
            send(signal, &[self.id.pid.to_string()]);
        }
    }

    /// Kills the process and all it has forked, as a power cut would: none gets to react to the
    /// death of another. False when one is still there after the deadline.
    pub(crate) fn kill_all(&mut self, within: Duration) -> bool {
        if !self.is_running() {
            return true;
        }
        // A process that stands still forks no more, so the list stays complete. The group is not
        // enough: every backend of PostgreSQL is the leader of a group of its own.
        send("STOP", &[self.id.pid.to_string()]);
        wait_until(STAND_STILL_WITHIN, || {
            stat(self.id.pid).is_none_or(|stat| matches!(stat.state, 'T' | 't' | 'Z' | 'X'))
        });
        let family = descendants(self.id.pid);
        let mut targets = vec![format!("-{}", self.id.pid)];
        targets.extend(family.iter().map(|member| member.pid.to_string()));
        send("KILL", &targets);
        wait_until(within, || !self.is_running() && !family.iter().any(Identity::is_running))
    }

    /// Leaves the process to itself. While we live we are still its parent, so its end is waited
    /// for in the background.
    pub(crate) fn release(&mut self) {
        if let Some(mut child) = self.child.take() {
            std::thread::spawn(move || child.wait());
        }
    }

    /// Waits a little until the id of a process that has ended is free: PostgreSQL does not start
    /// on the data of one whose id is still there.
    pub(crate) fn let_go(&mut self) {
        wait_until(REAPED_WITHIN, || {
            !self.is_running()
                && stat(self.id.pid).is_none_or(|stat| stat.started_ticks != self.id.started_ticks)
        });
    }

    /// Whether the process has ended by the deadline.
    pub(crate) fn ended(&mut self, within: Duration) -> bool {
        wait_until(within, || !self.is_running())
    }
}

impl Identity {
    fn is_running(&self) -> bool {
        stat(self.pid)
            .is_some_and(|s| s.started_ticks == self.started_ticks && !matches!(s.state, 'Z' | 'X'))
    }
}

/// Looks again and again until `done` or the deadline; returns whether it is done.
pub(crate) fn wait_until(within: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    true
}

/// Sends a signal with the shell's own `kill`, because the program of that name is not everywhere.
///
/// What it returns says only that one of the targets has ended already, so callers look for
/// themselves.
fn send(signal: &str, targets: &[String]) {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$0\" -- \"$@\"", signal]).args(targets);
    drop(kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status());
}

/// All that descends from a process.
fn descendants(ancestor: u32) -> Vec<Identity> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<(u32, Stat)> = pids.filter_map(|pid| Some((pid, stat(pid)?))).collect();
    let (mut parents, mut found) = (vec![ancestor], Vec::new());
    while let Some(parent) = parents.pop() {
        for (pid, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            parents.push(*pid);
            found.push(Identity { pid: *pid, started_ticks: stat.started_ticks });
        }
    }
    found
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `PID (NAME) STATE PARENT ..`, in which the name may contain spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // Field 22 of the line; two are gone, and the name and the id before them.
    let started_ticks = fields.nth(17)?.parse().ok()?;
    Some(Stat { state, parent, started_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_confuse_the_parser() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3";

        let expected = Stat { state: 'S', parent: 7, started_ticks: 98765 };
        assert_eq!(parse_stat(line), Some(expected));
        assert_eq!(parse_stat("42 (short) S 1"), None);
    }

    #[test]
    fn a_killed_process_takes_along_those_in_other_groups() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "setsid sleep 600 & wait"]);
        let mut process = Process::spawn(shell).unwrap();
        let pid = process.id.pid;
        assert!(wait_until(Duration::from_secs(10), || descendants(pid).len() == 1));
        let child = descendants(pid)[0];

        assert!(process.kill_all(Duration::from_secs(10)));

        assert!(!process.is_running());
        assert!(!child.is_running());
    }

    #[test]
    fn an_id_given_to_another_process_is_not_ours() {
        let own = std::process::id();
        let ticks = stat(own).unwrap().started_ticks;

        assert!(Process::adopt(Identity { pid: own, started_ticks: ticks }).is_running());
        assert!(!Process::adopt(Identity { pid: own, started_ticks: ticks + 1 }).is_running());
    }
}
