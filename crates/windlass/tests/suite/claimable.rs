//! Claimable is what nothing is in the way of (D4): in random situations a claim takes exactly the jobs that
//! explain finds no blocker for.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use windlass::testing::TestWorker;
use windlass::{Dependency, JobId, Limit, NewJob, PauseOptions, PauseScope, State};
use windlass_testkit::{Harness, every_backend};

every_backend!(a_claim_takes_exactly_what_nothing_is_in_the_way_of);

/// Jobs of one situation, and situations.
const JOBS: usize = 25;
const SEEDS: u64 = 4;

const QUEUES: [&str; 3] = ["default", "a", "b"];

/// The last one has no handler.
const KINDS: [&str; 3] = ["mail", "other", "nobody"];

const MINUTE: Duration = Duration::from_secs(60);

async fn a_claim_takes_exactly_what_nothing_is_in_the_way_of(t: &Harness) {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let namespace = format!("seed-{seed}");
        t.queue.create_namespace(&namespace).await.expect("a namespace");
        let queue = t.queue.in_namespace(&namespace).expect("a name");
        for (name, limit) in [("few", Limit::concurrency(2)), ("row", Limit::ordered())] {
            queue.set_limit(name, limit, None).await.expect("a limit");
        }
        let echo = async |payload, _| windlass::Ok(payload);
        let worker = queue.worker().handle_raw("mail", echo).handle_raw("other", echo);
        let mut worker = TestWorker::new(worker).await.expect("a worker");

        let mut jobs = Vec::new();
        for round in 0..3 {
            for _ in 0..JOBS {
                let job = random_job(&mut rng, &jobs, t);
                jobs.push(queue.enqueue_new(job).await.expect("stored").id());
            }
            disturb(&queue, &mut rng, &jobs, t).await;
            for _ in 0..rng.usize(..4) {
                worker.run_next().await.expect("a run");
            }
            worker.catch_up().await.expect("caught up");

            let expected = unhindered(&queue, &jobs).await;
            let mut claimed = BTreeSet::new();
            while let Some(job) = worker.crash_before_next().await.expect("a claim") {
                claimed.insert(job.id);
            }

            // Of jobs that share a limit, the first ones are in the way of the others.
            assert!(claimed.is_subset(&expected), "seed {seed}, round {round}: {claimed:?}");
            if round == 2 {
                let left = unhindered(&queue, &jobs).await;
                assert!(left.is_empty(), "seed {seed}: {left:?} of {expected:?}");
            }
            t.advance(MINUTE * 2);
        }
    }
}

fn random_job(rng: &mut Rng, earlier: &[JobId], t: &Harness) -> NewJob {
    let now = t.clock.now();
    let mut job = NewJob::new(KINDS[rng.usize(..KINDS.len())], "1")
        .queue(QUEUES[rng.usize(..QUEUES.len())])
        .priority(windlass::Priority::new(rng.i64(0..=9)).expect("a priority"))
        .max_crashes(100);
    if rng.u8(..3) == 0 {
        job = job.concurrency_key(["few:a", "few:b", "row:a", "free:a"][rng.usize(..4)]);
    }
    if rng.u8(..4) == 0 {
        job = job.delay(MINUTE * rng.u32(..4));
    }
    if rng.u8(..8) == 0 {
        job = job.start_by(now + MINUTE);
    }
    if rng.u8(..4) == 0 && !earlier.is_empty() {
        let on = Dependency::on(earlier[rng.usize(..earlier.len())]);
        job = job.depends_on(match rng.u8(..3) {
            0 => on,
            1 => on.any_end(),
            _ => on.ignore_failure(),
        });
    }
    job
}

/// What people do meanwhile.
async fn disturb(queue: &windlass::Queue, rng: &mut Rng, jobs: &[JobId], t: &Harness) {
    for _ in 0..5 {
        let job = jobs[rng.usize(..jobs.len())];
        // Refused where it cannot be done: any answer is a situation.
        match rng.u8(..3) {
            0 => drop(queue.cancel(job, None).await),
            1 => drop(queue.retry(job, windlass::RetryOptions::default()).await),
            _ => {
                let edit = windlass::JobEdit::new().queue(QUEUES[rng.usize(..QUEUES.len())]);
                drop(queue.edit(job, edit).await);
            }
        }
    }
    let (name, kind) = (QUEUES[rng.usize(..QUEUES.len())], KINDS[rng.usize(..KINDS.len())]);
    let scope = match rng.u8(..3) {
        0 => PauseScope::Queue(name.to_owned()),
        1 => PauseScope::Kind(kind.to_owned()),
        _ => PauseScope::KindInQueue { queue: name.to_owned(), kind: kind.to_owned() },
    };
    let until = rng.bool().then(|| t.clock.now() + MINUTE);
    if rng.bool() {
        let pause = PauseOptions { until, ..PauseOptions::default() };
        drop(queue.pause(scope, pause).await);
    } else {
        drop(queue.resume(scope).await);
    }
}

async fn unhindered(queue: &windlass::Queue, jobs: &[JobId]) -> BTreeSet<JobId> {
    let mut unhindered = BTreeSet::new();
    for job in jobs {
        let explanation = queue.explain(*job).await.expect("an explanation");
        if explanation.blockers.is_empty() {
            assert_eq!(queue.get(*job).await.expect("a job").state, State::Pending);
            unhindered.insert(*job);
        }
    }
    unhindered
}
