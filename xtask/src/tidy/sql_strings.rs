//! Only the store speaks SQL; a statement elsewhere would change the tables behind its back.

use super::Violation;
use super::rust_source::{Class, pieces};

/// Where SQL belongs, the floors we measure against, which are bare SQL on purpose, the servers of
/// the tests, which hold none of our tables yet, their administrator, tests and examples that play one
/// or an application with tables of its own, and the samples these checks are tested with.
const HOMES: [&str; 11] = [
    "crates/windlass/src/store/",
    "crates/windlass/sql/",
    "crates/windlass/migrations/",
    "crates/windlass/tests/suite/",
    "crates/windlass-cli/tests/cli/outage.rs",
    "crates/windlass-testkit/src/floor",
    "crates/windlass-testkit/src/admin.rs",
    "crates/windlass-servers/",
    "benches/",
    "examples/",
    "xtask/src/tidy/",
];

pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    if HOMES.iter().any(|home| path.starts_with(home)) || path.contains("/benches/") {
        return Vec::new();
    }
    let statements =
        pieces(text).into_iter().filter(|p| p.class == Class::Literal && is_sql(p.text));
    statements.map(|p| Violation::new(p.line, "SQL outside crates/windlass/src/store")).collect()
}

/// A statement's first word, and for words that also begin English sentences its second.
fn is_sql(literal: &str) -> bool {
    // The literal is as written: an escaped line break is still two characters.
    let lower = literal.to_ascii_lowercase().replace("\\n", " ").replace("\\t", " ");
    let words: Vec<&str> = lower.split_whitespace().filter(|word| *word != "\\").collect();
    let [first, second, ..] = words[..] else { return false };
    match first {
        "select" | "pragma" => true,
        "insert" => ["into", "or"].contains(&second),
        "delete" => second == "from",
        "update" => second == "or" || words.contains(&"set"),
        "create" => CREATED.contains(&second),
        _ => false,
    }
}

const CREATED: [&str; 9] =
    ["table", "index", "unique", "view", "trigger", "temp", "temporary", "virtual", "schema"];

#[cfg(test)]
mod tests {
    use super::*;

    const ELSEWHERE: &str = "crates/windlass/src/queue/inspect.rs";

    #[test]
    fn statements_outside_the_store_fail() {
        for sql in [
            "select 1",
            "\\n  Select id\\n from ready",
            "insert into ready (id) values ($1)",
            "INSERT OR IGNORE into ready values (1)",
            "update ready\n set id = $1",
            "delete from lease",
            "create table ready (id)",
            "CREATE UNIQUE INDEX a on b (c)",
            "pragma journal_mode",
        ] {
            let found = check(ELSEWHERE, &format!("fn f() {{\n    run(\"{sql}\")\n}}"));
            assert_eq!(
                found,
                [Violation::new(2, "SQL outside crates/windlass/src/store")],
                "{sql}"
            );
        }
        assert_eq!(check(ELSEWHERE, "const Q: &str = r#\"select \"a\"\"#;").len(), 1);
    }

    #[test]
    fn english_comments_and_the_store_pass() {
        for words in
            ["create a queue", "update the lease of a job", "delete jobs", "selected", "select"]
        {
            assert!(
                check(ELSEWHERE, &format!("const HELP: &str = \"{words}\";")).is_empty(),
                "{words}"
            );
        }
        assert!(check(ELSEWHERE, "// \"select 1\" is refused here").is_empty());
        let statement = "const Q: &str = \"select 1\";";
        for home in [
            "crates/windlass/src/store/rows.rs",
            "crates/windlass-testkit/src/floor.rs",
            "benches/claim.rs",
        ] {
            assert!(check(home, statement).is_empty(), "{home}");
        }
    }
}
