//! Trace context: handed from whoever enqueues to the handler, and on to what that enqueues.

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, JobError, JobFilter, Queue, State, TraceContext};
use windlass_testkit::{Harness, every_backend};

use crate::gate::Gate;

every_backend!(a_trace_is_handed_to_the_handler_and_its_follow_ups, the_current_trace_is_taken);

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Serialize, Deserialize, Job)]
struct Ship;

async fn charge(_: Vec<u8>, ctx: Ctx<Gate>) -> Result<Vec<u8>, JobError> {
    let trace = ctx.info().trace();
    let state = trace.as_ref().and_then(TraceContext::tracestate).unwrap_or("none").to_owned();
    ctx.state().note(trace.map(|trace| trace.traceparent().to_owned()).unwrap_or_default());
    ctx.state().note(state);
    ctx.enqueue(Ship).await?;
    Ok(Vec::new())
}

async fn a_trace_is_handed_to_the_handler_and_its_follow_ups(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).handle_raw("charge", charge);
    let worker = worker.start().await.expect("a worker");
    let trace = TraceContext::new(PARENT, Some("a=1")).expect("valid");

    let id = t.job("charge").with(|job| job.trace(&trace)).await;
    t.reaches(id, State::Completed).await;

    assert_eq!(gate.notes(), [PARENT, "a=1"]);
    let page = t.queue.list(JobFilter::new().kind("ship")).await.expect("a page");
    assert_eq!(page.jobs[0].metadata, t.get(id).await.metadata);
    worker.stop().await;
}

async fn the_current_trace_is_taken(t: &Harness) {
    if !t.is_shared() {
        // Another handle on the same database is needed.
        return;
    }
    let queue = Queue::builder().clock(t.clock.clone());
    let queue = queue.trace_from(|| TraceContext::new(PARENT, None)).open(t.url()).await;
    let queue = queue.expect("the same database");
    let other = TraceContext::new(&PARENT.replace("4bf9", "4bf8"), None).expect("valid");

    let taken = queue.enqueue(Ship).await.expect("a job").id();
    let own = queue.enqueue(Ship).trace(&other).await.expect("a job").id();
    let none = t.queue.enqueue(Ship).await.expect("a job").id();

    assert_eq!(t.get(taken).await.metadata["traceparent"], PARENT);
    assert_eq!(t.get(own).await.metadata["traceparent"], other.traceparent());
    assert!(t.get(none).await.metadata.is_empty());
    queue.close().await;
}
