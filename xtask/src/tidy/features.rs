//! The table of features names tests that are there.

use std::collections::BTreeSet;

use super::Violation;

const TABLE: &str = "docs/features.md";
const SUITE: &str = "crates/windlass/tests/suite/";

/// The behaviours of the suite, as `file::test`, and its files.
pub(super) fn tests_in<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for (path, text) in files {
        let Some(file) = path.strip_prefix(SUITE) else { continue };
        tests.insert(file.to_owned());
        let name = file.strip_suffix(".rs").unwrap_or(file);
        for line in text.lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("async ").unwrap_or(line);
            if let Some((test, _)) = line.strip_prefix("fn ").and_then(|rest| rest.split_once('('))
            {
                tests.insert(format!("{name}::{test}"));
            }
        }
    }
    tests
}

/// Reports tests and files of the suite that the table names and that are not there.
pub(super) fn check(path: &str, text: &str, tests: &BTreeSet<String>) -> Vec<Violation> {
    if path != TABLE {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let named = line.split('`').skip(1).step_by(2);
        let named = named.filter(|name| name.contains("::") || name.ends_with(".rs"));
        for name in named.filter(|name| !tests.contains(*name)) {
            let reason = format!("names `{name}`, which is not in {SUITE}");
            violations.push(Violation::new(index + 1, reason));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests() -> BTreeSet<String> {
        let files = [
            ("crates/windlass/tests/suite/claim.rs", "async fn it_is_claimed(t: &Harness) {\n"),
            ("crates/windlass/src/claim.rs", "fn elsewhere() {}\n"),
        ];
        tests_in(files.into_iter())
    }

    #[test]
    fn a_test_that_is_not_there_fails() {
        let table = "`claim::nothing` is an example\n| B1 | x | `claim::gone`, `other.rs` | |\n";

        let found = check(TABLE, table, &tests());

        let reasons: Vec<&str> = found.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "names `claim::gone`, which is not in crates/windlass/tests/suite/",
                "names `other.rs`, which is not in crates/windlass/tests/suite/",
            ]
        );
    }

    #[test]
    fn tests_that_are_there_pass() {
        let table = "| B1 | `text` | `claim::it_is_claimed`, `claim.rs` | |\n";
        assert!(check(TABLE, table, &tests()).is_empty());
        assert!(check("docs/other.md", "| `claim::gone` |\n", &tests()).is_empty());
    }
}
