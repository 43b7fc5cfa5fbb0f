//! House rules that neither rustc nor clippy checks. Lists every violation, then fails.
//!
//! A check is a pure function of a file's path and text; only this file reads the tree.

mod allow_attribute;
mod ascii;
mod clock;
mod features;
mod links;
mod rust_source;
mod size;
mod spawns;
mod sql_differs;
mod sql_header;
mod sql_strings;
mod sql_unused;
mod unfinished;
mod words;

use std::collections::BTreeSet;

use crate::Failure;
use crate::cargo::{root, tracked_files};

/// One broken rule; whoever reports it knows the file.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    /// Counted from 1.
    line: usize,
    reason: String,
}

impl Violation {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

type Check = fn(path: &str, text: &str) -> Vec<Violation>;

const RUST_CHECKS: &[Check] = &[
    size::check,
    ascii::check,
    unfinished::check,
    allow_attribute::check,
    spawns::check,
    clock::check,
    sql_strings::check,
    words::check,
];

const SQL_CHECKS: &[Check] = &[sql_header::check, sql_differs::check];

struct File {
    path: String,
    text: String,
}

/// Checks the work tree, committed or not, but nothing git ignores.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if !args.is_empty() {
        return Err(Failure::Usage("tidy takes no arguments".to_owned()));
    }
    let paths: BTreeSet<String> = tracked_files()?.into_iter().collect();
    let files = read(&paths)?;
    let violations = violations(&paths, &files);
    if violations.is_empty() {
        println!("tidy: {} files, no violation", files.len());
        return Ok(());
    }
    println!("{}", violations.join("\n"));
    Err(Failure::Failed(format!("tidy found {} violation(s)", violations.len())))
}

fn read(paths: &BTreeSet<String>) -> Result<Vec<File>, Failure> {
    let is_checked = |path: &&String| [".rs", ".sql", ".md"].iter().any(|end| path.ends_with(end));
    let read_one = |path: &String| match std::fs::read_to_string(root().join(path)) {
        Ok(text) => Ok(File { path: path.clone(), text }),
        Err(error) => Err(Failure::Failed(format!("cannot read {path}: {error}"))),
    };
    let files: Vec<File> =
        paths.iter().filter(is_checked).map(read_one).collect::<Result<_, _>>()?;
    // A walk that finds nothing would pass every check.
    if !files.iter().any(|file| file.path.ends_with(".rs")) {
        return Err(Failure::Failed("git lists no Rust file to check".to_owned()));
    }
    Ok(files)
}

fn violations(paths: &BTreeSet<String>, files: &[File]) -> Vec<String> {
    let store = files.iter().filter(|file| sql_unused::is_store(&file.path));
    let statements_used = sql_unused::names_in(store.map(|file| file.text.as_str()));
    let tests = files.iter().map(|file| (file.path.as_str(), file.text.as_str()));
    let tests = features::tests_in(tests);
    let check = |file: &File| -> Vec<Violation> {
        let run =
            |checks: &[Check]| checks.iter().flat_map(|c| c(&file.path, &file.text)).collect();
        match file.path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "rs" => run(RUST_CHECKS),
            "sql" => {
                let mut found: Vec<Violation> = run(SQL_CHECKS);
                found.extend(sql_unused::check(&file.path, &statements_used));
                found
            }
            _ => {
                let mut found = links::check(&file.path, &file.text, paths);
                found.extend(features::check(&file.path, &file.text, &tests));
                found
            }
        }
    };
    let mut lines = Vec::new();
    for file in files {
        let found = check(file);
        lines.extend(found.iter().map(|v| format!("{}:{}: {}", file.path, v.line, v.reason)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(files: &[(&str, &str)]) -> Vec<String> {
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let own = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        violations(&paths, &files.iter().map(own).collect::<Vec<_>>())
    }

    #[test]
    fn each_kind_of_file_meets_its_checks() {
        let found = report(&[
            ("README.md", "see [the guide](docs/guide.md)\n"),
            ("crates/windlass/sql/common/claim.sql", "-- Claim.\nselect 1;\n"),
            ("crates/windlass/sql/common/fail.sql", "select 1;\n"),
            ("crates/windlass/src/lib.rs", "fn f() {}\nfn g() { let s = \"select 1\"; }\n"),
            ("crates/windlass/src/store/mod.rs", "const CLAIM: &str = \"claim\";\n"),
        ]);

        assert_eq!(
            found,
            [
                "README.md:1: link to `docs/guide.md`, which does not exist",
                "crates/windlass/sql/common/fail.sql:1: no `--` comment says what the statement is for",
                "crates/windlass/sql/common/fail.sql:1: no string \"fail\" in crates/windlass/src/store \
                 uses this statement",
                "crates/windlass/src/lib.rs:2: SQL outside crates/windlass/src/store",
            ]
        );
    }

    #[test]
    fn a_clean_tree_has_no_violation() {
        assert!(
            report(&[("README.md", "[code](src/lib.rs)"), ("src/lib.rs", "fn f() {}")]).is_empty()
        );
    }
}
