//! The processes of one command, as a group that is signalled as a whole.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;

/// The group whose leader is a child of ours. What is left of it when this is dropped is killed.
#[derive(Debug)]
pub(super) struct Group {
    leader: Option<Pid>,
    is_swept: bool,
}

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: id.and_then(Pid::from_raw), is_swept: false }
    }

    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Kills what the leader left behind. Its number is the group's as long as anybody is in there.
    pub(super) fn sweep(&mut self) {
        self.is_swept = true;
        if let Some(leader) = self.leader {
            // Mostly there is nobody left, which is the error.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(leader) = self.leader else { return };
        if kill_process_group(leader, signal).is_err() {
            // It has not made its group yet.
            let _ = kill_process(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_swept {
            self.kill();
        }
    }
}
