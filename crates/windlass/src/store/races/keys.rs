//! Keys while two processes come for them: slots that come back under a claim, and one unique key stored twice.

use super::*;
use crate::Limit;
use crate::job::QueueSettings;
use crate::store::Expected;

both_servers!(a_slot_that_comes_back_while_a_claim_looks, one_key_in_two_open_transactions);

/// The claim stands at the queue's own limit, with the lock of admission, while the first job comes back.
async fn a_slot_that_comes_back_while_a_claim_looks(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    one.store.put_limit(&one.namespace, "k", Limit::concurrency(1), None).await.unwrap();
    let settings = QueueSettings { concurrency: Some(10), ..QueueSettings::default() };
    one.store.put_queue(&one.namespace, "default", settings, Expected::Any).await.unwrap();
    let keyed = || mail().concurrency_key("k");
    let first = one.enqueue(vec![keyed()]).await[0];
    let held = one.claim(1).await;
    one.enqueue(vec![keyed()]).await;
    ring.shut("select * from {t}bucket for update").await;

    let looking = async { two.claim(10).await };
    let coming_back = async {
        ring.until_waiting(1).await;
        one.settle(vec![settle(&held[0].run, Ending::Release, ring.now(), 0.0)]).await;
        ring.lift().await;
    };
    let (claimed, ()) = tokio::join!(looking, coming_back);

    assert_eq!(claimed.iter().map(|it| it.run.job).collect::<Vec<_>>(), [first]);
    // Its slot is the lease's alone: it can come back once more, and be claimed again.
    let back = settle(&claimed[0].run, Ending::Release, ring.now(), 0.0);
    assert!(matches!(two.settle(vec![back]).await[0], Settled::Applied(State::Pending)));
    let again = one.claim(10).await;
    assert_eq!(again.iter().map(|it| it.run.job).collect::<Vec<_>>(), [first]);
    one.check(two).await;
}

/// The second one waits for the first, whose job it cannot have seen when it began.
async fn one_key_in_two_open_transactions(backend: Backend) {
    let Some((mut ring, one, two)) = Ring::open(backend).await else { return };
    let tables = Admin::tables(&ring.url);
    let arguments = r#"'default', 'mail', '1', '{"unique_key":"bob"}'"#;
    let store = match backend {
        Backend::Mysql => format!("call {tables}enqueue({arguments}, @id)"),
        _ => format!("select {tables}enqueue({arguments})"),
    };
    let mut other = Admin::connect(backend, &ring.url).await;
    ring.shut(&store).await;

    let second = async { other.run(&store).await };
    let first = async {
        ring.until_waiting(1).await;
        ring.gate.run("commit").await;
    };
    tokio::join!(second, first);

    assert_eq!(one.claim(10).await.len(), 1);
    one.check(two).await;
}
