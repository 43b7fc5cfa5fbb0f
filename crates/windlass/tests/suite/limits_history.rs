//! The history of every lease, written by triggers of the database itself: at no instant more of a key than
//! allowed, through crashes, retries and changes of the limit.

use std::time::Duration;

use windlass::{JobId, Limit, NewJob, State};
use windlass_testkit::{Act, Harness, Script};

use crate::clients::{mariadb, printed, psql};
use crate::lease::Doomed;

const KEYS: usize = 20;
const JOBS: usize = 300;
const MOST: u32 = 3;

const SQLITE: &str = "
create table lease_history (seq integer primary key autoincrement, job_id integer, n integer);
create trigger lease_taken after insert on windlass_lease
begin insert into lease_history (job_id, n) values (new.job_id, 1); end;
create trigger lease_ended after delete on windlass_lease
begin insert into lease_history (job_id, n) values (old.job_id, -1); end;";

const POSTGRES: &str = "
create table windlass.lease_history (seq bigserial primary key, job_id bigint, n integer);
create function windlass.lease_noted() returns trigger language plpgsql as $$ begin
  if tg_op = 'INSERT' then insert into windlass.lease_history (job_id, n) values (new.job_id, 1);
  else insert into windlass.lease_history (job_id, n) values (old.job_id, -1); end if;
  return null;
end $$;
create trigger lease_noted after insert or delete on windlass.lease
for each row execute function windlass.lease_noted();";

const MYSQL: &str = "
create table windlass_lease_history (seq bigint primary key auto_increment, job_id bigint, n int);
create trigger windlass_lease_taken after insert on windlass_lease
for each row insert into windlass_lease_history (job_id, n) values (new.job_id, 1);
create trigger windlass_lease_ended after delete on windlass_lease
for each row insert into windlass_lease_history (job_id, n) values (old.job_id, -1);";

/// The most leases that jobs with one key ever had at the same time.
const MOST_AT_A_TIME: &str = "
select max(held) from (
  select sum(h.n) over (partition by j.correlation_id order by h.seq) as held
  from LEASE_HISTORY h join JOB j on j.id = h.job_id
) x;";

#[tokio::test]
async fn no_key_ever_has_too_many_leases_on_sqlite() {
    let t = Harness::sqlite_file().await;
    let path = t.app_url().trim_start_matches("sqlite:").to_owned();
    rusqlite::Connection::open(&path).expect("the file").execute_batch(SQLITE).expect("triggers");

    disturbed(&t).await;

    let most = MOST_AT_A_TIME.replace("LEASE_HISTORY", "lease_history");
    let most = most.replace("JOB", "windlass_job");
    let connection = rusqlite::Connection::open(&path).expect("the file");
    let most: u32 = connection.query_row(&most, [], |row| row.get(0)).expect("a number");
    assert_eq!(most, MOST);
}

#[tokio::test]
async fn no_key_ever_has_too_many_leases_on_postgres() {
    let Some(t) = Harness::postgres().await else { return };
    printed(&psql(t.url(), POSTGRES));

    disturbed(&t).await;

    let most = MOST_AT_A_TIME.replace("LEASE_HISTORY", "windlass.lease_history");
    let most = printed(&psql(t.url(), &most.replace("JOB", "windlass.job")));
    assert_eq!(most, MOST.to_string());
}

#[tokio::test]
async fn no_key_ever_has_too_many_leases_on_mysql() {
    let Some(t) = Harness::mysql().await else { return };
    printed(&mariadb(t.url(), MYSQL));

    disturbed(&t).await;

    let most = MOST_AT_A_TIME.replace("LEASE_HISTORY", "windlass_lease_history");
    let most = printed(&mariadb(t.url(), &most.replace("JOB", "windlass_job")));
    assert_eq!(most, MOST.to_string());
}

/// Runs jobs of many keys under workers that die, fail, snooze and hang, while the limit changes.
async fn disturbed(t: &Harness) {
    t.queue.set_limit("key", Limit::concurrency(MOST), None).await.expect("a limit");
    let job = |n: usize| {
        let key = format!("key:{}", n % KEYS);
        NewJob::new("mail", "1").correlation_id(&key).concurrency_key(key).max_crashes(100)
    };
    let stored = t.queue.enqueue_batch((0..JOBS).map(job).collect(), true).await.expect("stored");
    let ids: Vec<JobId> = stored.into_iter().map(|job| job.expect("a valid job").id()).collect();
    let second = Duration::from_secs(1);
    for round in 0..4 {
        let acts = [Act::Complete("1"), Act::Fail("no"), Act::Snooze(second), Act::Hang, Act::Hang];
        let doomed = Doomed::start(t, &Script::new(std::iter::repeat_n(acts, 20).flatten()));
        let steady =
            Script::new(std::iter::repeat_n([Act::Complete("1"), Act::Fail("no")], 10).flatten());
        let worker = t.start(&steady).await;
        t.until_after("some have run", second, async || (steady.ran().len() >= 20).then_some(()))
            .await;
        doomed.die();
        let limit = Limit::concurrency(if round % 2 == 0 { 1 } else { MOST });
        t.queue.set_limit("key", limit, None).await.expect("a limit");
        worker.stop().await;
    }
    let worker = t.start(&Script::completing()).await;
    t.until_after("all have completed", Duration::from_secs(5), async || {
        let jobs = t.queue.get_many(ids.clone()).await.expect("jobs");
        jobs.iter().all(|job| job.state == State::Completed).then_some(())
    })
    .await;
    worker.stop().await;
    t.check().await;
}
