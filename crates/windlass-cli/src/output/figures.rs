//! Figures of the statistics as people read them.

use std::time::Duration;

use serde_json::value::RawValue;
use windlass::format_duration;

use super::{Format, Object, data, document, json};
use crate::exit::Failure;
use crate::output::Table;

/// Prints statistics: in a table with units, in other formats as they came, times in nanoseconds.
pub(crate) fn stats(format: Format, stats: &Object) -> Result<(), Failure> {
    if !matches!(format, Format::Table) {
        return document(format, stats);
    }
    let mut table = Table::without_header();
    for (section, value) in stats.members() {
        rows(&mut table, section, value);
    }
    data(&table.to_string())
}

/// A row for every figure in `value`, with the names of what it is in before its own.
fn rows(table: &mut Table<2>, name: &str, value: &RawValue) {
    match Object::parse(value.get().to_owned()) {
        Ok(inner) => inner
            .members()
            .iter()
            .for_each(|(member, value)| rows(table, &format!("{name}.{member}"), value)),
        Err(_) => table.row([name.to_owned(), figure(name, json::shown(value))]),
    }
}

/// A figure as people read it; times come in nanoseconds.
pub(crate) fn figure(name: &str, value: String) -> String {
    if let (true, Ok(rate)) = (name.ends_with("_per_second"), value.parse::<f64>()) {
        return format!("{rate:.1}");
    }
    match value.parse() {
        Ok(nanos) if nanos > 0 && is_time(name) => {
            let span = Duration::from_nanos(nanos);
            match (span.as_secs(), span.as_millis()) {
                (0, 0) => format!("{}us", span.as_micros()),
                (0, _) => format_duration(span),
                (seconds, _) => format_duration(Duration::from_secs(seconds)),
            }
        }
        _ => value,
    }
}

fn is_time(name: &str) -> bool {
    name.ends_with("_time") || name.ends_with("uptime") || name.starts_with("latency.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_people() {
        for (name, value, shown) in [
            ("uptime", "58228252457", "58s"),
            ("avg_processing_time", "153000", "153us"),
            ("max_processing_time", "304000000", "304ms"),
            ("max_processing_time", "0", "0"),
            ("enqueued_per_second", "0.06827244074378415", "0.1"),
            ("latency.wait.p50", "2000000", "2ms"),
            ("completed", "3", "3"),
        ] {
            assert_eq!(figure(name, value.to_owned()), shown, "{name}");
        }
    }
}
