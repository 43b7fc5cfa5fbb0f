//! Layers around handlers, what an undecodable payload means, panics, and every class of error.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, JobError, NewJob, Outcome, Reason, State, Undecodable};
use windlass_testkit::{Harness, every_backend};

use crate::gate::Gate;

every_backend!(
    layers_run_from_the_outside_in_and_see_the_outcome,
    a_layer_can_stand_in_for_its_handler,
    a_panic_in_a_layer_is_a_failed_attempt_and_told,
    an_undecodable_payload_follows_the_policy_of_its_handler,
    a_handler_reaches_every_class_of_error,
);

#[derive(Serialize, Deserialize, Job)]
struct Greet {
    name: String,
}

async fn greet(job: Greet, ctx: Ctx<Gate>) -> windlass::Result<()> {
    ctx.state().note(format!("greet {}", job.name));
    if job.name.is_empty() {
        return Err(JobError::permanent("nobody there"));
    }
    Ok(())
}

async fn layers_run_from_the_outside_in_and_see_the_outcome(t: &Harness) {
    let gate = Gate::new();
    let [outer, inner, own] = ["outer", "inner", "own"].map(|name| (name, gate.clone()));
    let worker = t.queue.worker().state(gate.clone());
    let worker = [outer, inner].into_iter().fold(worker, |worker, (name, gate)| {
        worker.wrap(move |info, next| {
            let gate = gate.clone();
            async move {
                gate.note(format!("{name} {}", info.kind));
                let outcome = next.run().await;
                gate.note(format!("{name} {}", if outcome.is_ok() { "ok" } else { "error" }));
                outcome
            }
        })
    });
    let worker = worker.handle_with(greet, |options| {
        options.wrap(move |_, next| {
            let gate = own.1.clone();
            async move {
                let outcome = next.run().await;
                let error =
                    outcome.as_ref().err().map(|error| format!("{} {error}", error.class()));
                gate.note(error.unwrap_or_default());
                outcome
            }
        })
    });
    let worker = worker.start().await.expect("a worker");

    let job = t.queue.enqueue(Greet { name: String::new() }).await.expect("a job");
    t.reaches(job.id(), State::Failed).await;

    let notes = [
        "outer greet",
        "inner greet",
        "greet ",
        "permanent nobody there",
        "inner error",
        "outer error",
    ];
    assert_eq!(gate.notes(), notes);
    worker.stop().await;
}

async fn a_layer_can_stand_in_for_its_handler(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).handle(greet);
    let worker = worker.wrap(async |info, next| {
        if info.tags.contains_key("skip") {
            return Ok(Outcome::Complete(Some(b"\"skipped\"".to_vec())));
        }
        next.run().await?;
        Ok(Outcome::cancel("once is enough"))
    });
    let worker = worker.start().await.expect("a worker");

    let skipped = t.queue.enqueue(Greet { name: "a".into() }).tag("skip", "1");
    let skipped = t.reaches(skipped.await.expect("a job").id(), State::Completed).await;
    let changed = t.queue.enqueue(Greet { name: "b".into() }).await.expect("a job");
    let changed = t.reaches(changed.id(), State::Cancelled).await;

    assert_eq!(skipped.result.as_deref(), Some(&b"\"skipped\""[..]));
    assert_eq!(changed.last_error.as_deref(), Some("once is enough"));
    assert_eq!(gate.notes(), ["greet b"]);
    worker.stop().await;
}

async fn a_panic_in_a_layer_is_a_failed_attempt_and_told(t: &Harness) {
    let (gate, told) = (Gate::new(), Gate::new());
    let tell = told.clone();
    let worker = t.queue.worker().state(gate.clone()).handle(greet);
    let worker = worker.wrap(async |_, next| {
        drop(next);
        panic!("in a layer")
    });
    let worker = worker.on_panic(move |info, message, backtrace| {
        tell.note(format!("{} {message} {}", info.kind, backtrace.is_some()));
        panic!("in a hook")
    });
    let worker = worker.start().await.expect("a worker");

    let job = t.queue.enqueue(Greet { name: "a".into() }).await.expect("a job");
    t.reaches(job.id(), State::Retrying).await;

    assert_eq!(told.notes(), ["greet the handler panicked: in a layer true"]);
    assert_eq!(t.queue.attempts(job.id()).await.expect("attempts")[0].class, "panic");
    assert!(gate.notes().is_empty());
    worker.stop().await;
}

async fn an_undecodable_payload_follows_the_policy_of_its_handler(t: &Harness) {
    let cases = [
        (Undecodable::DeadLetter, State::DeadLetter, Some(Reason::Undecodable)),
        (Undecodable::Retry, State::Retrying, Some(Reason::Backoff)),
        (Undecodable::Cancel, State::Cancelled, Some(Reason::Handler)),
    ];
    for (policy, state, reason) in cases {
        let worker = t.queue.worker().state(Gate::new());
        let worker = worker.handle_with(greet, |options| options.undecodable(policy));
        let worker = worker.start().await.expect("a worker");

        let job = t.reaches(t.enqueue(NewJob::new("greet", r#"{"who":1}"#)).await, state).await;

        assert_eq!(job.reason, reason);
        assert!(job.last_error.expect("an error").contains("missing field `name`"));
        worker.stop().await;
    }
}

async fn a_handler_reaches_every_class_of_error(t: &Harness) {
    const WAIT: Duration = Duration::from_secs(60);
    let worker = t.queue.worker().handle_raw("mail", async |payload: Vec<u8>, _| {
        Err::<Vec<u8>, _>(match payload.as_slice() {
            b"permanent" => JobError::permanent("no"),
            b"cancel" => JobError::cancel("no"),
            b"snooze" => JobError::snooze(WAIT),
            b"retry_after" => JobError::retry_after(WAIT, "no"),
            b"rate_limited" => JobError::rate_limited(WAIT),
            b"undecodable" => JobError::undecodable("no"),
            _ => "no".into(),
        })
    });
    let worker = worker.start().await.expect("a worker");
    let expected = [
        ("permanent", State::Failed, Reason::Permanent, 1),
        ("cancel", State::Cancelled, Reason::Handler, 1),
        ("snooze", State::Delayed, Reason::Snoozed, 0),
        ("retry_after", State::Retrying, Reason::Backoff, 1),
        ("rate_limited", State::Delayed, Reason::RateLimited, 0),
        ("undecodable", State::DeadLetter, Reason::Undecodable, 1),
        ("retryable", State::Retrying, Reason::Backoff, 1),
    ];

    for (class, state, reason, attempt) in expected {
        let job = t.reaches(t.enqueue(NewJob::new("mail", class)).await, state).await;

        assert_eq!((job.reason, job.attempt), (Some(reason), attempt), "{class}");
        let waits = job.scheduled_at.map(|at| at.since(t.clock.now()));
        let asked = ["snooze", "retry_after", "rate_limited"].contains(&class);
        assert_eq!(waits == Some(WAIT), asked, "{class}");
    }
    worker.stop().await;
}
