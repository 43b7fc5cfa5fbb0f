//! How servers read pages: MySQL those of jobs that wait, by their reason, in the order of the page (PostgreSQL
//! decides by its statistics, and leaves that index out while the room is small); PostgreSQL those of jobs that
//! have failed, by the index that leaves out the completed ones.

use std::time::Duration;

use windlass::NewJob;
use windlass_testkit::{Admin, Backend, Harness};

const DELAYED: &str = include_str!("../../sql/common/list_delayed.sql");
const ENDED: &str = include_str!("../../sql/common/list_ended.sql");

/// A statement of the engine with these conditions.
fn statement(url: &str, text: &str, filter: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join(" ");
    lines.replace("{prefix}", &Admin::tables(url)).replace("{filter}", filter)
}

/// Many jobs that are scheduled: those that are tried again lie behind them.
async fn fill(t: &Harness) {
    let job = || NewJob::new("later", "1").delay(Duration::from_secs(3600));
    let stored = t.queue.enqueue_batch((0..300).map(|_| job()).collect(), true).await;
    assert_eq!(stored.expect("stored").len(), 300);
}

#[tokio::test]
async fn mysql_reads_a_page_of_retrying_jobs_by_its_index() {
    let Some(t) = Harness::mysql().await else { return };
    fill(&t).await;
    let mut admin = Admin::connect(Backend::Mysql, t.url()).await;
    let filter =
        "and d.reason = 30 and d.job_id < 9223372036854775807 order by d.job_id desc limit 101";
    let page = statement(t.url(), DELAYED, filter);

    let plan = admin.texts(&format!("explain format=json {page}")).await.join("\n");

    assert!(plan.contains("delayed_reason") && !plan.contains("filesort"), "{plan}");
}

/// The plan of a statement with parameters that the planner does not know, as the engine asks for it.
async fn plan_of(t: &Harness, statement: &str, params: usize) -> String {
    let mut admin = Admin::connect(Backend::Postgres, t.url()).await;
    let types = vec!["bigint"; params].join(", ");
    let values = vec!["9223372036854775807"; params].join(", ");
    admin.run(&format!("prepare page ({types}) as {statement}")).await;
    admin.run("set plan_cache_mode = force_generic_plan").await;
    for kind in ["seqscan", "hashjoin", "mergejoin", "bitmapscan"] {
        admin.run(&format!("set enable_{kind} = off")).await;
    }
    admin.texts(&format!("explain execute page ({values})")).await.join("\n")
}

#[tokio::test]
async fn postgres_reads_a_page_of_jobs_that_failed_by_its_index() {
    let Some(t) = Harness::postgres().await else { return };
    fill(&t).await;
    let filter = "and o.state = 6 and o.job_id < $1 order by o.job_id desc limit $2";

    let plan = plan_of(&t, &statement(t.url(), ENDED, filter), 2).await;

    assert!(plan.contains("state_job_id_idx") && !plan.contains("Sort"), "{plan}");
}
