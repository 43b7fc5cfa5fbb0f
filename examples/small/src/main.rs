//! Runs one of the examples.

use example_small::{
    Failure, cron, embedded_worker, outbox_mysql, outbox_postgres, outbox_sqlite, rate_limit,
    typed_results, workflow,
};

const USAGE: &str = "example: embedded-worker, typed-results, workflow, cron, rate-limit, outbox-sqlite FILE, \
                     outbox-postgres URL or outbox-mysql URL";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["embedded-worker"] => embedded_worker::run().await,
        ["typed-results"] => typed_results::run().await,
        ["workflow"] => workflow::run().await,
        ["cron"] => cron::run().await,
        ["rate-limit"] => rate_limit::run().await,
        ["outbox-sqlite", file] => outbox_sqlite::run(file).await,
        ["outbox-postgres", url] => outbox_postgres::run(url).await,
        ["outbox-mysql", url] => outbox_mysql::run(url).await,
        _ => Err(USAGE.into()),
    }
}
