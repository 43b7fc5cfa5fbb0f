//! One process is held up in the middle of a transaction, at a row or key that the test has taken, while
//! another one comes for the same job. Nothing here depends on how fast anybody is.

use super::*;
use crate::store::RetryOptions;

/// Rounds of a race without a gate.
const ROUNDS: usize = 10;

both_servers!(
    claim_and_claim,
    a_claim_passes_rows_that_another_one_holds,
    a_claim_before_a_cancel,
    a_cancel_before_a_claim,
    a_settle_before_a_cancel,
    a_forced_cancel_before_a_settle,
    a_settle_before_a_rescue,
    a_rescue_before_a_settle,
    a_rescue_before_a_rescue,
    a_retry_before_a_promote,
    retry_and_promote,
    promote_and_promote,
    two_node_leases,
);

/// Holds up whoever writes the end of `job`.
fn outcome_of(job: JobId) -> String {
    format!(
        "insert into {{t}}outcome (job_id, state, epoch, attempt, crashes, snoozes, finished_at) \
         values ({}, 4, 1, 0, 0, 0, 1)",
        job.as_i64()
    )
}

/// Holds up whoever keeps the first attempt of `job`.
fn attempt_of(job: JobId) -> String {
    format!(
        "insert into {{t}}attempt (job_id, epoch, attempt, finished_at, class) \
         values ({}, 1, 1, 1, 'retryable')",
        job.as_i64()
    )
}

/// Holds up whoever gives `job` to a worker.
fn lease_of(job: JobId) -> String {
    format!(
        "insert into {{t}}lease (job_id, worker_id, claimed_at, queue_id, kind_id, epoch, attempt, \
         crashes, snoozes, priority) values ({}, 1, 1, 1, 1, 1, 1, 0, 0, 2)",
        job.as_i64()
    )
}

async fn claim_and_claim(backend: Backend) {
    let Some((ring, one, two)) = Ring::open(backend).await else { return };
    for _ in 0..ROUNDS {
        let mut all = one.enqueue(vec![mail(); 8]).await;

        let (a, b) = tokio::join!(one.claim(8), two.claim(8));
        let c = one.claim(8).await;

        let mut claimed: Vec<JobId> =
            [&a, &b, &c].into_iter().flatten().map(|c| c.run.job).collect();
        claimed.sort_unstable();
        all.sort_unstable();
        assert_eq!(claimed, all, "{} and {} and {}", a.len(), b.len(), c.len());
        for (node, jobs) in [(&one, a), (&two, b), (&one, c)] {
            let items = jobs.iter().map(|job| complete(job, ring.now())).collect();
            let settled = node.settle(items).await;
            assert!(settled.iter().all(|status| matches!(status, Settled::Applied(_))));
        }
    }
    one.check(two).await;
}

async fn a_claim_passes_rows_that_another_one_holds(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let jobs = one.enqueue(vec![mail(); 4]).await;
    let ids = format!("{}, {}", jobs[0].as_i64(), jobs[1].as_i64());
    let (first, last) = (jobs[2], jobs[3]);
    ring.shut(&format!("select * from {{t}}ready where seq in ({ids}) for update")).await;

    let passed = two.claim(10).await;
    let none = one.claim(10).await;
    ring.lift().await;
    let rest = one.claim(10).await;

    let ids = |claimed: &[Claimed]| claimed.iter().map(|c| c.run.job).collect::<Vec<_>>();
    assert_eq!((ids(&passed), ids(&none)), (vec![first, last], Vec::new()));
    assert_eq!(ids(&rest), jobs[..2]);
    one.check(two).await;
}

async fn a_claim_before_a_cancel(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail()]).await[0];
    ring.shut(&lease_of(job)).await;

    let (claimed, cancelled) = tokio::join!(one.claim(1), async {
        ring.until_waiting(1).await;
        let (cancelled, ()) = tokio::join!(two.cancel(job, false), async {
            ring.until_waiting(2).await;
            ring.lift().await;
        });
        cancelled
    });

    assert_eq!((claimed.len(), cancelled.unwrap()), (1, State::Running));
    let record = one.store.get(&one.namespace, vec![job]).await.unwrap().remove(0);
    assert_eq!(record.reason, Some(crate::Reason::Cancelling));
    one.check(two).await;
}

async fn a_cancel_before_a_claim(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail()]).await[0];
    ring.shut(&outcome_of(job)).await;

    let (cancelled, claimed) = tokio::join!(one.cancel(job, false), async {
        ring.until_waiting(1).await;
        let claimed = two.claim(1).await;
        ring.lift().await;
        claimed
    });

    assert_eq!((cancelled.unwrap(), claimed.len()), (State::Cancelled, 0));
    assert_eq!(two.claim(1).await.len(), 0);
    one.check(two).await;
}

async fn a_settle_before_a_cancel(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail()]).await[0];
    let claimed = one.claim(1).await;
    ring.shut(&outcome_of(job)).await;
    let settling = one.settle(vec![complete(&claimed[0], ring.now())]);

    let (settled, cancelled) = tokio::join!(settling, async {
        ring.until_waiting(1).await;
        let (cancelled, ()) = tokio::join!(two.cancel(job, false), async {
            ring.until_waiting(2).await;
            ring.lift().await;
        });
        cancelled
    });

    assert_eq!(settled, [Settled::Applied(State::Completed)]);
    assert!(matches!(cancelled, Err(Error::Conflict { .. })), "{cancelled:?}");
    one.check(two).await;
}

async fn a_forced_cancel_before_a_settle(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail()]).await[0];
    let claimed = one.claim(1).await;
    ring.shut(&outcome_of(job)).await;
    let item = complete(&claimed[0], ring.now());

    let (cancelled, settled) = tokio::join!(two.cancel(job, true), async {
        ring.until_waiting(1).await;
        let (settled, ()) = tokio::join!(one.settle(vec![item]), async {
            ring.until_waiting(2).await;
            ring.lift().await;
        });
        settled
    });

    assert_eq!((cancelled.unwrap(), settled), (State::Cancelled, vec![Settled::Lost]));
    assert_eq!(one.state(job).await, State::Cancelled);
    one.check(two).await;
}

async fn a_settle_before_a_rescue(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail()]).await[0];
    let claimed = one.claim(1).await;
    ring.clock.advance(LEASE * 2);
    ring.shut(&attempt_of(job)).await;
    let item = fail(&claimed[0], ring.now());

    let (settled, rescued) = tokio::join!(one.settle(vec![item]), async {
        ring.until_waiting(1).await;
        rescue_beside(&mut ring, &two, backend).await
    });

    assert_eq!((settled, rescued), (vec![Settled::Applied(State::Retrying)], 0));
    assert_eq!(one.state(job).await, State::Retrying);
    one.check(two).await;
}

async fn a_rescue_before_a_settle(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail()]).await[0];
    let claimed = one.claim(1).await;
    ring.clock.advance(LEASE * 2);
    ring.shut(&attempt_of(job)).await;
    let item = complete(&claimed[0], ring.now());

    let (rescued, settled) = tokio::join!(two.store.rescue(10), async {
        ring.until_waiting(1).await;
        let (settled, ()) = tokio::join!(one.settle(vec![item]), async {
            ring.until_waiting(2).await;
            ring.lift().await;
        });
        settled
    });

    assert_eq!((rescued.unwrap(), settled), (1, vec![Settled::Lost]));
    assert_eq!(one.state(job).await, State::Pending);
    one.check(two).await;
}

async fn a_rescue_before_a_rescue(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail()]).await[0];
    one.claim(1).await;
    ring.clock.advance(LEASE * 2);
    ring.shut(&attempt_of(job)).await;

    let (first, second) = tokio::join!(one.store.rescue(10), async {
        ring.until_waiting(1).await;
        rescue_beside(&mut ring, &two, backend).await
    });

    assert_eq!((first.unwrap(), second), (1, 0));
    let record = one.store.get(&one.namespace, vec![job]).await.unwrap().remove(0);
    assert_eq!((record.state, record.crashes), (State::Pending, 1));
    one.check(two).await;
}

/// Rescues while another call holds the lease and the gate is shut, then lifts the gate. PostgreSQL
/// passes what is held; MariaDB cannot tell the lease from the rows beside it, and waits.
async fn rescue_beside(ring: &mut Ring, node: &Node, backend: Backend) -> usize {
    if backend == Backend::Postgres {
        let rescued = node.store.rescue(10).await.unwrap();
        ring.lift().await;
        return rescued;
    }
    let (rescued, ()) = tokio::join!(node.store.rescue(10), async {
        ring.until_waiting(2).await;
        ring.lift().await;
    });
    rescued.unwrap()
}

async fn a_retry_before_a_promote(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let job = one.enqueue(vec![mail().delay(Duration::from_secs(5))]).await[0];
    ring.clock.advance(Duration::from_secs(10));
    let id = job.as_i64();
    ring.shut(&format!("select id from {{t}}job where id = {id} for update")).await;
    let retrying = one.store.retry(&one.namespace, job.into(), RetryOptions::default());

    let (retried, promoted) = tokio::join!(retrying, async {
        ring.until_waiting(1).await;
        let promoted = two.store.promote(10).await.unwrap();
        ring.lift().await;
        promoted
    });

    assert_eq!((retried.unwrap().state, promoted.count), (State::Pending, 0));
    assert_eq!(two.claim(10).await.len(), 1);
    one.check(two).await;
}

async fn retry_and_promote(backend: Backend) {
    let Some((ring, one, two)) = Ring::open(backend).await else { return };
    for _ in 0..ROUNDS {
        let job = one.enqueue(vec![mail().delay(Duration::from_secs(5))]).await[0];
        ring.clock.advance(Duration::from_secs(6));

        let (retried, promoted) = tokio::join!(
            one.store.retry(&one.namespace, job.into(), RetryOptions::default()),
            two.store.promote(10),
        );

        match (retried, promoted.unwrap().count) {
            (Ok(job), 0) => assert_eq!(job.state, State::Pending),
            (Err(Error::Conflict { .. }), 1) => {}
            other => panic!("{other:?}"),
        }
        let claimed = two.claim(10).await;
        assert_eq!(claimed.len(), 1);
        one.store.heartbeat(&one.worker, Some(LEASE)).await.unwrap();
        two.store.heartbeat(&two.worker, Some(LEASE)).await.unwrap();
    }
    one.check(two).await;
}

async fn promote_and_promote(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let jobs = one.enqueue(vec![mail().delay(Duration::from_secs(5)); 30]).await;
    ring.clock.advance(Duration::from_secs(6));
    let id = jobs[0].as_i64();
    ring.shut(&format!("select job_id from {{t}}delayed where job_id = {id} for update")).await;

    let (a, b) = tokio::join!(one.store.promote(20), two.store.promote(20));
    ring.lift().await;
    let (a, b) = (a.unwrap().count, b.unwrap().count);
    let rest =
        one.store.promote(20).await.unwrap().count + two.store.promote(20).await.unwrap().count;

    assert!(a + b <= 29 && a + b + rest == 30, "{a} and {b} and {rest}");
    assert_eq!(one.claim(100).await.len(), 30);
    one.check(two).await;
}

async fn two_node_leases(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let (three, four) = {
        let open = || super::super::open(&ring.url, ring.clock.clone(), true);
        (open().await.unwrap(), open().await.unwrap())
    };
    ring.shut("insert into {t}node (n, holder, expires_at) values (3, 1, 9000000000000000000)")
        .await;

    let (a, b, ()) = tokio::join!(register(&*three), register(&*four), async {
        ring.until_waiting(2).await;
        ring.lift().await;
    });

    assert_ne!(a.id, b.id);
    let sql = format!("select count(distinct holder) from {}node", Admin::tables(&ring.url));
    assert_eq!(ring.eyes.numbers(&sql).await, [4]);
    three.close().await;
    four.close().await;
    one.check(two).await;
}
