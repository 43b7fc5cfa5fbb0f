//! Workflows (F2): a whole graph stored at once, run in order, read, cancelled, retried.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{
    BundleState, Ctx, Error, Flow, Job, JobFilter, JobId, JobRecord, NewJob, Node, Operation,
    Reason, RetryOptions, State, WorkflowId, WorkflowRecord,
};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_diamond_runs_in_order_and_completes,
    children_may_be_named_before_their_parents,
    a_cycle_is_refused_and_nothing_is_stored,
    what_the_store_refuses_names_the_node,
    a_failing_node_fails_its_descendants,
    a_node_may_run_although_another_failed,
    a_workflow_is_submitted_once_under_a_key,
    a_workflow_says_how_many_nodes_are_where,
    workflows_are_listed_newest_first,
    cancelling_ends_every_node_that_has_not_ended,
    a_running_node_is_asked_to_stop,
    retrying_runs_what_failed_and_what_it_held_up,
    retrying_one_node_reopens_what_it_ended,
    retrying_many_jobs_reopens_what_they_ended,
    a_node_that_another_holds_up_is_not_retried_alone,
    a_retried_node_fails_again_and_is_retried_again,
    a_node_that_waits_again_keeps_its_history,
    children_read_what_their_parents_returned,
    nodes_are_listed_by_state,
    a_deleted_node_is_no_member_any_more,
    a_workflow_goes_with_its_last_job,
    nodes_are_kept_until_their_workflow_has_ended,
    a_worker_that_comes_later_finds_the_ends,
    ten_thousand_nodes_are_one_transaction,
    a_namespace_is_deleted_with_its_workflows,
);

const NOTHING: [Node; 0] = [];

fn mail() -> NewJob {
    NewJob::new("mail", "1")
}

/// a, then b and c, then d.
fn diamond() -> Flow {
    let mut flow = Flow::new("diamond");
    let a = flow.add_new("a", mail(), NOTHING);
    let b = flow.add_new("b", mail(), [a]);
    let c = flow.add_new("c", mail(), [a]);
    flow.add_new("d", mail(), [b, c]);
    flow
}

async fn start(t: &Harness, flow: Flow) -> WorkflowId {
    t.queue.start(flow).await.expect("a workflow").id()
}

async fn nodes(t: &Harness, id: WorkflowId) -> BTreeMap<String, JobRecord> {
    let filter = JobFilter::new().workflow(id).oldest_first().limit(500);
    let page = t.queue.list(filter).await.expect("a list");
    page.jobs.into_iter().map(|job| (job.node.clone().expect("a name"), job)).collect()
}

async fn ids(t: &Harness, id: WorkflowId) -> BTreeMap<String, JobId> {
    nodes(t, id).await.into_iter().map(|(name, job)| (name, job.id)).collect()
}

async fn ended(t: &Harness, id: WorkflowId) -> WorkflowRecord {
    t.until("the workflow has ended", async || {
        let workflow = t.queue.workflow(id).await.expect("a workflow");
        workflow.state.is_terminal().then_some(workflow)
    })
    .await
}

fn end_of(job: &JobRecord) -> (State, Option<Reason>) {
    (job.state, job.reason)
}

fn first_pointer(error: &Error) -> &str {
    let Error::Invalid(broken) = error else { panic!("{error}") };
    &broken[0].pointer
}

async fn a_diamond_runs_in_order_and_completes(t: &Harness) {
    let script = Script::completing();
    let worker = t.start(&script).await;

    let id = start(t, diamond()).await;
    let workflow = ended(t, id).await;

    let names: BTreeMap<JobId, String> =
        ids(t, id).await.into_iter().map(|(name, id)| (id, name)).collect();
    let order: Vec<&str> = script.order().iter().map(|job| names[job].as_str()).collect();
    assert_eq!(order, ["a", "b", "c", "d"]);
    assert_eq!(workflow.state, BundleState::Completed);
    assert_eq!((workflow.total(), workflow.counts[&State::Completed]), (4, 4));
    assert!(workflow.completed_at.is_some());
    worker.stop().await;
}

async fn children_may_be_named_before_their_parents(t: &Harness) {
    let mut flow = Flow::new("backwards");
    let last = flow.add_new("last", mail(), NOTHING);
    let first = flow.add_new("first", mail(), NOTHING);
    flow.put_after(last, [first]);
    let worker = t.start(&Script::completing()).await;

    let id = start(t, flow).await;
    ended(t, id).await;

    let nodes = nodes(t, id).await;
    assert!(nodes["first"].id < nodes["last"].id);
    assert_eq!(nodes["last"].depends_on, [windlass::Dependency::on(nodes["first"].id)]);
    worker.stop().await;
}

async fn a_cycle_is_refused_and_nothing_is_stored(t: &Harness) {
    let mut flow = diamond();
    let (a, d) = (flow.node("a").expect("a node"), flow.node("d").expect("a node"));
    flow.put_after(a, [d]);

    let refused = t.queue.start(flow).await.expect_err("a cycle");

    assert!(refused.to_string().contains("closes a cycle: b -> d -> a -> b"), "{refused}");
    assert!(t.queue.list(JobFilter::new()).await.expect("a list").jobs.is_empty());
    assert!(t.queue.workflows(None, None, 10).await.expect("a list").is_empty());
}

async fn what_the_store_refuses_names_the_node(t: &Harness) {
    let unknown: JobId = "4611686018427387904".parse().expect("an id");
    let mut flow = Flow::new("waits");
    let last = flow.add_new("x", mail(), NOTHING);
    flow.add_new("y", mail().after(unknown), [last]);

    let refused = t.queue.start(flow).await.expect_err("an unknown job");

    assert_eq!(first_pointer(&refused), "/nodes/1/depends_on/0");
    assert!(t.queue.workflows(None, None, 10).await.expect("a list").is_empty());
}

async fn a_failing_node_fails_its_descendants(t: &Harness) {
    let worker = t.start(&Script::new([Act::Complete("1"), Act::FailForGood("no")])).await;

    let id = start(t, diamond()).await;
    let workflow = ended(t, id).await;

    let nodes = nodes(t, id).await;
    assert_eq!(end_of(&nodes["b"]), (State::Failed, Some(Reason::Permanent)));
    assert_eq!(end_of(&nodes["c"]), (State::Completed, None));
    assert_eq!(end_of(&nodes["d"]), (State::Failed, Some(Reason::Dependency)));
    assert_eq!(workflow.state, BundleState::Failed);
    assert_eq!((workflow.counts[&State::Completed], workflow.counts[&State::Failed]), (2, 2));
    worker.stop().await;
}

async fn a_node_may_run_although_another_failed(t: &Harness) {
    let worker = t.start(&Script::new([Act::FailForGood("no")])).await;
    let mut flow = Flow::new("clean up");
    let work = flow.add_new("work", mail(), NOTHING);
    flow.add_new("tidy", mail(), [work.any_end()]);
    flow.add_new("anyway", mail(), [work.ignore_failure()]);

    let id = start(t, flow).await;
    let workflow = ended(t, id).await;

    let nodes = nodes(t, id).await;
    assert_eq!((nodes["tidy"].state, nodes["anyway"].state), (State::Completed, State::Completed));
    assert_eq!(workflow.state, BundleState::Failed);
    worker.stop().await;
}

async fn a_workflow_is_submitted_once_under_a_key(t: &Harness) {
    let flow = || diamond().idempotency_key("order-42");
    let mut other = flow();
    other.add_new("e", mail(), NOTHING);

    let first = t.queue.start(flow()).await.expect("a workflow");
    let second = t.queue.start(flow()).await.expect("the same");
    let refused = t.queue.start(other).await.expect_err("another one");

    assert!(first.is_new() && !second.is_new() && first.id() == second.id());
    let is_mismatch = matches!(refused, Error::Conflict { code: "idempotency_mismatch", .. });
    assert!(is_mismatch, "{refused}");
    assert_eq!(t.queue.list(JobFilter::new()).await.expect("a list").jobs.len(), 4);
}

async fn a_workflow_says_how_many_nodes_are_where(t: &Harness) {
    let mut flow = diamond();
    flow.add_new("later", mail().delay(Duration::from_secs(60)), NOTHING);
    let script = Script::new([Act::Wait]);
    let id = start(t, flow).await;
    let worker = t.start(&script).await;
    script.started(1).await;

    let workflow = t.queue.workflow(id).await.expect("a workflow");

    let counts = [(State::Pending, 3), (State::Delayed, 1), (State::Running, 1)];
    script.release();
    assert_eq!(workflow.counts, BTreeMap::from(counts));
    assert_eq!(workflow.state, BundleState::Running);
    worker.stop().await;
}

async fn workflows_are_listed_newest_first(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let first = start(t, diamond()).await;
    ended(t, first).await;
    let mut late = Flow::new("late");
    late.add_new("x", mail().delay(Duration::from_secs(60)), NOTHING);
    let second = start(t, late).await;
    let list = async |before, state| {
        let found = t.queue.workflows(before, state, 10).await.expect("a list");
        found.into_iter().map(|workflow| workflow.id).collect::<Vec<_>>()
    };

    assert_eq!(list(None, None).await, [second, first]);
    assert_eq!(list(Some(second), None).await, [first]);
    assert_eq!(list(None, Some(BundleState::Running)).await, [second]);
    assert_eq!(list(None, Some(BundleState::Completed)).await, [first]);
    t.queue.create_namespace("other").await.expect("a namespace");
    let other = t.queue.in_namespace("other").expect("a name");
    assert!(matches!(other.workflow(first).await, Err(Error::NotFound { .. })));
    worker.stop().await;
}

async fn cancelling_ends_every_node_that_has_not_ended(t: &Harness) {
    let mut flow = Flow::new("wide");
    let first = flow.add_new("first", mail().delay(Duration::from_secs(60)), NOTHING);
    for n in 0..300 {
        flow.add_new(format!("n{n}"), mail(), [first]);
    }
    let id = start(t, flow).await;

    t.queue.cancel_workflow(id, Some("not needed")).await.expect("cancelled");

    let worker = t.start(&Script::completing()).await;
    let workflow = ended(t, id).await;
    assert_eq!(workflow.state, BundleState::Cancelled);
    assert_eq!(workflow.counts[&State::Cancelled], 301);
    let first = &nodes(t, id).await["first"];
    assert_eq!(first.last_error.as_deref(), Some("not needed"));
    let again = t.queue.cancel_workflow(id, None).await.expect_err("it has ended");
    assert!(matches!(again, Error::Conflict { .. }), "{again}");
    worker.stop().await;
}

async fn a_running_node_is_asked_to_stop(t: &Harness) {
    let script = Script::new([Act::WaitForStop]);
    let worker = t.start(&script).await;
    let id = start(t, diamond()).await;
    script.started(1).await;

    t.queue.cancel_workflow(id, None).await.expect("cancelled");

    let step = Duration::from_secs(1);
    t.until_after("it is cancelled", step, async || {
        let workflow = t.queue.workflow(id).await.expect("a workflow");
        (workflow.state == BundleState::Cancelled).then_some(())
    })
    .await;
    assert_eq!(script.order().len(), 1);
    worker.stop().await;
}

async fn retrying_runs_what_failed_and_what_it_held_up(t: &Harness) {
    let script = Script::new([Act::FailForGood("no")]);
    let worker = t.start(&script).await;
    let id = start(t, diamond()).await;
    assert_eq!(ended(t, id).await.state, BundleState::Failed);

    let running = t.queue.retry_workflow(id, true).await.expect("running again");
    let workflow = t
        .until("it completes", async || {
            let workflow = t.queue.workflow(id).await.expect("a workflow");
            (workflow.state == BundleState::Completed).then_some(workflow)
        })
        .await;

    assert_eq!((running.total(), workflow.counts[&State::Completed]), (4, 4));
    assert_eq!(script.order().len(), 5);
    let nothing = t.queue.retry_workflow(id, true).await.expect_err("all is well");
    assert!(matches!(nothing, Error::Conflict { .. }), "{nothing}");
    worker.stop().await;
}

async fn retrying_one_node_reopens_what_it_ended(t: &Harness) {
    // b and c fail: d was held up by both, e by b alone.
    let mut flow = diamond();
    let b = flow.node("b").expect("a node");
    flow.add_new("e", mail(), [b]);
    let acts = [Act::Complete("1"), Act::FailForGood("no"), Act::FailForGood("no")];
    let worker = t.start(&Script::new(acts)).await;
    let id = start(t, flow).await;
    ended(t, id).await;
    let of = ids(t, id).await;

    t.queue.retry(of["b"], RetryOptions::default()).await.expect("another life");
    t.reaches(of["e"], State::Completed).await;
    let between = nodes(t, id).await;
    t.queue.retry(of["c"], RetryOptions::default()).await.expect("another life");
    t.reaches(of["d"], State::Completed).await;

    assert_eq!(between["b"].state, State::Completed);
    assert_eq!(end_of(&between["d"]), (State::Failed, Some(Reason::Dependency)));
    let whole = t
        .until("all is well", async || {
            let workflow = t.queue.workflow(id).await.expect("a workflow");
            (workflow.state == BundleState::Completed).then_some(workflow)
        })
        .await;
    assert_eq!(whole.counts[&State::Completed], 5);
    worker.stop().await;
}

/// b and c of a diamond fail, and with them d, and e, which comes after b.
async fn failed(t: &Harness) -> (WorkflowId, BTreeMap<String, JobId>) {
    let mut flow = diamond();
    let b = flow.node("b").expect("a node");
    flow.add_new("e", mail(), [b]);
    let acts = [Act::Complete("1"), Act::FailForGood("no"), Act::FailForGood("no")];
    let worker = t.start(&Script::new(acts)).await;
    let id = start(t, flow).await;
    ended(t, id).await;
    worker.stop().await;
    (id, ids(t, id).await)
}

async fn retrying_many_jobs_reopens_what_they_ended(t: &Harness) {
    let (id, of) = failed(t).await;
    // By name first, so that what they ended is not among them; then all.
    let retry = Operation::retry([of["b"], of["c"]], RetryOptions::default());
    let begun = t.queue.start_operation(retry).await.expect("begun");
    let carried_out = t.queue.carry_out(begun.id).await.expect("carried out");

    assert_eq!((carried_out.done, carried_out.failed), (2, 0));
    let again = nodes(t, id).await;
    for held_up in ["d", "e"] {
        assert_eq!(end_of(&again[held_up]), (State::Pending, Some(Reason::Blocked)), "{held_up}");
    }
    let script = Script::new([Act::FailForGood("no"), Act::FailForGood("no")]);
    let worker = t.start(&script).await;
    for node in ["b", "c", "d", "e"] {
        t.reaches(of[node], State::Failed).await;
    }
    worker.stop().await;
    let all = Operation::retry(JobFilter::new().workflow(id), RetryOptions::default());
    let begun = t.queue.start_operation(all).await.expect("begun");
    let carried_out = t.queue.carry_out(begun.id).await.expect("carried out");
    assert_eq!((carried_out.done, carried_out.failed), (4, 0), "{:?}", carried_out.failures);

    let script = Script::completing();
    let worker = t.start(&script).await;
    t.reaches(of["d"], State::Completed).await;
    t.reaches(of["e"], State::Completed).await;
    let order = script.order();
    let place = |node: &str| order.iter().position(|job| *job == of[node]).expect("it ran");
    assert_eq!(order.len(), 4);
    assert!(place("d") > place("b").max(place("c")) && place("e") > place("b"), "{order:?}");
    worker.stop().await;
}

async fn a_node_that_another_holds_up_is_not_retried_alone(t: &Harness) {
    let (id, of) = failed(t).await;

    let retry = Operation::retry([of["b"], of["d"], of["e"]], RetryOptions::default());
    let begun = t.queue.start_operation(retry).await.expect("begun");
    let carried_out = t.queue.carry_out(begun.id).await.expect("carried out");

    assert_eq!((carried_out.done, carried_out.failed), (2, 1));
    let refused = &carried_out.failures[0];
    assert_eq!(refused.job, of["d"]);
    assert!(refused.detail.contains(&format!("because of job {}", of["c"])), "{}", refused.detail);
    let now = nodes(t, id).await;
    assert_eq!(end_of(&now["d"]), (State::Failed, Some(Reason::Dependency)));
    assert_eq!(end_of(&now["e"]), (State::Pending, Some(Reason::Blocked)));
}

async fn a_retried_node_fails_again_and_is_retried_again(t: &Harness) {
    let acts = [Act::FailForGood("1"), Act::FailForGood("2"), Act::FailForGood("3")];
    let worker = t.start(&Script::new(acts)).await;
    let id = start(t, diamond()).await;
    let of = ids(t, id).await;

    for _ in 0..3 {
        t.reaches(of["d"], State::Failed).await;
        ended(t, id).await;
        t.queue.retry_workflow(id, false).await.expect("running again");
    }

    t.reaches(of["d"], State::Completed).await;
    assert_eq!(t.queue.attempts(of["d"]).await.expect("a history").len(), 4);
    worker.stop().await;
}

async fn a_node_that_waits_again_keeps_its_history(t: &Harness) {
    let script = Script::new([Act::FailForGood("1")]);
    let worker = t.start(&script).await;
    let id = start(t, diamond()).await;
    ended(t, id).await;
    worker.stop().await;

    t.queue.retry_workflow(id, false).await.expect("running again");

    let again = nodes(t, id).await;
    assert_eq!(end_of(&again["d"]), (State::Pending, Some(Reason::Blocked)));
    assert_eq!(t.get(again["d"].id).await.blocked_by, [again["b"].id, again["c"].id]);
    t.queue.cancel(again["b"].id, None).await.expect("cancelled");
    let worker = t.start(&Script::completing()).await;
    assert_eq!(ended(t, id).await.state, BundleState::Cancelled);
    assert_eq!(nodes(t, id).await["d"].state, State::Cancelled);
    worker.stop().await;
}

#[derive(Serialize, Deserialize, Job)]
#[job(output = i64)]
struct Price {
    cents: i64,
}

#[derive(Serialize, Deserialize, Job)]
#[job(output = String)]
struct Bill {
    plain: JobId,
}

async fn price(job: Price, _: Ctx) -> windlass::Result<i64> {
    Ok(job.cents)
}

async fn bill(job: Bill, ctx: Ctx) -> windlass::Result<String> {
    let first: Option<i64> = ctx.parent("price").await?;
    let second: Option<i64> = ctx.parent("price-2").await?;
    let plain: Option<i64> = ctx.parent(job.plain).await?;
    let failed: Option<i64> = ctx.parent("doomed").await?;
    let unknown = ctx
        .parent::<i64>("nobody")
        .await
        .is_err_and(|error| matches!(error, Error::NotFound { .. }));
    let node = ctx.info().node.as_deref();
    Ok(format!("{first:?} {second:?} {plain:?} {failed:?} {unknown} {node:?}"))
}

async fn children_read_what_their_parents_returned(t: &Harness) {
    let worker = t.queue.worker().handle(price).handle(bill).handle_raw("doomed", doomed);
    let worker = worker.start().await.expect("a worker");
    let plain = t.queue.enqueue(Price { cents: 3 }).await.expect("a job").id();
    let mut flow = Flow::new("order");
    let parents = [flow.add(Price { cents: 1 }), flow.add(Price { cents: 2 })];
    let doomed = flow.add_new("doomed", NewJob::new("doomed", "1"), NOTHING);
    let bill = NewJob::of(&Bill { plain }).expect("a job").after(plain);
    let after = parents.map(windlass::After::from);
    flow.add_new("bill", bill, after.into_iter().chain([doomed.ignore_failure()]));

    let id = start(t, flow).await;
    ended(t, id).await;

    let bill = &nodes(t, id).await["bill"];
    let result = String::from_utf8(bill.result.clone().expect("a result")).expect("text");
    let expected = r#""Some(1) Some(2) Some(3) None true Some(\"bill\")""#;
    assert_eq!(result, expected);
    worker.stop().await;
}

async fn doomed(_: Vec<u8>, _: Ctx) -> Result<Vec<u8>, windlass::JobError> {
    Err(windlass::JobError::permanent("no"))
}

async fn nodes_are_listed_by_state(t: &Harness) {
    let mut flow = diamond();
    flow.add_new("later", mail().delay(Duration::from_secs(60)), NOTHING);
    flow.add_new("other", NewJob::new("other", "1"), NOTHING);
    let id = start(t, flow).await;
    t.enqueue(mail()).await;
    let list = async |filter: JobFilter| {
        let page = t.queue.list(filter.workflow(id)).await.expect("a list");
        page.jobs.into_iter().filter_map(|job| job.node).collect::<Vec<_>>()
    };

    assert_eq!(list(JobFilter::new().state(State::Delayed)).await, ["later"]);
    assert_eq!(list(JobFilter::new().kind("other")).await, ["other"]);
    let pending = JobFilter::new().state(State::Pending).oldest_first();
    assert_eq!(list(pending).await, ["a", "b", "c", "d", "other"]);
    let first = t.queue.list(JobFilter::new().workflow(id).oldest_first().limit(2)).await;
    let cursor = first.expect("a page").next_cursor.expect("more");
    let rest = list(JobFilter::new().oldest_first().after(cursor)).await;
    assert_eq!(rest, ["c", "d", "later", "other"]);
}

async fn a_deleted_node_is_no_member_any_more(t: &Harness) {
    let id = start(t, diamond()).await;
    let of = ids(t, id).await;
    for name in ["b", "c", "d"] {
        t.queue.delete(of[name], false).await.expect("deleted");
    }

    let worker = t.start(&Script::completing()).await;
    let workflow = ended(t, id).await;

    assert_eq!((workflow.state, workflow.total()), (BundleState::Completed, 1));
    worker.stop().await;
}

async fn a_workflow_goes_with_its_last_job(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let id = start(t, diamond()).await;
    ended(t, id).await;
    worker.stop().await;
    let of = ids(t, id).await;

    for (place, job) in of.values().enumerate() {
        assert_eq!(t.queue.workflow(id).await.expect("still there").total(), 4, "{place}");
        t.queue.delete(*job, false).await.expect("deleted");
    }

    assert!(matches!(t.queue.workflow(id).await, Err(Error::NotFound { .. })));
}

async fn nodes_are_kept_until_their_workflow_has_ended(t: &Harness) {
    let mut flow = Flow::new("long");
    let first = flow.add_new("first", mail(), NOTHING);
    flow.add_new("second", mail().delay(Duration::from_secs(3 * 24 * 3600)), [first]);
    let id = start(t, flow).await;
    let of = ids(t, id).await;
    let worker = t.start(&Script::completing()).await;
    t.reaches(of["first"], State::Completed).await;
    worker.stop().await;

    t.advance(Duration::from_secs(2 * 24 * 3600));
    t.queue.prune().await.expect("pruned");
    let kept = t.queue.get(of["first"]).await.is_ok();
    t.advance(Duration::from_secs(2 * 24 * 3600));
    let worker = t.start(&Script::completing()).await;
    ended(t, id).await;
    worker.stop().await;
    t.queue.prune().await.expect("pruned");

    assert!(kept && t.queue.get(of["first"]).await.is_err());
    assert_eq!(t.queue.workflow(id).await.expect("a job is left").total(), 2);
    t.advance(Duration::from_secs(2 * 24 * 3600));
    t.queue.prune().await.expect("pruned");
    assert!(t.queue.workflow(id).await.is_err());
}

/// Nobody announces ends to a process that was not there.
async fn a_worker_that_comes_later_finds_the_ends(t: &Harness) {
    let id = start(t, diamond()).await;
    let of = ids(t, id).await;
    for name in ["a", "b", "c", "d"] {
        t.queue.cancel(of[name], None).await.expect("cancelled");
    }
    let Some(other) = t.reopen().await else { return };

    let worker = other.worker().handle_raw("mail", doomed).start().await.expect("a worker");

    let step = Duration::from_millis(500);
    t.until_after("it has ended", step, async || {
        let workflow = other.workflow(id).await.expect("a workflow");
        (workflow.state == BundleState::Cancelled).then_some(())
    })
    .await;
    worker.stop().await;
    other.close().await;
}

async fn ten_thousand_nodes_are_one_transaction(t: &Harness) {
    let mut flow = Flow::new("large");
    let mut before = flow.add_new("n0", mail(), NOTHING);
    for n in (1..9_999).step_by(3) {
        let sides = [1, 2].map(|m| flow.add_new(format!("n{}", n + m), mail(), [before]));
        before = flow.add_new(format!("n{n}"), mail(), sides);
    }
    let count = flow.len();

    let id = start(t, flow.clone()).await;
    flow.add_new("one", mail(), NOTHING);
    flow.add_new("two", mail(), NOTHING);
    let refused = t.queue.start(flow).await.expect_err("too many");

    let workflow = t.queue.workflow(id).await.expect("a workflow");
    assert_eq!(workflow.counts, BTreeMap::from([(State::Pending, count as u64)]));
    assert_eq!(first_pointer(&refused), "/nodes");
}

async fn a_namespace_is_deleted_with_its_workflows(t: &Harness) {
    t.queue.create_namespace("other").await.expect("a namespace");
    let other = t.queue.in_namespace("other").expect("a name");
    other.start(diamond()).await.expect("a workflow");

    t.queue.delete_namespace("other", true).await.expect("deleted");

    t.queue.create_namespace("other").await.expect("a namespace");
    assert!(other.workflows(None, None, 10).await.expect("a list").is_empty());
}
