//! The library behind a server: the queue and the worker of programs that do not open the database.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use windlass::{
    BundleState, Ctx, Error, Event, Existing, Flow, Job, JobError, JobFilter, LogLevel, NewBatch,
    NewJob, Node, Outcome, PauseOptions, PauseScope, Queue, QueueSettings, RetryOptions,
    RunningWorker, State, Worker,
};

use crate::client::Api;

/// Far beyond what anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

async fn behind(api: &Api) -> Queue {
    Queue::open(&format!("http://{}", api.address)).await.expect("the address of a server")
}

async fn reaches(queue: &Queue, id: windlass::JobId, state: State) {
    let job = queue.wait(id, DEADLINE).await.expect("the job is waited for");
    assert_eq!(job.state, state, "{job:?}");
}

#[tokio::test]
async fn jobs_are_stored_read_and_steered_as_on_the_database() {
    let api = Api::start().await;
    let queue = behind(&api).await;
    let new = || {
        let job = NewJob::new("mail", r#"{"n": 9007199254740993}"#).idempotency_key("k");
        job.tag("a", "b").delay(Duration::from_secs(3600))
    };

    let first = queue.enqueue_new(new()).await.unwrap();
    let again = queue.enqueue_new(new()).await.unwrap();
    let jobs = vec![new(), NewJob::new("mail", "1"), NewJob::new("a b", "1")];
    let batch = queue.enqueue_batch(jobs.clone(), false).await.unwrap();
    let atomic = queue.enqueue_batch(jobs, true).await;

    assert!(first.is_new());
    assert_eq!((again.id(), again.existing()), (first.id(), Some(Existing::Idempotency)));
    assert_eq!(batch[0].as_ref().unwrap().existing(), Some(Existing::Idempotency));
    let second = batch[1].as_ref().unwrap();
    assert!(second.is_new());
    assert!(matches!(&batch[2], Err(Error::Invalid(_))), "{batch:?}");
    assert!(matches!(&atomic, Err(Error::Invalid(rules)) if rules[0].pointer == "/jobs/2/type"));
    let (here, there) = (queue.get(first.id()).await.unwrap(), api.queue.get(first.id()).await);
    assert_eq!(here, there.unwrap());
    let page = queue.list(JobFilter::new().kind("mail").limit(1)).await.unwrap();
    assert_eq!((page.jobs[0].id, page.jobs.len()), (second.id(), 1));
    let next = JobFilter::new().kind("mail").limit(1).after(page.next_cursor.unwrap());
    let page = queue.list(next).await.unwrap();
    assert_eq!((page.jobs[0].id, page.next_cursor), (first.id(), None));
    assert_eq!(queue.cancel(first.id(), Some("why")).await.unwrap().state, State::Cancelled);
    assert_eq!(queue.wait(first.id(), DEADLINE).await.unwrap().last_error.as_deref(), Some("why"));
    let retried = queue.retry(first.id(), RetryOptions::default()).await.unwrap();
    assert_eq!(retried.state, State::Pending);
    queue.delete(first.id(), false).await.unwrap();
    assert!(matches!(queue.get(first.id()).await, Err(Error::NotFound { .. })));
    assert!(matches!(
        queue.in_namespace("none").unwrap().enqueue_new(new()).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn queues_are_managed_as_on_the_database() {
    let api = Api::start().await;
    let queue = behind(&api).await;
    let settings = QueueSettings { retries: Some(3), concurrency: Some(2), ..Default::default() };

    let made = queue.create_queue("mail", settings.clone()).await.unwrap();
    let changed = QueueSettings { concurrency: None, ..settings.clone() };
    let changed = queue.configure_queue("mail", changed, Some(made.version)).await.unwrap();
    let stale = queue.configure_queue("mail", settings, Some(made.version)).await;
    let scope = PauseScope::Queue("mail".to_owned());
    let why = PauseOptions { reason: Some("why".to_owned()), ..PauseOptions::default() };
    queue.pause(scope.clone(), why).await.unwrap();

    assert_eq!((made.settings.retries, made.settings.concurrency), (Some(3), Some(2)));
    assert_eq!((changed.settings.retries, changed.settings.concurrency), (Some(3), None));
    assert!(matches!(stale, Err(Error::Conflict { code: "precondition_failed", .. })), "{stale:?}");
    let (here, there) =
        (queue.queue("mail").await.unwrap(), api.queue.queue("mail").await.unwrap());
    assert_eq!((&here.paused, here.version), (&there.paused, there.version));
    assert_eq!(queue.queues("").await.unwrap().len(), 1);
    assert!(queue.resume(scope.clone()).await.unwrap() && !queue.resume(scope).await.unwrap());
    assert!(matches!(queue.queue("..").await, Err(Error::NotFound { .. })));
    queue.enqueue_new(NewJob::new("letter", "1").queue("mail")).await.unwrap();
    let stats = queue.stats().await.unwrap();
    assert_eq!((stats.jobs(State::Pending), stats.sum(|kind| kind.enqueues)), (1, 1));
    assert_eq!((&*stats.kinds[0].queue, &*stats.kinds[0].kind), ("mail", "letter"));
    assert_eq!(queue.kinds("").await.unwrap()[0].name, "letter");
    queue.pause(PauseScope::Kind("letter".to_owned()), PauseOptions::default()).await.unwrap();
    assert!(queue.resume(PauseScope::Kind("letter".to_owned())).await.unwrap());
    let held = queue.delete_queue("mail", false, None).await;
    assert!(matches!(held, Err(Error::Conflict { .. })), "{held:?}");
    assert_eq!(queue.purge_queue("mail", &State::ALL).await.unwrap(), 1);
    queue.delete_queue("mail", false, None).await.unwrap();
    queue.create_namespace("other").await.unwrap();
    assert_eq!(queue.namespaces("").await.unwrap(), ["default", "other"]);
    queue.delete_namespace("other", false).await.unwrap();
}

#[tokio::test]
async fn workflows_and_batches_run_as_on_the_database() {
    let api = Api::start().await;
    let queue = behind(&api).await;
    let mut flow = Flow::new("album").idempotency_key("k");
    let first = flow.add_new("first", NewJob::new("echo", "1"), [] as [Node; 0]);
    flow.add_new("second", NewJob::new("fail", "2").max_attempts(1), [first]);

    let started = queue.start(flow.clone()).await.unwrap();
    let again = queue.start(flow).await.unwrap();
    let batch = NewBatch::new("letters").on_complete(NewJob::new("echo", "3"));
    let batch = queue.open_batch(batch).await.unwrap().id();
    let member = queue.enqueue_new(NewJob::new("echo", "4").batch(batch)).await.unwrap().id();
    let committed = queue.commit_batch(batch).await.unwrap();

    assert!(started.is_new() && !again.is_new() && again.id() == started.id());
    assert_eq!((committed.description.as_str(), committed.callbacks.len()), ("letters", 1));
    let worker = api.worker().await;
    reaches(&queue, member, State::Completed).await;
    let nodes = JobFilter::new().workflow(started.id()).oldest_first();
    let nodes = queue.list(nodes).await.unwrap().jobs;
    reaches(&queue, nodes[1].id, State::Failed).await;
    let attempts = queue.attempts(nodes[1].id).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].class.as_str()), (1, "permanent"));
    let ended = async || {
        let workflow = queue.workflow(started.id()).await.unwrap();
        workflow.state.is_terminal().then_some(workflow)
    };
    let workflow = until(ended).await;
    assert_eq!((workflow.state, workflow.counts[&State::Failed]), (BundleState::Failed, 1));
    let called = async || queue.batch(batch).await.unwrap().callbacks[0].id;
    reaches(&queue, until(called).await, State::Completed).await;
    let again = queue.retry_workflow(started.id(), false).await.unwrap();
    assert_eq!(again.id, started.id());
    assert_eq!(queue.workflows(None, None, 10).await.unwrap().len(), 1);
    assert_eq!(queue.batches(None, None, 10).await.unwrap()[0].id, batch);
    worker.stop().await;
}

/// Asks until there is an answer.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.expect("it comes about in time")
}

#[tokio::test]
async fn what_is_not_possible_is_refused_by_name() {
    let api = Api::start().await;
    let queue = behind(&api).await;

    let refused = [
        queue.schedules("").await.unwrap_err(),
        queue.limits("").await.unwrap_err(),
        queue.verify().await.unwrap_err(),
        queue.worker().handle_raw("t", echo).all_namespaces().start().await.unwrap_err(),
        queue.worker().handle_raw("t", echo).aging(DEADLINE).start().await.unwrap_err(),
    ];

    for error in refused {
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().ends_with("is not possible through a server"), "{error}");
    }
    let nobody = Queue::open("http://127.0.0.1:1").await.unwrap();
    assert!(matches!(nobody.keys("").await, Err(Error::Unsupported { .. })));
    let away = nobody.enqueue_new(NewJob::new("t", "1")).await;
    assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
}

async fn echo(payload: Vec<u8>, _: Ctx) -> windlass::Result<Vec<u8>> {
    Ok(payload)
}

#[derive(Serialize, Deserialize)]
struct Import {
    files: u32,
}

impl Job for Import {
    const KIND: &'static str = "import";
    type Output = u32;
}

/// Comes to its end in the third run: after a snooze and a failure.
async fn import(job: Import, ctx: Ctx) -> windlass::Result<Outcome<u32>> {
    let done: u32 = ctx.resume().await?.unwrap_or(0);
    ctx.checkpoint(&(done + 1)).await?;
    ctx.log(LogLevel::Warn, format!("run {}", done + 1));
    ctx.progress(0.5, "half");
    match done {
        0 => Ok(Outcome::Snooze(Duration::ZERO)),
        1 => Err(JobError::retry_after(Duration::ZERO, "not yet")),
        _ => {
            ctx.enqueue_new(NewJob::new("later", "1").delay(DEADLINE)).await?;
            Ok(Outcome::Complete(job.files + ctx.info().attempt))
        }
    }
}

#[tokio::test]
async fn a_worker_behind_a_server_has_the_handlers_of_any_other() {
    let api = Api::start().await;
    let _upkeep = api.queue.start_upkeep();
    let queue = behind(&api).await;
    let worker = queue
        .worker()
        .handle(import)
        .handle_raw("big", async |_, _: Ctx| windlass::Ok(vec![b'x'; 2 << 20]));
    let worker = worker.handle_raw("never", async |_, _: Ctx| {
        Err::<Vec<u8>, _>(JobError::permanent("no such file"))
    });
    let worker = worker.start().await.unwrap();

    let job = queue.enqueue(Import { files: 40 }).await.unwrap();
    let never = queue.enqueue_new(NewJob::new("never", "1")).await.unwrap();
    let big = queue.enqueue_new(NewJob::new("big", "1").max_attempts(1)).await.unwrap();

    assert_eq!(job.output().await.unwrap(), 42);
    let record = queue.get(job.id()).await.unwrap();
    assert_eq!((record.attempt, record.crashes), (2, 0));
    let lines = queue.logs(job.id()).await.unwrap();
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["run 1", "run 2", "run 3"]);
    let later = queue.list(JobFilter::new().kind("later")).await.unwrap();
    assert_eq!(later.jobs.len(), 1);
    reaches(&queue, never.id(), State::Failed).await;
    reaches(&queue, big.id(), State::Failed).await;
    let record = queue.get(big.id()).await.unwrap();
    let error = record.last_error.unwrap_or_default();
    assert!(error.contains("at most 1048576"), "{error}");
    worker.stop().await;
    assert!(api.queue.workers(None).await.unwrap().is_empty());
}

/// A worker whose handler says that it runs and goes on when it is told to stop, or when it may.
async fn gated(
    queue: &Queue,
) -> (RunningWorker, mpsc::UnboundedReceiver<&'static str>, Arc<Notify>) {
    let (tell, told) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let (open, events) = (Arc::clone(&gate), tell.clone());
    let worker: Worker<()> =
        queue.worker().lease(Duration::from_secs(1)).handle_raw("t", move |payload, ctx: Ctx| {
            let (open, tell) = (Arc::clone(&open), tell.clone());
            async move {
                tell.send("started").expect("somebody listens");
                tokio::select! {
                    () = ctx.cancelled() => tell.send("stopped").expect("somebody listens"),
                    () = open.notified() => {}
                }
                windlass::Ok(payload)
            }
        });
    let worker = worker.on_event(move |event| {
        let word = match event {
            Event::Settled { .. } => "settled",
            Event::Lost(_) => "lost",
            _ => return,
        };
        events.send(word).expect("somebody listens");
    });
    (worker.start().await.expect("the worker registers"), told, gate)
}

#[tokio::test]
async fn a_handler_whose_lease_is_gone_is_stopped_and_its_outcome_refused() {
    let api = Api::start().await;
    let queue = behind(&api).await;
    let (worker, mut told, _gate) = gated(&queue).await;
    let job = queue.enqueue_new(NewJob::new("t", "1")).await.unwrap();
    assert_eq!(told.recv().await, Some("started"));

    api.queue.cancel_by_force(job.id(), None).await.unwrap();

    assert_eq!(told.recv().await, Some("stopped"));
    assert_eq!(told.recv().await, Some("lost"));
    reaches(&queue, job.id(), State::Cancelled).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop_by_the_next_heartbeat() {
    let api = Api::start().await;
    let queue = behind(&api).await;
    let (worker, mut told, _gate) = gated(&queue).await;
    let job = queue.enqueue_new(NewJob::new("t", "1")).await.unwrap();
    assert_eq!(told.recv().await, Some("started"));

    queue.cancel(job.id(), None).await.unwrap();

    assert_eq!(told.recv().await, Some("stopped"));
    assert_eq!(told.recv().await, Some("settled"));
    // A completion wins over a request.
    reaches(&queue, job.id(), State::Completed).await;
    worker.stop().await;
}

#[tokio::test]
async fn an_outcome_outlives_a_restart_of_the_server() {
    let api = Api::start().await;
    let queue = behind(&api).await;
    let tell = Arc::new(Notify::new());
    let (started, gate) = (Arc::clone(&tell), Arc::new(Notify::new()));
    let open = Arc::clone(&gate);
    let worker = queue.worker().lease(DEADLINE).handle_raw("t", move |payload, _: Ctx| {
        let (started, open) = (Arc::clone(&started), Arc::clone(&open));
        async move {
            started.notify_one();
            open.notified().await;
            windlass::Ok(payload)
        }
    });
    let worker = worker.start().await.unwrap();
    let job = queue.enqueue_new(NewJob::new("t", "7")).await.unwrap();
    tell.notified().await;

    let api = api.again().await;
    gate.notify_one();

    reaches(&queue, job.id(), State::Completed).await;
    let record = api.queue.get(job.id()).await.unwrap();
    assert_eq!((record.attempt, record.crashes, record.result), (1, 0, Some(b"7".to_vec())));
    worker.stop().await;
    assert!(api.queue.workers(None).await.unwrap().is_empty());
}
