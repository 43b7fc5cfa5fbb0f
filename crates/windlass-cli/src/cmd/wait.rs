//! The wait of `windlass submit --wait` and `windlass jobs wait`.

use std::time::Duration;

use windlass::JobId;

use crate::client::Target;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format, Object};

/// Waits for a job, prints it, and fails unless it completed.
pub(crate) async fn wait_for(
    target: &Target,
    id: JobId,
    timeout: Duration,
    format: Format,
) -> Result<(), Failure> {
    let job = tokio::select! {
        job = target.wait(id, timeout) => job?,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(Exit::Interrupted, format!("stopped waiting for job {id}"))
                .hint(format!("it goes on; wait again with `windlass jobs wait {id}`")));
        }
    };
    output::job(format, &job)?;
    if job.text("state") == "completed" { Ok(()) } else { Err(not_completed(id, &job)) }
}

fn not_completed(id: JobId, job: &Object) -> Failure {
    let mut message = format!("job {id} ended {}", job.text("state"));
    for (before, member, after) in [(" (", "reason", ")"), (": ", "last_error", "")] {
        let text = job.text(member);
        if !text.is_empty() {
            message.push_str(&format!("{before}{text}{after}"));
        }
    }
    Failure::new(Exit::NotCompleted, message)
}
