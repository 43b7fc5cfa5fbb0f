//! The log: to stderr, as text or JSON, filtered by level.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::exit::Failure;
use crate::output::sink::{self, Lines};

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// How to write the log
    #[arg(
        long,
        env = "WINDLASS_LOG__FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t = LogFormat::Text,
        help_heading = "Log"
    )]
    log_format: LogFormat,

    /// What to log: error, warn, info, debug, trace, or a filter such as `windlass=debug` [default: info]
    #[arg(long, env = "WINDLASS_LOG__LEVEL", value_name = "LEVEL", help_heading = "Log")]
    log_level: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object per line
    Json,
}

/// Starts the log of the server, which waits for no reader.
pub(crate) fn for_server(args: &LogArgs) -> Result<(), Failure> {
    let filter = match &args.log_level {
        Some(level) => EnvFilter::try_new(level)
            .map_err(|error| Failure::usage(format!("--log-level `{level}`: {error}")))?,
        None => from_env("info"),
    };
    sink::never_wait();
    start(filter, args.log_format);
    Ok(())
}

/// As above, for a worker, which only reports trouble.
pub(crate) fn for_workers() {
    sink::never_wait();
    for_clients();
}

/// Starts the log of a command that only reports trouble.
pub(crate) fn for_clients() {
    start(from_env("warn"), LogFormat::Text);
}

fn from_env(default: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default))
}

fn start(filter: EnvFilter, format: LogFormat) {
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Lines);
    match format {
        LogFormat::Text => log.with_ansi(has_colour()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Colour is for terminals whose owner did not ask for none.
fn has_colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}
