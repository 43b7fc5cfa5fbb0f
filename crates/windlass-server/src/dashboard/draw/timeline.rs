//! The life of a job as a row of stretches: waits, attempts, the end.
//!
//! Stretches are as wide as the order of magnitude of their time, or a run of milliseconds would vanish beside a
//! wait of an hour; each says how long it took.

use std::fmt::Write as _;
use std::time::Duration;

use windlass::{AttemptRecord, JobRecord, State, Timestamp};

use super::escaped;
use crate::dashboard::text::{Safe, span};

const TALL: u32 = 84;

/// Attempts that are drawn; of more, the first and the last.
const FIRST: usize = 3;
const LAST: usize = 6;

struct Stretch {
    class: &'static str,
    label: String,
    took: Option<Duration>,
    title: String,
}

/// Draws it.
pub(in crate::dashboard) fn timeline(job: &JobRecord, attempts: &[AttemptRecord]) -> Safe {
    let stretches = stretches(job, attempts);
    let mut body = String::new();
    let mut x = 10;
    for stretch in &stretches {
        let wide = width(stretch.took, stretch.label.chars().count());
        let (label, title, class) =
            (escaped(&stretch.label), escaped(&stretch.title), stretch.class);
        let took = stretch.took.map(span).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(
            body,
            r#"<g class="t-{class}"><title>{title}</title><rect x="{x}" y="30" width="{wide}" height="20" rx="4"/><text x="{}" y="22">{label}</text><text class="took" x="{}" y="66">{took}</text></g>"#,
            x + 2,
            x + 2
        );
        x += wide + 4;
    }
    let _ = write!(
        body,
        r#"<g class="t-end s-{0}"><circle cx="{1}" cy="40" r="9"/><text x="{2}" y="44">{3}</text></g>"#,
        job.state,
        x + 12,
        x + 28,
        job.state.as_str().replace('_', " ")
    );
    let wide = x + 130;
    let told: Vec<String> = stretches.iter().map(|it| escaped(&it.title)).collect();
    Safe(format!(
        r#"<div class="scroll" tabindex="0" role="region" aria-label="Timeline"><svg class="timeline" viewBox="0 0 {wide} {TALL}" width="{wide}" height="{TALL}" role="img" aria-label="{}; now {}">{body}</svg></div>"#,
        told.join("; "),
        job.state
    ))
}

fn stretches(job: &JobRecord, attempts: &[AttemptRecord]) -> Vec<Stretch> {
    let mut found = Vec::new();
    let mut cursor = job.created_at;
    let shown = |index: usize| index < FIRST || index + LAST >= attempts.len();
    let mut is_left_out = false;
    for (index, attempt) in attempts.iter().enumerate() {
        let Some(started) = attempt.started_at else { continue };
        if !shown(index) {
            if !std::mem::replace(&mut is_left_out, true) {
                let n = attempts.len() - FIRST - LAST;
                let (label, title) = (format!("... {n}"), format!("{n} more attempts"));
                found.push(Stretch { class: "gap", label, took: None, title });
            }
            cursor = attempt.finished_at.unwrap_or(started);
            continue;
        }
        found.push(wait(if index == 0 { "waited" } else { "backoff" }, cursor, started));
        found.push(run(attempt, started));
        cursor = attempt.finished_at.unwrap_or(started);
    }
    let rests = match (job.state, job.completed_at) {
        (State::Running, _) => None,
        (_, Some(end)) => Some(wait("waited", cursor, end)).filter(|it| it.took > Some(SHORT)),
        (state, None) => {
            let class = if state == State::Pending { "pending" } else { "delayed" };
            let took = job.scheduled_at.filter(|at| *at > cursor).map(|at| at.since(cursor));
            let label = if took.is_some() { "due in all" } else { "waiting" }.to_owned();
            Some(Stretch { class, title: format!("waiting since {cursor}"), label, took })
        }
    };
    found.extend(rests);
    found
}

/// Waits that are not worth a stretch at the end.
const SHORT: Duration = Duration::from_millis(1);

fn wait(label: &str, from: Timestamp, until: Timestamp) -> Stretch {
    let took = until.since(from);
    let title = format!("{label} {} from {from}", span(took));
    Stretch { class: "wait", label: label.to_owned(), took: Some(took), title }
}

fn run(attempt: &AttemptRecord, started: Timestamp) -> Stretch {
    let took = attempt.finished_at.map(|end| end.since(started));
    let class = match attempt.class.as_str() {
        "running" => "running",
        "completed" => "completed",
        _ => "failed",
    };
    let worker = attempt.worker.as_deref().unwrap_or("a worker");
    let title =
        format!("attempt {} by {worker}: {} from {started}", attempt.attempt, attempt.class);
    Stretch { class, label: format!("#{} {}", attempt.attempt, attempt.class), took, title }
}

/// Wider by the same for each tenfold time, and wide enough for its label.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a width between 10 and a few hundred"
)]
fn width(took: Option<Duration>, label_chars: usize) -> u32 {
    let millis = took.unwrap_or_default().as_secs_f64() * 1000.0;
    let by_time = 10 + (14.0 * (1.0 + millis).log10()).clamp(0.0, 140.0) as u32;
    let by_label = u32::try_from(label_chars).unwrap_or(40).min(40) * 7 + 10;
    by_time.max(by_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_grow_with_the_order_of_magnitude() {
        let of = |ms| width(Some(Duration::from_millis(ms)), 1);

        assert!(of(10) < of(10_000) && of(10_000) < of(100_000_000));
        assert!(of(u64::MAX / 2) <= 150);
        assert_eq!(width(None, 10), 80);
    }
}
