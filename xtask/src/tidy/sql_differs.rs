//! A dialect has its own copy of a statement only for a reason, which the copy states.

use super::Violation;

const MARK: &str = "-- differs:";

pub(super) fn check(_path: &str, text: &str) -> Vec<Violation> {
    let reasons = text
        .lines()
        .enumerate()
        .filter_map(|(i, line)| Some((i + 1, line.trim().strip_prefix(MARK)?)));
    let missing = reasons.filter(|(_, reason)| reason.trim().is_empty());
    missing.map(|(line, _)| Violation::new(line, format!("`{MARK}` without a reason"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_without_a_reason_fails() {
        let found = check("a.sql", "-- Claim.\n-- differs: \nselect 1;\n");
        assert_eq!(found, [Violation::new(2, "`-- differs:` without a reason")]);
    }

    #[test]
    fn a_reason_or_no_mark_passes() {
        assert!(check("a.sql", "-- Claim.\n-- differs: no skip locked\n").is_empty());
        assert!(check("a.sql", "-- Claim.\n").is_empty());
    }
}
