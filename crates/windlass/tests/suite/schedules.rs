//! Schedules: each tick becomes one job, whoever is there to fire it and whenever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use windlass::{
    CatchUp, Error, JobRecord, NewJob, Overlap, PauseOptions, Queue, Reason, Schedule,
    ScheduleSource, State, TickEnd, Timestamp,
};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    each_tick_becomes_one_job_that_knows_its_tick,
    the_handler_is_told_the_tick,
    a_node_stopped_for_three_days_does_what_the_catch_up_says,
    many_nodes_fire_a_tick_once,
    a_tick_is_left_out_while_an_earlier_job_runs,
    a_tick_waits_until_no_earlier_job_is_left,
    a_tick_cuts_off_the_jobs_before_it,
    a_pause_holds_until_someone_ends_it,
    a_pause_ends_by_itself,
    what_code_declares_changes_neither_a_pause_nor_an_edit,
    code_says_when_and_what,
    a_schedule_runs_at_once_when_it_is_to,
    a_schedule_is_run_by_hand,
    a_change_of_times_looks_ahead,
    a_schedule_is_made_changed_listed_and_deleted,
    a_namespace_goes_with_its_schedules_by_force_only,
    a_job_that_is_deleted_leaves_its_tick,
    bad_schedules_are_named,
    a_full_queue_refuses_no_tick,
    the_history_is_bounded,
);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn every(period: Duration) -> Schedule {
    Schedule::every(period).job(NewJob::new("mail", "1"))
}

async fn create(t: &Harness, name: &str, schedule: Schedule) {
    t.queue.create_schedule(name, schedule).await.expect("a schedule");
}

/// The jobs of every schedule, in order.
async fn jobs(t: &Harness) -> Vec<JobRecord> {
    let page = t.queue.list(windlass::JobFilter::default().limit(500)).await.expect("jobs");
    let mut jobs: Vec<JobRecord> =
        page.jobs.into_iter().filter(|job| job.schedule.is_some()).collect();
    jobs.sort_by_key(|job| job.id);
    jobs
}

/// Waits until there are so many jobs of schedules.
async fn until_jobs(t: &Harness, count: usize) -> Vec<JobRecord> {
    let what = format!("{count} jobs of schedules");
    t.until(&what, async || {
        let jobs = jobs(t).await;
        (jobs.len() >= count).then_some(jobs)
    })
    .await
}

/// Waits until a schedule has looked at every tick up to now.
async fn until_fired(t: &Harness, name: &str) {
    t.until("every tick is looked at", async || {
        let schedule = t.queue.schedule(name).await.expect("a schedule");
        schedule.next_at.is_none_or(|next| next > t.clock.now()).then_some(())
    })
    .await;
}

fn ticks(jobs: &[JobRecord]) -> Vec<Timestamp> {
    jobs.iter().filter_map(|job| Some(job.schedule.as_ref()?.tick)).collect()
}

/// A worker that runs none of the jobs: upkeep alone.
async fn idle(queue: &Queue) -> windlass::RunningWorker {
    let worker = queue.worker().handle_raw("nothing", async |_, _| windlass::Ok(Vec::new()));
    worker.start().await.expect("a worker")
}

async fn each_tick_becomes_one_job_that_knows_its_tick(t: &Harness) {
    let made = t.clock.now();
    let job = NewJob::new("report", r#"{"n":1}"#).queue("q").metadata("m", "n").max_attempts(3);
    create(t, "minutely", Schedule::every(MINUTE).job(job)).await;
    let worker = idle(&t.queue).await;

    for count in 1..=3 {
        t.advance(MINUTE);
        until_jobs(t, count).await;
    }

    let jobs = jobs(t).await;
    assert_eq!(ticks(&jobs), [made + MINUTE, made + 2 * MINUTE, made + 3 * MINUTE]);
    let job = &jobs[0];
    assert_eq!((job.queue.as_str(), job.kind.as_str(), job.max_attempts), ("q", "report", 3));
    assert_eq!(job.payload, br#"{"n":1}"#);
    assert_eq!(job.metadata.iter().collect::<Vec<_>>(), [(&"m".to_owned(), &"n".to_owned())]);
    assert_eq!(job.schedule.as_ref().map(|of| of.schedule.as_str()), Some("minutely"));
    let history = t.queue.schedule_ticks("minutely", None, 2).await.expect("ticks");
    assert_eq!(
        history.iter().map(|tick| tick.job).collect::<Vec<_>>(),
        [Some(jobs[2].id), Some(jobs[1].id)]
    );
    let record = t.queue.schedule("minutely").await.expect("a schedule");
    assert_eq!(
        (record.last_tick, record.next_tick),
        (Some(made + 3 * MINUTE), Some(made + 4 * MINUTE))
    );
    worker.stop().await;
}

async fn the_handler_is_told_the_tick(t: &Harness) {
    let made = t.clock.now();
    create(t, "s", Schedule::every(MINUTE).job(NewJob::new("told", "1"))).await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let worker = t.queue.worker().handle_raw("told", move |_, ctx| {
        let told = told.clone();
        async move {
            let info = ctx.info();
            told.send((info.schedule.clone(), info.metadata.len())).expect("a test that listens");
            windlass::Ok(Vec::new())
        }
    });
    let worker = worker.start().await.expect("a worker");

    t.advance(MINUTE + Duration::from_secs(3));

    let (of, metadata) = heard.recv().await.expect("a job");
    assert_eq!(of.map(|of| (of.schedule, of.tick)), Some(("s".to_owned(), made + MINUTE)));
    assert_eq!(metadata, 0);
    worker.stop().await;
}

async fn a_node_stopped_for_three_days_does_what_the_catch_up_says(t: &Harness) {
    let made = t.clock.now();
    for (name, catch_up) in
        [("skip", CatchUp::Skip), ("last", CatchUp::Last), ("all", CatchUp::All(5))]
    {
        create(t, name, every(MINUTE).catch_up(catch_up)).await;
    }
    t.advance(3 * DAY + Duration::from_secs(30));

    let worker = idle(&t.queue).await;
    until_jobs(t, 6).await;
    for name in ["skip", "last", "all"] {
        until_fired(t, name).await;
    }
    worker.stop().await;

    let jobs = jobs(t).await;
    let of = |name: &str| -> Vec<Timestamp> {
        let of =
            jobs.iter().filter(|job| job.schedule.as_ref().is_some_and(|of| of.schedule == name));
        of.filter_map(|job| Some(job.schedule.as_ref()?.tick)).collect()
    };
    let last = made + 3 * DAY;
    assert_eq!(of("skip"), []);
    assert_eq!(of("last"), [last]);
    assert_eq!(of("all"), [4, 3, 2, 1, 0].map(|n| last - n * MINUTE));
    let next = t.queue.schedule("skip").await.expect("a schedule").next_tick;
    assert_eq!(next, Some(last + MINUTE));
}

async fn many_nodes_fire_a_tick_once(t: &Harness) {
    let mut nodes = Vec::new();
    for _ in 0..4 {
        nodes.push(match t.reopen().await {
            Some(queue) => queue,
            None => t.queue.clone(),
        });
    }
    let mut workers = Vec::new();
    for node in &nodes {
        workers.push(idle(node).await);
    }
    let names = ["a", "b", "c"];
    for name in names {
        create(t, name, every(Duration::from_secs(1)).catch_up(CatchUp::All(100))).await;
    }

    for round in 1..=10 {
        t.advance(Duration::from_secs(1));
        until_jobs(t, round * names.len()).await;
    }

    // Whoever was late has done by then what it was about to do.
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(jobs(t).await.len(), 10 * names.len());
    if t.is_shared() {
        for node in nodes {
            node.close().await;
        }
    }
}

async fn a_tick_is_left_out_while_an_earlier_job_runs(t: &Harness) {
    let script = Script::new([Act::Wait, Act::Complete("1")]);
    let worker = t.worker(&script).lease(HOUR).start().await.expect("a worker");
    create(t, "s", every(MINUTE).overlap(Overlap::Skip)).await;
    t.advance(MINUTE);
    let first = until_jobs(t, 1).await[0].id;
    script.started(1).await;

    t.advance(MINUTE);
    until_fired(t, "s").await;
    assert_eq!(jobs(t).await.len(), 1);
    script.release();
    t.reaches(first, State::Completed).await;
    t.advance(MINUTE);
    until_jobs(t, 2).await;

    let history = t.queue.schedule_ticks("s", None, 10).await.expect("ticks");
    let ends: Vec<TickEnd> = history.iter().map(|tick| tick.end).collect();
    assert_eq!(ends, [TickEnd::Fired, TickEnd::Skipped, TickEnd::Fired]);
    worker.stop().await;
}

async fn a_tick_waits_until_no_earlier_job_is_left(t: &Harness) {
    let made = t.clock.now();
    let script = Script::new([Act::Wait, Act::Complete("1")]);
    let worker = t.worker(&script).lease(HOUR).start().await.expect("a worker");
    create(t, "s", every(MINUTE).overlap(Overlap::Buffer)).await;
    t.advance(MINUTE);
    let first = until_jobs(t, 1).await[0].id;
    script.started(1).await;
    for _ in 0..2 {
        t.advance(MINUTE);
        until_fired(t, "s").await;
    }
    assert_eq!(jobs(t).await.len(), 1);

    script.release();
    t.reaches(first, State::Completed).await;
    t.advance(Duration::from_secs(1));

    let jobs = until_jobs(t, 2).await;
    assert_eq!(ticks(&jobs), [made + MINUTE, made + 2 * MINUTE]);
    worker.stop().await;
    let history = t.queue.schedule_ticks("s", None, 10).await.expect("ticks");
    let ends: Vec<TickEnd> = history.iter().map(|tick| tick.end).collect();
    assert_eq!(ends, [TickEnd::Skipped, TickEnd::Fired, TickEnd::Fired]);
}

async fn a_tick_cuts_off_the_jobs_before_it(t: &Harness) {
    let script = Script::new([Act::Wait, Act::Complete("1")]);
    let worker = t.worker(&script).lease(HOUR).start().await.expect("a worker");
    create(t, "s", every(MINUTE).overlap(Overlap::Cancel)).await;
    t.advance(MINUTE);
    let running = until_jobs(t, 1).await[0].id;
    script.started(1).await;

    t.advance(MINUTE);
    let next = until_jobs(t, 2).await[1].id;

    let first = t.reaches(running, State::Cancelled).await;
    assert_eq!(first.reason, Some(Reason::Overlap));
    t.reaches(next, State::Completed).await;
    script.release();
    worker.stop().await;
    assert_eq!(t.get(running).await.state, State::Cancelled);
    // One that waits is cut off as well.
    let worker = idle(&t.queue).await;
    t.advance(MINUTE);
    let waiting = until_jobs(t, 3).await[2].id;
    t.advance(MINUTE);
    until_jobs(t, 4).await;
    assert_eq!(t.get(waiting).await.reason, Some(Reason::Overlap));
    worker.stop().await;
}

async fn a_pause_holds_until_someone_ends_it(t: &Harness) {
    let made = t.clock.now();
    let worker = idle(&t.queue).await;
    create(t, "s", every(MINUTE)).await;
    let options = PauseOptions { reason: Some("away".to_owned()), ..PauseOptions::default() };
    let paused = t.queue.pause_schedule("s", options).await.expect("paused");
    create(t, "other", every(MINUTE)).await;

    t.advance(10 * MINUTE);
    until_fired(t, "other").await;
    let of_other = jobs(t).await.len();
    let resumed = t.queue.resume_schedule("s").await.expect("resumed");
    let jobs = until_jobs(t, of_other + 1).await;

    assert_eq!((paused.next_at, paused.version), (None, 2));
    assert_eq!(paused.paused.and_then(|pause| pause.reason).as_deref(), Some("away"));
    assert_eq!((resumed.paused, resumed.version), (None, 3));
    let last = jobs.last().and_then(|job| job.schedule.clone()).expect("a tick");
    assert_eq!((last.schedule.as_str(), last.tick), ("s", made + 10 * MINUTE));
    worker.stop().await;
}

async fn a_pause_ends_by_itself(t: &Harness) {
    let worker = idle(&t.queue).await;
    create(t, "s", every(MINUTE)).await;
    let until = t.clock.now() + 5 * MINUTE + Duration::from_secs(30);
    let options = PauseOptions { until: Some(until), ..PauseOptions::default() };
    let paused = t.queue.pause_schedule("s", options).await.expect("paused");

    t.advance(5 * MINUTE);
    until_fired(t, "s").await;
    assert_eq!(jobs(t).await, []);
    t.advance(Duration::from_secs(30));

    until_jobs(t, 1).await;
    assert_eq!(paused.next_at, Some(until));
    assert_eq!(t.queue.schedule("s").await.expect("a schedule").paused, None);
    worker.stop().await;
}

async fn what_code_declares_changes_neither_a_pause_nor_an_edit(t: &Harness) {
    let deploy = async |period: Duration| {
        let worker = t.worker(&Script::completing()).schedule("s", every(period));
        worker.start().await.expect("a worker").stop().await;
        t.queue.schedule("s").await.expect("a schedule")
    };
    let first = deploy(HOUR).await;
    let same = deploy(HOUR).await;
    t.queue.pause_schedule("s", PauseOptions::default()).await.expect("paused");

    let changed = deploy(2 * HOUR).await;
    let mine = every(3 * HOUR);
    t.queue.configure_schedule("s", mine, None).await.expect("changed");
    let kept = deploy(4 * HOUR).await;

    assert_eq!((first.version, first.source), (1, ScheduleSource::Code));
    assert_eq!(same.version, 1);
    assert!(changed.paused.is_some());
    assert_eq!((changed.version, changed.next_at), (3, None));
    assert_eq!(changed.next_tick, Some(changed.created_at + 2 * HOUR));
    assert!(kept.paused.is_some());
    assert_eq!((kept.version, kept.source), (4, ScheduleSource::Api));
    assert_eq!(kept.next_tick, Some(kept.created_at + 3 * HOUR));
}

async fn code_says_when_and_what(t: &Harness) {
    let made = t.clock.now();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let schedule = Schedule::custom(move |after| {
        [made + HOUR, made + 5 * HOUR].into_iter().find(|tick| *tick > after)
    });
    let schedule = schedule.job_of(move |tick| {
        let n = counted.fetch_add(1, Ordering::SeqCst);
        Ok(NewJob::new("mail", format!("[{n},{}]", tick.since(made).as_secs())))
    });
    let refused = t.queue.create_schedule("s", schedule.clone()).await.expect_err("no code there");
    // Others cannot fire it.
    let other = idle(&t.queue).await;
    let worker = t.queue.worker().handle_raw("nothing", async |_, _| windlass::Ok(Vec::new()));
    let worker = worker.schedule("s", schedule).start().await.expect("a worker");

    for count in 1..=2 {
        t.advance([HOUR, 4 * HOUR][count - 1]);
        until_jobs(t, count).await;
    }
    let hand = t.queue.trigger_schedule("s").await.expect_err("made by code");

    let payloads: Vec<_> = jobs(t).await.into_iter().map(|job| job.payload).collect();
    assert_eq!(payloads, [b"[0,3600]".to_vec(), b"[1,18000]".to_vec()]);
    assert!(refused.to_string().contains("declare the schedule"), "{refused}");
    assert!(hand.to_string().contains("made by code"), "{hand}");
    assert_eq!(t.queue.schedule("s").await.expect("a schedule").next_tick, None);
    worker.stop().await;
    other.stop().await;
}

async fn a_schedule_runs_at_once_when_it_is_to(t: &Harness) {
    let made = t.clock.now();
    let worker = idle(&t.queue).await;

    create(t, "s", every(HOUR).run_on_start(true)).await;
    until_jobs(t, 1).await;
    t.advance(HOUR);

    assert_eq!(ticks(&until_jobs(t, 2).await), [made, made + HOUR]);
    worker.stop().await;
}

async fn a_schedule_is_run_by_hand(t: &Harness) {
    let now = t.clock.now();
    create(t, "s", every(HOUR).overlap(Overlap::Skip)).await;
    t.queue.pause_schedule("s", PauseOptions::default()).await.expect("paused");

    let first = t.queue.trigger_schedule("s").await.expect("a job");
    let second = t.queue.trigger_schedule("s").await.expect("a job");

    let tick = t.get(first).await.schedule.expect("a tick");
    assert_eq!((tick.schedule.as_str(), tick.tick), ("s", now));
    assert_ne!(first, second);
    let history = t.queue.schedule_ticks("s", None, 10).await.expect("ticks");
    assert_eq!(history.iter().map(|it| it.job).collect::<Vec<_>>(), [Some(second), Some(first)]);
    assert!(history.iter().all(|it| it.end == TickEnd::Triggered));
    let schedule = t.queue.schedule("s").await.expect("a schedule");
    assert_eq!((schedule.next_tick, schedule.last_tick), (Some(now + HOUR), None));
}

async fn a_change_of_times_looks_ahead(t: &Harness) {
    let made = t.clock.now();
    create(t, "s", every(HOUR)).await;
    t.advance(90 * MINUTE);

    // Another job leaves the tick that is due; other times look ahead.
    let job = every(HOUR).job(NewJob::new("other", "2"));
    let same = t.queue.configure_schedule("s", job, Some(1)).await.expect("changed");
    let late = t.queue.configure_schedule("s", every(MINUTE), Some(1)).await.expect_err("late");
    let changed = t.queue.configure_schedule("s", every(MINUTE), Some(2)).await.expect("changed");

    assert_eq!(same.next_tick, Some(made + HOUR));
    assert!(matches!(late, Error::Conflict { code: "precondition_failed", .. }), "{late}");
    assert_eq!(changed.next_tick, Some(made + 91 * MINUTE));
}

async fn a_schedule_is_made_changed_listed_and_deleted(t: &Harness) {
    let cron =
        Schedule::cron("0 9 * * MON-FRI").timezone("Europe/Berlin").job(NewJob::new("mail", "1"));
    create(t, "b", cron).await;
    create(t, "a", every(HOUR)).await;

    let twice = t.queue.create_schedule("b", every(HOUR)).await.expect_err("it exists");
    let listed = t.queue.schedules("").await.expect("schedules");
    let after = t.queue.schedules("a").await.expect("schedules");
    let next = listed[1].next_tick.expect("a tick").to_string();

    assert!(matches!(twice, Error::Conflict { .. }), "{twice}");
    assert_eq!(listed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(after.len(), 1);
    assert!(next.ends_with("T08:00:00.000000Z") || next.ends_with("T07:00:00.000000Z"), "{next}");
    let late = t.queue.delete_schedule("b", Some(2)).await.expect_err("another version");
    assert!(matches!(late, Error::Conflict { code: "precondition_failed", .. }), "{late}");
    t.queue.trigger_schedule("b").await.expect("a job");
    t.queue.delete_schedule("b", Some(1)).await.expect("deleted");
    for gone in ["b", "never"] {
        let error = t.queue.schedule(gone).await.expect_err("gone");
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert!(t.queue.trigger_schedule(gone).await.is_err());
        assert!(t.queue.resume_schedule(gone).await.is_err());
    }
    assert_eq!(jobs(t).await.len(), 1);
}

async fn a_namespace_goes_with_its_schedules_by_force_only(t: &Harness) {
    t.queue.create_namespace("tenant").await.expect("created");
    let inside = t.queue.in_namespace("tenant").expect("a name");
    inside.create_schedule("s", every(MINUTE)).await.expect("a schedule");
    let worker = idle(&t.queue).await;
    t.advance(MINUTE);
    t.until("a job inside", async || {
        let page = inside.list(windlass::JobFilter::default()).await.expect("jobs");
        (!page.jobs.is_empty()).then_some(())
    })
    .await;
    worker.stop().await;

    let refused = t.queue.delete_namespace("tenant", false).await.expect_err("not empty");
    t.queue.delete_namespace("tenant", true).await.expect("deleted");

    assert!(matches!(refused, Error::Conflict { .. }), "{refused}");
    assert!(t.queue.schedule("s").await.is_err());
    assert!(inside.schedules("").await.is_err());
}

async fn a_job_that_is_deleted_leaves_its_tick(t: &Harness) {
    create(t, "s", every(HOUR)).await;
    let job = t.queue.trigger_schedule("s").await.expect("a job");

    t.queue.delete(job, false).await.expect("deleted");

    let history = t.queue.schedule_ticks("s", None, 10).await.expect("ticks");
    assert_eq!((history.len(), history[0].job), (1, None));
}

async fn bad_schedules_are_named(t: &Harness) {
    let bad = Schedule::cron("61 * * * *").timezone("Nowhere").job(NewJob::new("", "1"));
    let error = t.queue.create_schedule("a/b", bad.clone()).await.expect_err("bad");
    let Error::Invalid(broken) = error else { panic!("{error}") };
    let pointers: Vec<&str> = broken.iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!(pointers, ["/name", "/cron", "/timezone", "/job/type"]);

    let worker = t.worker(&Script::completing()).schedule("s", bad).schedule("s", every(MINUTE));
    let error = worker.schedule("t", every(Duration::ZERO)).start().await.expect_err("bad");

    let Error::Invalid(broken) = error else { panic!("{error}") };
    let pointers: Vec<&str> = broken.iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!(pointers, ["/schedules", "/schedules/t/interval"]);
    let forged =
        t.job("mail").with(|job| job.metadata("windlass.schedule", "s")).try_enqueue().await;
    assert!(forged.expect_err("reserved").to_string().contains("reserved"));
}

async fn a_full_queue_refuses_no_tick(t: &Harness) {
    let settings = windlass::QueueSettings { max_depth: Some(1), ..Default::default() };
    t.queue.create_queue("default", settings).await.expect("created");
    t.job("mail").await;
    create(t, "s", every(MINUTE)).await;

    t.queue.trigger_schedule("s").await.expect("a job");

    let worker = idle(&t.queue).await;
    t.advance(MINUTE);
    until_jobs(t, 2).await;
    worker.stop().await;
}

async fn the_history_is_bounded(t: &Harness) {
    let second = Duration::from_secs(1);
    create(t, "s", every(second).catch_up(CatchUp::All(1000))).await;
    t.advance(1003 * second);
    let worker = idle(&t.queue).await;
    until_fired(t, "s").await;
    t.queue.purge_queue("default", &[State::Pending]).await.expect("purged");

    for _ in 0..3 {
        t.advance(second);
        until_fired(t, "s").await;
    }

    worker.stop().await;
    let mut before = None;
    let mut kept = 0;
    loop {
        let page = t.queue.schedule_ticks("s", before, 500).await.expect("ticks");
        let Some(last) = page.last() else { break };
        before = Some(last.tick);
        kept += page.len();
    }
    assert_eq!(kept, 1000);
}

/// What `doctor --deep` says after someone has been at the tables.
#[tokio::test]
async fn a_history_that_contradicts_itself_is_found() {
    let t = Harness::sqlite_file().await;
    create(&t, "s", every(HOUR)).await;
    t.queue.trigger_schedule("s").await.expect("a job");
    let job = t.queue.trigger_schedule("s").await.expect("a job");
    let file = t.url().strip_prefix("sqlite:").expect("a file");
    let connection = rusqlite::Connection::open(file).expect("the same file");
    let run = |sql: &str| connection.execute(sql, []).expect("a statement");
    run(&format!("update windlass_schedule_tick set job_id = 7 where job_id = {job}"));
    run("update windlass_schedule_tick set state = 1, tick = 9e15 where job_id <> 7");
    run("insert into windlass_schedule_tick values (5, 1, 2, 1, null)");

    let found = t.queue.verify().await.expect("a check");

    for said in ["a job that is not there", "fired before its turn", "belongs to no schedule"] {
        assert!(found.iter().any(|it| it.contains(said)), "{said}: {found:?}");
    }
    assert_eq!(found.len(), 3, "{found:?}");
}
