//! Steps of schedules, done to the store and to the model.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reference::Reference;
use super::steps::{Player, new_job};
use super::ticking::PLANS;
use crate::job::{JobId, PauseOptions, Schedule, TickEnd, TickRecord, Timestamp};
use crate::store::{Expected, QueuePage};

/// More ticks than a sequence has.
const ALL: usize = 10_000;

impl Player {
    pub(super) async fn make_schedules(&self) {
        for plan in &PLANS {
            let schedule =
                Schedule::every(plan.every).overlap(plan.overlap).catch_up(plan.catch_up);
            let schedule = schedule.job(new_job(&plan.job()));
            let made = self.store.put_schedule(&self.namespace, plan.name, schedule, Expected::New);
            made.await.unwrap();
        }
    }

    pub(super) async fn fire(&mut self, model: &mut Reference) {
        self.store.fire(PLANS.len(), &std::sync::Arc::default()).await.unwrap();
        let mut jobs = Vec::new();
        let mut history = Vec::new();
        for plan in &PLANS {
            history.push(self.history(plan.name).await);
        }
        for (index, tick) in model.fire() {
            let made = history[index].get(&tick).and_then(|record| record.job);
            let job = made.unwrap_or_else(|| panic!("no job of {} at {tick}", PLANS[index].name));
            jobs.push((job, index, tick));
        }
        let in_order =
            |pair: &[(JobId, usize, Timestamp)]| pair[0].1 != pair[1].1 || pair[0].0 < pair[1].0;
        assert!(jobs.windows(2).all(in_order), "the order of ticks: {jobs:?}");
        // Schedules that are due at the same time take turns as the store likes.
        jobs.sort_unstable();
        for (job, index, tick) in jobs {
            model.ticked(index, tick, (TickEnd::Fired, job));
        }
        self.compare_schedules(model, &history).await;
        self.forget_lost(model);
    }

    pub(super) async fn trigger(&self, model: &mut Reference, index: usize) {
        let job = self.store.trigger(&self.namespace, PLANS[index].name).await.unwrap();
        model.ticked(index, model.trigger(index), (TickEnd::Triggered, job));
    }

    /// Pauses a schedule for so many seconds, or without an end, or none: it goes on.
    pub(super) async fn pause_schedule(
        &self,
        model: &mut Reference,
        index: usize,
        seconds: Option<Option<u64>>,
    ) {
        let end = |span: u64| self.clock.now() + Duration::from_secs(span);
        let pause = seconds.map(|span| span.map(end));
        let options = pause.map(|until| PauseOptions { until, ..PauseOptions::default() });
        let paused = self.store.pause_schedule(&self.namespace, PLANS[index].name, options);
        paused.await.unwrap();
        model.pause_schedule(index, pause);
    }

    async fn history(&self, name: &str) -> BTreeMap<Timestamp, TickRecord> {
        let ticks = self.store.ticks(&self.namespace, name, None, ALL).await.unwrap();
        ticks.into_iter().map(|record| (record.tick, record)).collect()
    }

    async fn compare_schedules(
        &self,
        model: &Reference,
        history: &[BTreeMap<Timestamp, TickRecord>],
    ) {
        let page = QueuePage { only: None, after: String::new(), limit: ALL };
        let records = self.store.schedules(&self.namespace, page).await.unwrap();
        for ((plan, expected), ticks) in PLANS.iter().zip(&model.schedules).zip(history) {
            // The job of a tick is forgotten with the job.
            let kept = |id: JobId| model.jobs().contains_key(&id).then_some(id);
            let ends = ticks.iter().map(|(tick, record)| (*tick, record.end, record.job));
            let wanted = expected.history.iter();
            let wanted = wanted.map(|(tick, (end, job))| (*tick, *end, job.and_then(kept)));
            assert!(ends.eq(wanted), "{}: {ticks:#?}, not {:#?}", plan.name, expected.history);
            let record = records.iter().find(|record| record.name == plan.name);
            let next = record.and_then(|record| record.next_tick);
            assert_eq!(next, Some(expected.next), "the next tick of {}", plan.name);
        }
    }
}
