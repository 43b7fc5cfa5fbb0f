//! From schema 16 to 17 while jobs run: the slots of live leases move into the leases, and limits go on counting them.

use std::time::Duration;

use windlass::{JobId, NewJob, Reason, State, Timestamp, schema};
use windlass_testkit::{Act, Admin, Backend, Harness, Script};

use crate::clients::{mariadb, printed, psql};

/// When a process of an older release wrote the database: shortly before the clock of the test starts.
const WRITTEN: Timestamp = Timestamp::from_micros(1_779_999_990_000_000);

/// Milliseconds since 2025 at [`WRITTEN`]: the upper bits of ids, and the day of the table they lie in.
const WRITTEN_MS: i64 = 1_779_999_990_000 - 1_735_689_600_000;

/// Jobs of the older release, by what they do: `host` lets two run, `order` one after another.
#[derive(Debug, Clone, Copy)]
enum Old {
    /// Both of its key run.
    First = 1,
    Second,
    /// Of a key of which one runs, one is let in and one waits.
    Runs,
    LetIn,
    Waits,
    /// Of a key in order: one runs, one waits.
    Ahead,
    Behind,
}

impl Old {
    const ALL: [Self; 7] = [
        Self::First,
        Self::Second,
        Self::Runs,
        Self::LetIn,
        Self::Waits,
        Self::Ahead,
        Self::Behind,
    ];

    const fn key(self) -> &'static str {
        match self {
            Self::First | Self::Second => "host:full",
            Self::Runs | Self::LetIn | Self::Waits => "host:mixed",
            Self::Ahead | Self::Behind => "order",
        }
    }

    const fn number(self) -> i64 {
        (WRITTEN_MS << 22) + self as i64
    }

    fn id(self) -> JobId {
        self.number().to_string().parse().expect("an id")
    }

    /// Its slot: the place in the line, and what it is held for (2: until the lease has ended, 3: for life).
    const fn slot(self) -> Option<(i64, i64)> {
        match self {
            Self::First | Self::LetIn => Some((0, 2)),
            Self::Second | Self::Runs => Some((1, 2)),
            Self::Ahead => Some((0, 3)),
            Self::Waits | Self::Behind => None,
        }
    }

    /// What the older release wrote for it.
    fn rows(self, payload: &str) -> Vec<String> {
        let (id, key, at) = (self.number(), self.key(), WRITTEN.as_micros());
        let mut rows = vec![format!(
            "insert into {{prefix}}job (id, queue_id, kind_id, priority, max_attempts, max_crashes, \
             timeout_ms, created_at, metadata, payload) values ({id}, 1, 1, 2, 20, 3, 1800000, {at}, \
             '{{\"windlass.concurrency_key\":\"{key}\"}}', {payload})"
        )];
        if let Some((n, held)) = self.slot() {
            rows.push(format!(
                "insert into {{prefix}}slot (line, n, job_id, held, taken_at) \
                 values ('c:1:{key}', {n}, {id}, {held}, {at})"
            ));
        }
        rows.push(match self {
            Self::First | Self::Second | Self::Runs | Self::Ahead => format!(
                "insert into {{prefix}}lease (job_id, worker_id, queue_id, kind_id, priority, epoch, attempt, \
                 crashes, snoozes, claimed_at) values ({id}, 5, 1, 1, 2, 1, 1, 0, 0, {at})"
            ),
            Self::LetIn => format!(
                "insert into {{prefix}}ready (queue_id, kind_id, priority, seq, job_id, epoch, attempt, crashes, \
                 snoozes) values (1, 1, 2, {id}, {id}, 0, 0, 0, 0)"
            ),
            Self::Waits | Self::Behind => {
                let place = if matches!(self, Self::Waits) { 2 } else { 0 };
                format!(
                    "insert into {{prefix}}throttled (line, place, seq, job_id, queue_id, kind_id, priority, epoch, \
                     attempt, crashes, snoozes) values ('c:1:{key}', {place}, {id}, {id}, 1, 1, 2, 0, 0, 0, 0)"
                )
            }
        });
        rows
    }
}

/// What the older release wrote: a queue, two limits, a worker that holds four leases, and the jobs.
fn written(payload: &str) -> Vec<String> {
    let at = WRITTEN.as_micros();
    let expires_at = at + 30_000_000;
    let mut rows: Vec<String> = [
        "insert into {prefix}queue (id, namespace_id, name) values (1, 1, 'default')".to_owned(),
        "insert into {prefix}kind (id, namespace_id, name) values (1, 1, 'mail')".to_owned(),
        "insert into {prefix}queue_kind (id, queue_id, kind_id) values (1, 1, 1)".to_owned(),
        "update {prefix}meta set value = value + 1 where name = 'settings'".to_owned(),
        "insert into {prefix}key_limit (namespace_id, name, version, definition) \
         values (1, 'host', 1, '{\"concurrency\":2}'), (1, 'order', 1, '{\"ordered\":true,\"concurrency\":1}')"
            .to_owned(),
        format!(
            "insert into {{prefix}}worker (id, nonce, name, queues, kinds, slots, lease_ms, started_at, expires_at) \
             values (5, 7, 'old', '[]', '[]', 4, 30000, {at}, {expires_at})"
        ),
        // Three wait, four run.
        "insert into {prefix}tally (queue_id, kind_id, measure, n) values (1, 1, 1, 3), (1, 1, 3, 4)".to_owned(),
    ]
    .into();
    rows.extend(Old::ALL.into_iter().flat_map(|job| job.rows(payload)));
    rows
}

/// The script of this release up to schema 16, and its statements for 17.
fn scripts(url: &str) -> (String, String) {
    let script = schema::sql(url, 0, WRITTEN).expect("a script");
    let (before, after) = script.split_once("\n-- Migration 17\n").expect("a migration");
    (before.to_owned(), after.to_owned())
}

/// A database of schema 16 on a server, with live leases.
async fn server(backend: Backend) -> Option<String> {
    let url = backend.fresh_url()?;
    let mut admin = Admin::connect(backend, &url).await;
    let (script, tables) = (scripts(&url).0, Admin::tables(&url));
    let payload = if backend == Backend::Mysql {
        printed(&mariadb(&url, &script));
        "x'31'"
    } else {
        printed(&psql(&url, &format!("{script}\ncommit;")));
        let day = WRITTEN_MS / 86_400_000;
        let add_days = format!("select {{prefix}}add_days({day}, {})", day + 1);
        admin.run(&add_days.replace("{prefix}", &tables)).await;
        "'1'"
    };
    for statement in written(payload) {
        admin.run(&statement.replace("{prefix}", &tables)).await;
    }
    // Names that come later get numbers after these.
    if backend == Backend::Postgres {
        for table in ["queue", "kind", "queue_kind"] {
            admin.run(&format!("alter table {tables}{table} alter column id restart with 2")).await;
        }
    }
    Some(url)
}

/// The database is brought up to date by whoever opens it, and every limit holds from then on.
async fn limits_hold(t: &Harness) {
    t.check().await;
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;

    // The one that was let in needs nobody's leave; the rest finds its keys full.
    script.started(1).await;
    assert_eq!(script.order(), [Old::LetIn.id()]);
    let mut jobs = Old::ALL.map(Old::id).to_vec();
    for key in ["host:full", "host:mixed", "order"] {
        let job = t.enqueue(NewJob::new("mail", "1").concurrency_key(key)).await;
        t.until(&format!("the job of key {key} waits"), async || {
            (t.get(job).await.reason == Some(Reason::Throttled)).then_some(())
        })
        .await;
        jobs.push(job);
    }
    for job in [Old::Waits, Old::Behind] {
        assert_eq!(t.get(job.id()).await.reason, Some(Reason::Throttled), "{job:?}");
    }
    assert_eq!(script.ran().len(), 1);

    // The worker of the older release is never heard of again.
    script.release();
    t.until_after("all have completed", Duration::from_secs(1), async || {
        let records = t.queue.get_many(jobs.clone()).await.expect("jobs");
        for (key, most) in [("host:full", 2), ("host:mixed", 2), ("order", 1)] {
            let runs = |job: &&windlass::JobRecord| {
                job.state == State::Running && job.concurrency_key() == Some(key)
            };
            let running = records.iter().filter(runs).count();
            assert!(running <= most, "{running} jobs of {key} run");
        }
        records.iter().all(|job| job.state == State::Completed).then_some(())
    })
    .await;
    let mut order = script.order();
    order.retain(|job| [Old::Ahead.id(), Old::Behind.id(), jobs[9]].contains(job));
    assert_eq!(order, [Old::Ahead.id(), Old::Behind.id(), jobs[9]]);
    worker.stop().await;
    t.check().await;
}

#[tokio::test]
async fn sqlite_slots_move_into_their_leases() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("jobs.db");
    let url = format!("sqlite:{}", path.display());
    let connection = rusqlite::Connection::open(&path).expect("a file");
    let script = format!("{}\ncommit;", scripts(&url).0);
    connection.execute_batch(&script).expect("schema 16");
    for statement in written("x'31'") {
        let statement = statement.replace("{prefix}", "windlass_");
        connection.execute_batch(&statement).expect("a row");
    }
    drop(connection);

    limits_hold(&Harness::at(&url).await).await;
}

#[tokio::test]
async fn postgres_slots_move_into_their_leases() {
    let Some(url) = server(Backend::Postgres).await else { return };

    limits_hold(&Harness::at(&url).await).await;
}

#[tokio::test]
async fn mysql_slots_move_into_their_leases() {
    let Some(url) = server(Backend::Mysql).await else { return };

    limits_hold(&Harness::at(&url).await).await;
}

#[tokio::test]
async fn mysql_slots_move_into_their_leases_when_the_first_attempt_was_cut_off() {
    let Some(url) = server(Backend::Mysql).await else { return };
    let script = scripts(&url).1;
    // After the leases have their slots, and before the rows they had them in are gone.
    let (done, _) = script.split_once("delete s from").expect("a statement");
    printed(&mariadb(&url, done));

    limits_hold(&Harness::at(&url).await).await;
}
