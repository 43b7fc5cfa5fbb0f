//! A file nobody can hold in their head hides its faults: files have a longest length.

use super::Violation;
use super::rust_source::{is_test_file, lines_before_tests};

const LINES_MAX: usize = 500;
/// Files of tests are lists, read one entry at a time.
const TEST_FILE_LINES_MAX: usize = 800;

pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    let (n_lines, max, what) = if is_test_file(path) {
        (text.lines().count(), TEST_FILE_LINES_MAX, "lines")
    } else {
        (lines_before_tests(text), LINES_MAX, "lines without its tests")
    };
    if n_lines <= max {
        return Vec::new();
    }
    vec![Violation::new(max + 1, format!("{n_lines} {what} ({max} allowed): split the file"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_allowed_file_passes_and_one_line_more_fails() {
        assert!(check("src/a.rs", &"x\n".repeat(500)).is_empty());
        let found = check("src/a.rs", &"x\n".repeat(501));
        let reason = "501 lines without its tests (500 allowed): split the file";
        assert_eq!(found, [Violation::new(501, reason)]);
    }

    #[test]
    fn unit_tests_do_not_count_and_files_of_tests_may_be_longer() {
        let body = "x\n".repeat(500);
        assert!(
            check("src/a.rs", &format!("{body}#[cfg(test)]\nmod tests {{\n{body}}}")).is_empty()
        );
        assert!(check("crates/a/tests/b.rs", &"x\n".repeat(800)).is_empty());
        assert_eq!(check("crates/a/tests/b.rs", &"x\n".repeat(801)).len(), 1);
    }
}
