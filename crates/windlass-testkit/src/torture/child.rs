//! Child processes: how they are started, killed and stopped, and how they may have ended.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::future::Future;
use std::io::{self, stdin};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::oneshot;

use crate::Failure;
use crate::database::Home;

/// The points where the library ends the process when `WINDLASS_CRASH_AT` says so, and whether a
/// producer gets there as well.
pub(crate) const CRASH_POINTS: &[(&str, bool)] = &[
    ("commit", true),
    ("committed", true),
    ("claimed", false),
    ("started", false),
    ("finished", false),
    ("fire", false),
    (ELSEWHERE, false),
];

/// A point that only the workflow mode comes to.
const ELSEWHERE: &str = "callback";

/// The visit of a crash point that ends a child: early ones are in the start of the process.
const VISIT_MAX: u32 = 40;

/// A point that is come to once a second: its first visit is the one that a child lives to see.
const SELDOM: &str = "fire";

/// A worker waits up to 30 s for its handlers, and no handler here takes that long, but the machine
/// may be busy.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// How often to look whether a child has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// The database, the folder and the journals that some children share.
#[derive(Debug, Clone)]
pub(crate) struct Workplace {
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
    pub(crate) journals: PathBuf,
}

impl Workplace {
    /// Creates the folder, and the address of an empty database that may be in it.
    pub(crate) fn create(home: &Home, parent: &Path, name: &str) -> Result<Self, Failure> {
        let folder = parent.join(name);
        let journals = folder.join("journals");
        fs::create_dir_all(&journals)?;
        Ok(Self { url: home.url(&folder, name), folder, journals })
    }

    /// Starts this program again as `role`. It works in the folder, where nobody minds what it may
    /// drop.
    pub(crate) fn start(
        &self,
        role: &str,
        name: &str,
        more: Vec<OsString>,
        crash_at: Option<CrashAt>,
    ) -> Result<Child, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.args([role, "--url", &self.url, "--name", name, "--journals"]);
        command.arg(&self.journals).args(more).current_dir(&self.folder).stdin(Stdio::piped());
        if let Some(CrashAt { point, visit }) = crash_at {
            command.env("WINDLASS_CRASH_AT", format!("{point}:{visit}"));
        }
        let crash_point = crash_at.map(|at| at.point);
        Ok(Child { name: name.to_owned(), process: command.spawn()?, crash_point })
    }
}

/// Command line arguments for a child.
pub(crate) fn words<T: ToString>(args: &[T]) -> Vec<OsString> {
    args.iter().map(|word| word.to_string().into()).collect()
}

/// A running child. Dropping it closes its input, which tells it to stop.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: String,
    process: std::process::Child,
    crash_point: Option<&'static str>,
}

/// A visit of a crash point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CrashAt {
    pub(crate) point: &'static str,
    pub(crate) visit: u32,
}

impl CrashAt {
    /// A point that a child of this kind reaches.
    pub(crate) fn random(rng: &mut Rng, is_producer: bool) -> Self {
        let reached = |by_producer: bool| by_producer || !is_producer;
        let points = CRASH_POINTS.iter().filter(|(point, _)| *point != ELSEWHERE);
        let points = points.filter(|(_, by_producer)| reached(*by_producer));
        let points: Vec<&'static str> = points.map(|(point, _)| *point).collect();
        let point = points[rng.usize(..points.len())];
        let visit = if point == SELDOM { 1 } else { rng.u32(1..=VISIT_MAX) };
        Self { point, visit }
    }
}

/// How a child that was to die died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    Killed,
    AtPoint(&'static str),
}

impl Child {
    /// True when it is to end at a crash point.
    pub(crate) const fn is_doomed(&self) -> bool {
        self.crash_point.is_some()
    }

    /// Sends SIGKILL without waiting for the end.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Waits for a child that was killed and says what it died of.
    pub(crate) fn reap(mut self) -> Result<Death, Failure> {
        let status = self.process.wait()?;
        self.death(status)
    }

    fn death(&self, status: ExitStatus) -> Result<Death, Failure> {
        match (status.signal(), self.crash_point) {
            (Some(SIGKILL), _) => Ok(Death::Killed),
            (Some(SIGABRT), Some(point)) => Ok(Death::AtPoint(point)),
            _ => Err(format!("{} ended by itself: {status}", self.name).into()),
        }
    }

    /// Sends SIGTERM: the polite way to ask.
    pub(crate) fn terminate(&mut self) -> Result<(), Failure> {
        let kill = format!("kill -s TERM {}", self.process.id());
        let sent = Command::new("sh").args(["-c", &kill]).status()?;
        if sent.success() { Ok(()) } else { Err(format!("{} is gone", self.name).into()) }
    }

    /// Whether it has ended, by itself or at a crash point.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.process.try_wait()?.is_some())
    }

    /// Asks the child to stop and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        drop(self.process.stdin.take());
        self.finish(STOP_WITHIN)
    }

    /// Waits until the child has ended well; one that takes longer than `span` is killed.
    pub(crate) fn finish(mut self, span: Duration) -> Result<(), Failure> {
        match self.end_within(span)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{} did not end well: {status}", self.name).into()),
            None => {
                self.process.kill()?;
                self.process.wait()?;
                Err(format!("{} did not end within {span:?}", self.name).into())
            }
        }
    }

    /// Waits until the child has ended by itself, at most `span`.
    pub(crate) fn end_within(&mut self, span: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + span;
        loop {
            let status = self.process.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// In a child: ends when the coordinator lets go of the other end of the pipe, or is gone.
pub(crate) fn released() -> impl Future<Output = ()> {
    let (told, end) = oneshot::channel();
    thread::spawn(move || {
        // An unreadable input has ended too, and nobody may be waiting any more.
        io::copy(&mut stdin().lock(), &mut io::sink()).ok();
        told.send(()).ok();
    });
    async {
        // An error means that the thread has gone, after the same end.
        end.await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_crash_points_are_those_of_the_library() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../windlass/src");
        let mut found = BTreeSet::new();
        collect(&source, &mut found);

        let listed = CRASH_POINTS.iter().map(|(name, _)| (*name).to_owned());
        assert_eq!(found, listed.collect());
    }

    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for rest in text.split("crash_point!(\"").skip(1) {
                found.insert(rest.split('"').next().unwrap().to_owned());
            }
        }
    }
}
