//! Runs a command for a job: payload on stdin, result on stdout, outcome by exit code.
//!
//! Invariant: when this has ended, or is dropped, no process of the command's group is left.

mod group;
mod output;
pub(crate) mod shim;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use windlass::{Clock, Ctx, JobError, LogLevel};

use self::group::Group;
use self::output::Output;

/// How long a command may take to end after TERM. Shorter than the 5 s after which a worker that stops, or
/// has lost its lease, no longer waits for handlers.
const KILL_GRACE: Duration = Duration::from_secs(3);

/// How long output is read on when the command has ended: only a process that left the group can keep it open.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// Exit codes of sysexits.h: nobody can process this input; try again later.
const PERMANENT: i32 = 65;
const RETRY: i32 = 75;

/// Variables of the worker that a command gets to see; besides them those that begin with `LC_`.
const ENVIRONMENT: [&str; 7] = ["HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

/// A job, as its command sees it.
#[derive(Debug)]
struct Assignment {
    id: String,
    kind: String,
    queue: String,
    attempt: u32,
    payload: Vec<u8>,
    /// Time until the attempt has timed out.
    time_left: Duration,
}

/// How a command ended, and the last lines of its stderr.
#[derive(Debug)]
struct Finished {
    end: End,
    lines: Vec<String>,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// With this result.
    Completed(Vec<u8>),
    /// Try again.
    Failed(String),
    /// No attempt can succeed.
    Permanent(String),
    /// It was stopped because its time was over.
    TimedOut,
}

/// Why a command was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Asked,
    Late,
    TooMuch,
}

/// Runs `argv` as the handler of a job.
pub(crate) async fn handle(
    argv: &[String],
    payload: Vec<u8>,
    ctx: &Ctx,
) -> windlass::Result<Vec<u8>> {
    let info = ctx.info();
    let job = Assignment {
        id: info.id.to_string(),
        kind: info.kind.to_string(),
        queue: info.queue.to_string(),
        attempt: info.attempt,
        payload,
        time_left: ctx.deadline().since(Clock::system().now()),
    };
    let finished = run(argv, job, &ctx.cancellation()).await;
    for line in finished.lines {
        ctx.log(LogLevel::Info, line);
    }
    match finished.end {
        End::Completed(result) => Ok(result),
        End::Failed(why) => Err(why.into()),
        End::Permanent(why) => Err(JobError::permanent(why)),
        // The worker times the attempt out itself, any moment now, and says so.
        End::TimedOut => std::future::pending().await,
    }
}

/// Runs `argv`, without a shell, until it ends or `stop` or its time ends it.
async fn run(argv: &[String], job: Assignment, stop: &CancellationToken) -> Finished {
    let mut child = match spawn(argv, &job) {
        Ok(child) => child,
        Err(error) => {
            let end = End::Failed(format!("the command cannot be started: {error}"));
            return Finished { end, lines: Vec::new() };
        }
    };
    let mut group = Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut output = Output::default();
    let (too_much, ended) = (CancellationToken::new(), CancellationToken::new());
    let reading = async {
        tokio::select! {
            () = output.collect((stdin, job.payload), stdout, stderr, &too_much) => {}
            () = async { ended.cancelled().await; sleep(OUTPUT_GRACE).await } => {}
        }
    };
    let running = async {
        let ended_by = supervise(&mut child, &group, (stop, &too_much), job.time_left).await;
        group.sweep();
        ended.cancel();
        ended_by
    };
    let ((told, status), ()) = tokio::join!(running, reading);
    Finished { end: end_of(told, status, &mut output), lines: output.lines() }
}

fn spawn(argv: &[String], job: &Assignment) -> io::Result<Child> {
    let mut command = Command::new(shim::program()?);
    command.args(shim::arguments()).args(argv).env_clear();
    let is_seen = |name: &str| ENVIRONMENT.contains(&name) || name.starts_with("LC_");
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_seen)));
    command
        .env("WINDLASS_JOB_ID", &job.id)
        .env("WINDLASS_JOB_TYPE", &job.kind)
        .env("WINDLASS_JOB_QUEUE", &job.queue)
        .env("WINDLASS_JOB_ATTEMPT", job.attempt.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Waits for the end of the command, and brings it about when it is to stop.
async fn supervise(
    child: &mut Child,
    group: &Group,
    (stop, too_much): (&CancellationToken, &CancellationToken),
    time_left: Duration,
) -> (Told, io::Result<ExitStatus>) {
    // A command that heeds TERM is gone when its time is over, and so is one that does not.
    let warning = KILL_GRACE.min(time_left / 10);
    let told = tokio::select! {
        biased;
        status = child.wait() => return (Told::Nothing, status),
        () = too_much.cancelled() => Told::TooMuch,
        () = stop.cancelled() => Told::Asked,
        () = sleep(time_left.saturating_sub(warning)) => Told::Late,
    };
    group.terminate();
    let grace = if told == Told::Late { warning / 2 } else { KILL_GRACE };
    if let Ok(status) = timeout(grace, child.wait()).await {
        return (told, status);
    }
    group.kill();
    (told, child.wait().await)
}

fn end_of(told: Told, status: io::Result<ExitStatus>, output: &mut Output) -> End {
    let status = match status {
        Ok(status) => status,
        Err(error) => return End::Failed(format!("the command was lost sight of: {error}")),
    };
    let said = || output.last_words();
    match (told, status.code()) {
        // Once more would write as much again.
        _ if output.is_too_much() => End::Permanent(output::too_much()),
        (_, Some(0)) => End::Completed(output.take_result()),
        (Told::Late, _) => End::TimedOut,
        (Told::Asked, _) => End::Failed(format!("stopped as asked ({status}){}", said())),
        (Told::Nothing, Some(PERMANENT)) => End::Permanent(format!("{status}{}", said())),
        (Told::Nothing, Some(RETRY)) => {
            End::Failed(format!("{status}, to be tried again{}", said()))
        }
        (Told::Nothing | Told::TooMuch, _) => End::Failed(format!("{status}{}", said())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_result_that_is_too_large_is_so_whether_or_not_the_command_has_ended() {
        let ended = || Ok(ExitStatus::from_raw(0));
        let end = |told, bytes| end_of(told, ended(), &mut Output::of(vec![b'1'; bytes]));

        assert_eq!(end(Told::Nothing, 1 << 20), End::Completed(vec![b'1'; 1 << 20]));
        for told in [Told::Nothing, Told::TooMuch, Told::Asked, Told::Late] {
            assert_eq!(end(told, (1 << 20) + 1), End::Permanent(output::too_much()));
        }
    }
}
