//! What a call leaves behind that failed, or whose commit was in doubt.

use super::*;
use crate::store::driver::{Driver, Tx, Verb};
use crate::store::statements::Sql;
use crate::store::{mysql, postgres, verb};

/// Takes a delayed job and fails.
#[derive(Debug)]
struct TakesAndFails;

impl Verb for TakesAndFails {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let taken = tx.query(Sql::PromoteTake, &[i64::MAX.into(), 10_i64.into()]).await?;
        assert_eq!(taken.len(), 1);
        Err(Error::bug("as the test wanted"))
    }
}

/// Asks a claim whether it took effect.
#[derive(Debug)]
struct Asks(verb::Claim, Claims);

impl Verb for Asks {
    type Reply = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        self.0.landed(&self.1, tx).await
    }
}

async fn gives_back_what_it_took(ring: Ring, (one, two): (Node, Node), driver: impl Driver) {
    let later = mail().delay(Duration::from_secs(60));
    let job = one.enqueue(vec![later]).await[0];

    let failed = driver.write(TakesAndFails).await;

    assert!(matches!(failed, Err(Error::Bug { .. })), "{failed:?}");
    assert_eq!(one.state(job).await, State::Delayed);
    driver.close().await;
    drop(ring);
    one.check(two).await;
}

/// Both claims would have given the job the same epoch.
async fn knows_its_own_lease(ring: Ring, (one, two): (Node, Node), driver: impl Driver) {
    let served = || {
        let (queues, except_queues, kinds) = (Vec::new(), Vec::new(), Vec::new());
        Arc::new(Served { namespace: None, queues, except_queues, kinds, aging: None })
    };
    for (node, expected) in [(&one, false), (&two, true)] {
        one.enqueue(vec![mail()]).await;
        let claimed = Claims::Jobs { jobs: two.claim(1).await, more: false, next_at: None };
        let (worker, now, shared) = (node.worker.clone(), ring.now(), Arc::clone(driver.shared()));
        let claim = verb::Claim { worker, served: served(), limit: 1, turn: 0, now, shared };

        let landed = driver.write(Asks(claim, claimed)).await.unwrap();

        assert_eq!(landed, expected);
    }
    driver.close().await;
    one.check(two).await;
}

macro_rules! on_both {
    ($($name:ident: $behaviour:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            if let Some((ring, one, two)) = Ring::open(Backend::Postgres).await {
                let driver = postgres::open(&ring.url, &ring.clock, false).await.unwrap();
                $behaviour(ring, (one, two), driver).await;
            }
            if let Some((ring, one, two)) = Ring::open(Backend::Mysql).await {
                let driver = mysql::open(&ring.url, &ring.clock, false).await.unwrap();
                $behaviour(ring, (one, two), driver).await;
            }
        }
    )+};
}

on_both!(
    a_call_that_fails_gives_back_what_it_took: gives_back_what_it_took,
    a_claim_in_doubt_knows_its_own_lease: knows_its_own_lease,
);
