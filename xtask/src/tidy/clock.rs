//! The engine takes its time from `runtime`'s clock, so tests own time.

use super::Violation;
use super::rust_source::code_lines_with;

const ENGINE: &str = "crates/windlass/src/";
const HOME: &str = "crates/windlass/src/runtime/";

pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    if !path.starts_with(ENGINE) || path.starts_with(HOME) {
        return Vec::new();
    }
    let needles = ["SystemTime::now", "Instant::now"].into_iter();
    let hits = needles
        .flat_map(|needle| code_lines_with(text, needle).into_iter().map(move |l| (l, needle)));
    hits.map(|(line, needle)| {
        Violation::new(line, format!("`{needle}`: take the time from the Clock"))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "use std::time::{Instant, SystemTime};\nfn f() { Instant::now(); }\nfn g() { SystemTime::now(); }\n";

    #[test]
    fn reading_the_system_clock_in_the_engine_fails() {
        let lines: Vec<usize> =
            check("crates/windlass/src/core/settle.rs", NOW).iter().map(|v| v.line).collect();
        assert_eq!(lines, [3, 2]);
    }

    #[test]
    fn the_clock_itself_and_other_crates_pass() {
        assert!(check("crates/windlass/src/runtime/clock.rs", NOW).is_empty());
        assert!(check("crates/windlass-cli/src/main.rs", NOW).is_empty());
        assert!(check("crates/windlass/src/lib.rs", "// not Instant::now\n").is_empty());
    }
}
