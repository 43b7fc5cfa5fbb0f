//! Bounds of the server's connections.

use std::time::Duration;

use clap::Args;
use windlass_server::Limits;

use crate::args::duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct BoundArgs {
    /// Connections at a time
    #[arg(
        long,
        value_name = "N",
        env = "WINDLASS_LIMITS__CONNECTIONS",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    limit_connections: u32,

    /// Connections at a time from one address; this machine and trusted proxies may have more
    #[arg(
        long,
        value_name = "N",
        env = "WINDLASS_LIMITS__CONNECTIONS_PER_ADDRESS",
        default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    limit_connections_per_address: u32,

    /// How long a client may take for the head of a request
    #[arg(
        long,
        value_name = "SPAN",
        env = "WINDLASS_LIMITS__HEAD",
        default_value = "10s",
        value_parser = span
    )]
    limit_head: Duration,

    /// How long a client may take for a body, and a second more for every 8 KiB
    #[arg(
        long,
        value_name = "SPAN",
        env = "WINDLASS_LIMITS__BODY",
        default_value = "10s",
        value_parser = span
    )]
    limit_body: Duration,

    /// How long a client may read nothing of its answer
    #[arg(
        long,
        value_name = "SPAN",
        env = "WINDLASS_LIMITS__WRITE",
        default_value = "30s",
        value_parser = span
    )]
    limit_write: Duration,

    /// How long a connection is kept for the next request
    #[arg(
        long,
        value_name = "SPAN",
        env = "WINDLASS_LIMITS__IDLE",
        default_value = "75s",
        value_parser = span
    )]
    limit_idle: Duration,
}

impl BoundArgs {
    pub(crate) fn limits(&self) -> Limits {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Limits {
            head: self.limit_head,
            idle: self.limit_idle,
            body: self.limit_body,
            write: self.limit_write,
            connections: count(self.limit_connections),
            connections_per_address: count(self.limit_connections_per_address),
        }
    }
}

/// From 100 ms to an hour: less refuses honest clients, more bounds nothing.
fn span(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    if (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&span) {
        Ok(span)
    } else {
        Err(format!("`{text}` is not between 100ms and 1h"))
    }
}
