//! Handlers of bytes: one for every kind, and one that has its own queue.

use windlass::{Ctx, Error, State};
use windlass_testkit::{Harness, every_backend};

every_backend!(
    a_handler_of_every_kind_runs_them_all,
    a_handler_of_every_kind_stands_alone,
    a_handler_with_a_queue_takes_its_jobs_from_there_only,
);

async fn tell_kind(_: Vec<u8>, ctx: Ctx) -> windlass::Result<Vec<u8>> {
    Ok(format!("\"{}\"", ctx.info().kind).into_bytes())
}

async fn a_handler_of_every_kind_runs_them_all(t: &Harness) {
    let before = t.job("mail").await;
    let worker = t.queue.worker().handle_any(tell_kind).start().await.expect("a worker");
    let after = t.job("made-later").with(|job| job.queue("other")).await;

    let before = t.reaches(before, State::Completed).await;
    let after = t.reaches(after, State::Completed).await;

    assert_eq!(before.result.as_deref(), Some(&br#""mail""#[..]));
    assert_eq!(after.result.as_deref(), Some(&br#""made-later""#[..]));
    worker.stop().await;
}

async fn a_handler_of_every_kind_stands_alone(t: &Harness) {
    let worker = t.queue.worker().handle_any(tell_kind).handle_raw("mail", tell_kind);

    let refused = worker.start().await.expect_err("two handlers for mail");

    assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
    assert!(refused.to_string().contains("of every kind"), "{refused}");
}

async fn a_handler_with_a_queue_takes_its_jobs_from_there_only(t: &Harness) {
    let worker = t.queue.worker().queues(["default"]).handle_raw("mail", tell_kind);
    let worker = worker.handle_raw_with("resize", tell_kind, |it| it.queue("media").concurrency(1));
    let left = t.job("resize").await;
    let other = t.job("mail").with(|job| job.queue("media")).await;

    let worker = worker.start().await.expect("a worker");
    let own = t.job("resize").with(|job| job.queue("media")).await;
    let mail = t.job("mail").await;

    t.reaches(own, State::Completed).await;
    t.reaches(mail, State::Completed).await;
    assert_eq!(t.get(left).await.state, State::Pending);
    assert_eq!(t.get(other).await.state, State::Pending);
    worker.stop().await;
}
