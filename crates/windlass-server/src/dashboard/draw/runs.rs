//! The latest jobs of a type, a bar each: how it ended and how long its last attempt took.

use std::fmt::Write as _;
use std::time::Duration;

use windlass::{JobId, RunRecord};

use crate::dashboard::text::{Safe, span};

/// Size of the drawing in its own units; the page scales it.
const WIDE: f64 = 600.0;
const TALL: f64 = 64.0;

/// The least part of the height that a bar has.
const LEAST: f64 = 0.06;

/// The newest at the right; `own` is marked. Bars grow with the logarithm of the time, as the slow ones would leave
/// nothing of the others.
pub(in crate::dashboard) fn runs(runs: &[RunRecord], own: JobId) -> Safe {
    let took = |run: &RunRecord| run.started_at.map(|from| run.finished_at.since(from));
    let tall = |took: Duration| (1.0 + took.as_secs_f64() * 1000.0).ln();
    let top = runs.iter().filter_map(took).map(tall).fold(f64::EPSILON, f64::max);
    let slots = u32::try_from(runs.len().max(20)).unwrap_or(u32::MAX);
    let each = WIDE / f64::from(slots);
    let mut svg = format!(
        r#"<svg class="runs" viewBox="0 0 {WIDE} {TALL}" preserveAspectRatio="none" role="img" aria-label="{}">"#,
        summary(runs)
    );
    let mut x = WIDE;
    for run in runs {
        x -= each;
        let share = took(run).map_or(LEAST, |took| (tall(took) / top).max(LEAST));
        let height = (TALL - 2.0) * share;
        let (y, width, state) = (TALL - height, each * 0.8, run.state);
        let mark = if run.job == own { " own" } else { "" };
        let told = took(run).map_or_else(|| "never tried".to_owned(), span);
        let job = run.job;
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            r#"<rect class="b-{state}{mark}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"><title>{job}: {state}, {told}</title></rect>"#
        );
    }
    svg.push_str("</svg>");
    Safe(svg)
}

/// The same in a sentence.
pub(in crate::dashboard) fn summary(runs: &[RunRecord]) -> String {
    let ended = runs.len();
    let completed = runs.iter().filter(|run| run.state == windlass::State::Completed).count();
    let times = runs.iter().filter_map(|run| Some(run.finished_at.since(run.started_at?)));
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied();
    let median = middle.map(|took| format!("; median {}", span(took))).unwrap_or_default();
    format!("{completed} of the latest {ended} completed{median}")
}

#[cfg(test)]
mod tests {
    use windlass::{NewJob, Queue};

    use super::*;

    #[tokio::test]
    async fn each_run_is_a_bar_and_all_of_them_a_sentence() {
        let queue = Queue::open("memory:").await.unwrap();
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(queue.enqueue_new(NewJob::new("a", "1")).await.unwrap().id());
        }
        for id in &ids {
            queue.cancel(*id, None).await.unwrap();
        }
        let ended = queue.latest_runs("a", 2).await.unwrap();

        let drawn = runs(&ended, ids[2]).0;

        assert_eq!(drawn.matches("<rect").count(), 2);
        assert_eq!(drawn.matches("b-cancelled own").count(), 1);
        assert_eq!(summary(&ended), "0 of the latest 2 completed");
        assert!(runs(&[], ids[0]).0.ends_with("\"></svg>"));
    }
}
