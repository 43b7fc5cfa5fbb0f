//! A schedule that ticks every second while everything around it is killed: each tick becomes one job.
//!
//! It lives in a namespace of its own, where nobody runs the jobs, so that the journals need not know them.

use std::collections::BTreeMap;

use windlass::{CatchUp, Error, JobFilter, JobId, NewJob, Queue, Schedule};

use crate::Failure;
use crate::reconcile::{Fault, Finding};

const NAMESPACE: &str = "ticks";
const SCHEDULE: &str = "secondly";

/// Jobs read in one go; the most that a page holds.
const PAGE: usize = 500;

const SECOND_US: i64 = 1_000_000;

/// Makes the schedule, unless another child has.
pub(crate) async fn declare(queue: &Queue) -> Result<(), Error> {
    already(queue.create_namespace(NAMESPACE).await)?;
    let schedule = Schedule::cron("* * * * * *").catch_up(CatchUp::All(1000));
    let schedule = schedule.job(NewJob::new("tick", "null"));
    already(queue.in_namespace(NAMESPACE)?.create_schedule(SCHEDULE, schedule).await)
}

fn already<T>(made: Result<T, Error>) -> Result<(), Error> {
    match made {
        Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Every tick that is missing between the first and the last, or has two jobs.
pub(crate) async fn check(queue: &Queue) -> Result<Vec<Finding>, Failure> {
    let inside = queue.in_namespace(NAMESPACE)?;
    let mut jobs: BTreeMap<i64, Vec<JobId>> = BTreeMap::new();
    let mut filter = JobFilter::new().oldest_first().limit(PAGE);
    loop {
        let page = match inside.list(filter).await {
            // No worker came as far as that.
            Err(Error::NotFound { .. }) => return Ok(Vec::new()),
            page => page?,
        };
        for job in page.jobs {
            let tick = job.schedule.map_or(0, |of| of.tick.as_micros() / SECOND_US);
            jobs.entry(tick).or_default().push(job.id);
        }
        let Some(cursor) = page.next_cursor else { break };
        filter = JobFilter::new().oldest_first().limit(PAGE).after(cursor);
    }
    Ok(findings(&jobs))
}

fn findings(jobs: &BTreeMap<i64, Vec<JobId>>) -> Vec<Finding> {
    let ticks = jobs.first_key_value().zip(jobs.last_key_value());
    let Some(((first, _), (last, _))) = ticks else { return Vec::new() };
    let find = |fault, about| Finding { fault, about, lines: Vec::new() };
    let mut found = Vec::new();
    for tick in *first..=*last {
        match jobs.get(&tick).map_or(&[][..], Vec::as_slice) {
            [] => found.push(find(Fault::Lost, format!("tick {tick} has no job"))),
            [_] => {}
            more => found.push(find(Fault::Double, format!("tick {tick} has the jobs {more:?}"))),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_without_a_job_and_one_with_two_are_found() {
        let job = |id: &str| id.parse::<JobId>().unwrap();
        let mut jobs = BTreeMap::from([(7, vec![job("1")]), (8, vec![job("2")])]);
        assert!(findings(&jobs).is_empty() && findings(&BTreeMap::new()).is_empty());

        jobs.insert(10, vec![job("3"), job("4")]);

        let found: Vec<Fault> = findings(&jobs).iter().map(|finding| finding.fault).collect();
        assert_eq!(found, [Fault::Lost, Fault::Double]);
    }
}
