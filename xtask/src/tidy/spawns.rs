//! Tasks start in `runtime` alone, which counts and names them: shutdown waits for what it knows.

use super::Violation;
use super::rust_source::{code_lines_with, is_test_file, lines_before_tests};

const HOME: &str = "crates/windlass/src/runtime/";
const NEEDLES: [&str; 2] = ["tokio::spawn(", "tokio::task::spawn("];

pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    if path.starts_with(HOME) || is_test_file(path) {
        return Vec::new();
    }
    let n_lines = lines_before_tests(text);
    let lines = NEEDLES.into_iter().flat_map(|needle| code_lines_with(text, needle));
    let report =
        |line| Violation::new(line, "spawn through runtime::tasks: shutdown must know the task");
    lines.filter(|&line| line <= n_lines).map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAWN: &str = "fn f() {\n    tokio::spawn(async {});\n}\n";

    #[test]
    fn a_task_started_elsewhere_fails() {
        for path in ["crates/windlass/src/worker/slot.rs", "crates/windlass-server/src/router.rs"] {
            assert_eq!(check(path, SPAWN)[0].line, 2);
        }
    }

    #[test]
    fn the_runtime_and_tests_pass() {
        assert!(check("crates/windlass/src/runtime/tasks.rs", SPAWN).is_empty());
        assert!(check("crates/windlass/tests/suite/claim.rs", SPAWN).is_empty());
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n{SPAWN}}}\n");
        assert!(check("crates/windlass/src/worker/slot.rs", &in_tests).is_empty());
        assert!(
            check("crates/windlass/src/lib.rs", "//! Never call tokio::spawn() here.\n").is_empty()
        );
    }
}
