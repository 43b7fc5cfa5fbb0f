//! What the operating system says of this process, and of others by their id.

use std::fs;

/// Processor time used so far, in seconds.
pub(crate) fn cpu_seconds() -> Option<f64> {
    cpu_seconds_of("self")
}

/// As [`cpu_seconds`], of the process with this id.
pub(crate) fn cpu_seconds_of(id: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may contain spaces; user and system time follow it as 12th and 13th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// Resident memory in MiB.
pub(crate) fn rss_mib() -> Option<f64> {
    rss_mib_of("self")
}

/// As [`rss_mib`], of the process with this id.
pub(crate) fn rss_mib_of(id: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
