//! A statement file that the store does not name is never run, and so never right.

use std::collections::BTreeSet;

use super::Violation;
use super::rust_source::{Class, pieces};

const STATEMENTS: &str = "crates/windlass/sql/";
const STORE: &str = "crates/windlass/src/store/";

/// Whether a file may name statements.
pub(super) fn is_store(path: &str) -> bool {
    path.starts_with(STORE) && path.ends_with(".rs")
}

/// Every statement the sources name: `"claim"`, or a path that ends in `/claim.sql`.
pub(super) fn names_in<'a>(sources: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let literals = sources.flat_map(pieces).filter(|piece| piece.class == Class::Literal);
    literals.map(|piece| stem(piece.text).to_owned()).collect()
}

/// Reports a statement file of the library that is not among `names`.
pub(super) fn check(path: &str, names: &BTreeSet<String>) -> Vec<Violation> {
    let name = stem(path);
    if !path.starts_with(STATEMENTS) || names.contains(name) {
        return Vec::new();
    }
    let reason = format!("no string \"{name}\" in crates/windlass/src/store uses this statement");
    vec![Violation::new(1, reason)]
}

fn stem(path: &str) -> &str {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    file.strip_suffix(".sql").unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_nobody_names_fails() {
        let names = names_in(["// \"claim\"", "fn claim() { run(\"claims\") }"].into_iter());
        let found = check("crates/windlass/sql/sqlite/claim.sql", &names);
        assert_eq!(
            found[0].reason,
            "no string \"claim\" in crates/windlass/src/store uses this statement"
        );
    }

    #[test]
    fn named_statements_and_migrations_pass() {
        let names =
            names_in(["run(\"claim\"); include_str!(\"../../sql/common/fail.sql\")"].into_iter());
        assert!(check("crates/windlass/sql/sqlite/claim.sql", &names).is_empty());
        assert!(check("crates/windlass/sql/common/fail.sql", &names).is_empty());
        assert!(check("crates/windlass/migrations/sqlite/0001_init.sql", &names).is_empty());
    }

    #[test]
    fn only_the_store_names_statements() {
        assert!(is_store("crates/windlass/src/store/sqlite.rs"));
        assert!(!is_store("crates/windlass/src/queue/inspect.rs"));
    }
}
