//! `windlass submit --follow`: what becomes of a job, told on stderr until it has ended.
//!
//! Invariant: only what the job is at its end goes to stdout, as with `--wait`.

use std::time::{Duration, Instant};

use windlass::JobId;

use crate::client::Target;
use crate::cmd::wait::wait_for;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format, Object};

/// How often a job that goes on is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was told so far.
#[derive(Debug, Default)]
struct Told {
    state: String,
    progress: String,
    lines: usize,
    /// Whoever may store jobs need not be allowed to read their logs.
    has_no_logs: bool,
}

/// Follows a job, prints it at its end, and fails unless it completed.
pub(crate) async fn follow(
    target: &Target,
    id: JobId,
    timeout: Duration,
    format: Format,
) -> Result<(), Failure> {
    let (started, mut told) = (Instant::now(), Told::default());
    loop {
        match target.get(id).await {
            Ok(job) => {
                told.tell(target, id, &job).await;
                if is_ended(&job) {
                    break;
                }
            }
            // A server that restarts: the wait below knows how long to put up with it.
            Err(failure) if failure.exit == Exit::Unreachable => {}
            Err(failure) => return Err(failure),
        }
        let left = timeout.saturating_sub(started.elapsed());
        if left.is_zero() {
            break;
        }
        let look = tokio::select! {
            look = target.wait(id, left.min(LOOK_EVERY)) => look,
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::new(Exit::Interrupted, format!("stopped following job {id}"))
                    .hint(format!("it goes on; wait for it with `windlass jobs wait {id}`")));
            }
        };
        if let Err(failure) = look
            && failure.exit != Exit::Timeout
        {
            return Err(failure);
        }
    }
    wait_for(target, id, timeout.saturating_sub(started.elapsed()), format).await
}

fn is_ended(job: &Object) -> bool {
    let state = job.text("state").parse::<windlass::State>();
    state.is_ok_and(windlass::State::is_terminal)
}

impl Told {
    /// Says what is new.
    async fn tell(&mut self, target: &Target, id: JobId, job: &Object) {
        if !self.has_no_logs {
            match target.logs(id).await {
                Ok(logs) => self.lines(&logs),
                Err(failure) => self.has_no_logs = failure.exit == Exit::Auth,
            }
        }
        let state = match job.text("reason").as_str() {
            "" => job.text("state"),
            reason => format!("{} ({reason})", job.text("state")),
        };
        if state != self.state {
            let attempt = job.text("attempt");
            let counted =
                if attempt == "0" { String::new() } else { format!(", attempt {attempt}") };
            output::say(&format!("job {id} is {state}{counted}"));
            self.state = state;
        }
        let progress = match (job.text("progress").as_str(), job.text("progress_message")) {
            ("0" | "0.0" | "", _) => String::new(),
            (percent, message) => format!("{percent} % {message}").trim_end().to_owned(),
        };
        if progress != self.progress && !progress.is_empty() {
            output::say(&progress.replace(char::is_control, " "));
        }
        self.progress = progress;
    }

    fn lines(&mut self, logs: &Object) {
        let lines = logs.objects("lines").unwrap_or_default();
        for line in lines.iter().skip(self.lines) {
            let text = line.text("text").replace(char::is_control, " ");
            output::say(&format!("{}: {text}", line.text("level")));
        }
        self.lines = self.lines.max(lines.len());
    }
}
