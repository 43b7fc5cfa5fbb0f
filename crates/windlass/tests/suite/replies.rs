//! Requests that may be sent again: carried out once, answered alike.

use std::time::Duration;

use windlass::{Error, KeptReply, NewJob, Opened, Request};
use windlass_testkit::{Harness, every_backend};

every_backend!(
    a_request_is_answered_as_it_was_the_first_time,
    a_request_that_took_no_effect_may_come_again,
    a_request_that_took_effect_is_never_carried_out_again,
    a_request_that_somebody_left_is_taken_over,
    answers_are_forgotten_after_a_day,
);

fn reply() -> KeptReply {
    KeptReply { status: 201, head: "{}".to_owned(), body: Some(vec![0, 255]) }
}

async fn open(t: &Harness, content: &str) -> Result<Opened, Error> {
    t.queue.open_request("k", &[content.as_bytes()]).await
}

async fn new(t: &Harness, content: &str) -> Request {
    match open(t, content).await {
        Ok(Opened::New(request)) => request,
        other => panic!("it is not new: {other:?}"),
    }
}

fn code(opened: Result<Opened, Error>) -> &'static str {
    match opened {
        Err(Error::Conflict { code, .. }) => code,
        other => panic!("no conflict: {other:?}"),
    }
}

async fn a_request_is_answered_as_it_was_the_first_time(t: &Harness) {
    let first = new(t, "a").await;
    assert_eq!(code(open(t, "a").await), "conflict");
    assert_eq!(code(open(t, "b").await), "idempotency_mismatch");

    first.answer(async { (Some(reply()), ()) }).await;

    let Ok(Opened::Answered(again)) = open(t, "a").await else { panic!("it was answered") };
    assert_eq!(again, reply());
    assert_eq!(code(open(t, "b").await), "idempotency_mismatch");
    t.queue.create_namespace("other").await.expect("a namespace");
    let elsewhere = t.queue.in_namespace("other").expect("a name");
    let elsewhere = elsewhere.open_request("k", &[b"b"]).await.expect("another namespace");
    assert!(matches!(elsewhere, Opened::New(_)));
}

async fn a_request_that_took_no_effect_may_come_again(t: &Harness) {
    let queue = t.queue.clone();
    let failed = new(t, "a").await;
    failed
        .answer(async move {
            (
                None,
                queue.cancel("812".parse::<windlass::JobId>().expect("an id"), None).await.is_err(),
            )
        })
        .await;

    drop(new(t, "b").await);
}

async fn a_request_that_took_effect_is_never_carried_out_again(t: &Harness) {
    let queue = t.queue.clone();
    let request = new(t, "a").await;
    let stored = request.answer(async move {
        let stored = queue.enqueue_new(NewJob::new("mail", "1")).await;
        (None, stored.expect("stored").id())
    });
    let id = stored.await;

    t.advance(Duration::from_secs(3600));

    assert_eq!(code(open(t, "a").await), "conflict");
    t.queue.get(id).await.expect("the job");
}

async fn a_request_that_somebody_left_is_taken_over(t: &Harness) {
    let left = new(t, "a").await;
    t.advance(Duration::from_secs(61));

    let taken = new(t, "a").await;
    left.answer(async { (Some(KeptReply { status: 500, ..reply() }), ()) }).await;
    assert_eq!(code(open(t, "a").await), "conflict");
    taken.answer(async { (Some(reply()), ()) }).await;

    let Ok(Opened::Answered(again)) = open(t, "a").await else { panic!("it was answered") };
    assert_eq!(again.status, 201);
}

async fn answers_are_forgotten_after_a_day(t: &Harness) {
    new(t, "a").await.answer(async { (Some(reply()), ()) }).await;
    t.advance(Duration::from_secs(24 * 3600 + 1));

    let worker = t.queue.worker().handle_raw("x", async |_, _| windlass::Ok(Vec::new()));
    let worker = worker.start().await.expect("a worker");
    worker.stop().await;

    drop(new(t, "b").await);
}
