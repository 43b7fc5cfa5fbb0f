//! How MySQL reads pages of jobs that wait: by their reason, in the order of the page. PostgreSQL decides by its
//! statistics, and leaves that index out while the room is small.

use std::time::Duration;

use windlass::NewJob;
use windlass_testkit::{Admin, Backend, Harness};

/// The statement of the engine, with the conditions of a page of one reason.
fn statement(url: &str, [reason, before, limit]: [&str; 3]) -> String {
    let text = include_str!("../../sql/common/list_delayed.sql");
    let lines = text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join(" ");
    let filter = format!(
        "and d.reason in ({reason}) and d.job_id < {before} order by d.job_id desc limit {limit}"
    );
    lines.replace("{prefix}", &Admin::tables(url)).replace("{filter}", &filter)
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
    let page = statement(t.url(), ["30", "9223372036854775807", "101"]);

    let plan = admin.texts(&format!("explain format=json {page}")).await.join("\n");

    assert!(plan.contains("delayed_reason") && !plan.contains("filesort"), "{plan}");
}
