//! What the environment says.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of the service, all with defaults.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ORDERS_DATABASE`: `sqlite:PATH` or `postgres://..`; orders and jobs are in the same one.
    pub database: String,
    /// `ORDERS_HTTP`: where to listen.
    pub http: String,
    /// `ORDERS_WORKERS`: jobs at a time; 0 takes orders and leaves the jobs to other processes.
    pub workers: usize,
    /// `ORDERS_LEASE_MS`: how long this process may be silent before others get its jobs.
    pub lease: Duration,
    /// `ORDERS_MAIL_FILE`: emails are written there, one JSON document a line.
    pub mail_file: PathBuf,
    /// `ORDERS_WEBHOOK`: an `http://` address to tell of every order; none if it is empty.
    pub webhook: Option<String>,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a number is none.
    pub fn from_env() -> Result<Self, String> {
        let text = |name: &str, default: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.is_empty())
                .unwrap_or_else(|| default.to_owned())
        };
        let number = |name: &str, default: &str| {
            let value = text(name, default);
            value.parse::<u32>().map_err(|_| format!("{name} is `{value}`, which is no number"))
        };
        Ok(Self {
            database: text("ORDERS_DATABASE", "sqlite:orders.db"),
            http: text("ORDERS_HTTP", "127.0.0.1:8090"),
            workers: usize::try_from(number("ORDERS_WORKERS", "10")?).unwrap_or(usize::MAX),
            lease: Duration::from_millis(u64::from(number("ORDERS_LEASE_MS", "30000")?)),
            mail_file: text("ORDERS_MAIL_FILE", "mail.jsonl").into(),
            webhook: Some(text("ORDERS_WEBHOOK", "")).filter(|url| !url.is_empty()),
        })
    }
}
