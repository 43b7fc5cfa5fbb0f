//! Rates of ours and of the floor, measured in turn: what the machine does besides meets both.

use std::time::Duration;

use windlass::Queue;

use super::ServerOptions;
use super::floor::{self, Floor};
use super::scratch::Scratch;
use crate::Bench;
use crate::drain::{Pace, drain as drain_ours};
use crate::enqueue::{bulk, concurrent};
use crate::report::{Figures, median};

/// Concurrent callers, and connections of the floor.
const CALLERS: usize = 16;

/// Batches of claims and of the floor.
const BATCHES: [usize; 2] = [100, 500];

/// Rates by name, until their medians are taken.
#[derive(Default)]
struct Rounds(Vec<(String, Vec<f64>)>);

impl Rounds {
    fn add(&mut self, name: String, rate: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, rates)) => rates.push(rate),
            None => self.0.push((name, vec![rate])),
        }
    }

    fn report(self, figures: &mut Figures) {
        for (name, mut rates) in self.0 {
            figures.set(&name, median(&mut rates));
        }
    }
}

/// One caller, 16 callers, and batches of 100.
pub(crate) async fn enqueue<F: Floor>(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("enqueue: one caller, 16 callers, batches of 100, and the floor of each in turn");
    let queue = Queue::open(&scratch.url()).await?;
    let (few, jobs) = (options.jobs / 40, options.jobs / 4);
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds {
        let ours = concurrent(&queue, 1, few).await?;
        rounds.add("enqueue_single".to_owned(), ours);
        let bare = floor::concurrent::<F>(scratch, 1, few).await?;
        rounds.add("floor.enqueue_single".to_owned(), bare);
        floor::empty::<F>(scratch, 500, false).await?;
        let ours = concurrent(&queue, CALLERS, jobs).await?;
        rounds.add(format!("enqueue_concurrent_{CALLERS}"), ours);
        let bare = floor::concurrent::<F>(scratch, CALLERS, jobs).await?;
        rounds.add(format!("floor.enqueue_concurrent_{CALLERS}"), bare);
        floor::empty::<F>(scratch, 500, false).await?;
        let ours = bulk(&queue, "noop", options.jobs, 100, Duration::ZERO).await?;
        rounds.add("enqueue_bulk_100".to_owned(), ours);
        let bare = floor::fill::<F>(scratch, options.jobs, 100).await?;
        rounds.add("floor.enqueue_bulk_100".to_owned(), bare);
        floor::empty::<F>(scratch, 500, false).await?;
        let all = few + jobs / CALLERS * CALLERS + options.jobs / 100 * 100;
        drain_ours(&queue, all, Pace::FULL).await?;
    }
    rounds.report(figures);
    for name in ["enqueue_single", "enqueue_concurrent_16", "enqueue_bulk_100"] {
        figures.ratio(name, name, &format!("floor.{name}"));
    }
    queue.close().await;
    Ok(())
}

/// A worker that empties the queue, history kept, against two loops that keep nothing.
pub(crate) async fn drain<F: Floor>(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("drain in batches of 100 and 500, and two floors of each in turn");
    let queue = Queue::open(&scratch.url()).await?;
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds {
        for batch in BATCHES {
            bulk(&queue, "noop", options.jobs, 100, Duration::ZERO).await?;
            let ours = drain_ours(&queue, options.jobs, Pace::of(batch)).await?;
            rounds.add(format!("drain_{batch}"), ours);
            for (name, in_two) in [("drain", false), ("drain_in_two", true)] {
                floor::fill::<F>(scratch, options.jobs, 100).await?;
                let bare = floor::empty::<F>(scratch, batch, in_two).await?;
                rounds.add(format!("floor.{name}_{batch}"), bare);
            }
        }
    }
    rounds.report(figures);
    for batch in BATCHES {
        let ours = format!("drain_{batch}");
        figures.ratio(&ours, &ours, &format!("floor.{ours}"));
        let in_two = format!("drain_in_two_{batch}");
        figures.ratio(&in_two, &ours, &format!("floor.{in_two}"));
    }
    queue.close().await;
    Ok(())
}
