//! Small programs, each about one thing. Every one is run by a test, and by `cargo run -p example-small -- NAME`.

#![expect(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "programs to read and copy: whatever goes wrong in them is said and ends them"
)]

pub mod cron;
pub mod embedded_worker;
pub mod outbox_mysql;
pub mod outbox_postgres;
pub mod outbox_sqlite;
pub mod rate_limit;
pub mod typed_results;
pub mod workflow;

/// Whatever went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
