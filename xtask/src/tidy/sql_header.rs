//! A statement file says first what it is for.

use super::Violation;

pub(super) fn check(_path: &str, text: &str) -> Vec<Violation> {
    let purpose = text.lines().next().and_then(|line| line.strip_prefix("--")).unwrap_or_default();
    if !purpose.trim().is_empty() {
        return Vec::new();
    }
    vec![Violation::new(1, "no `--` comment says what the statement is for")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_starts_without_purpose_fails() {
        for text in ["", "select 1;\n-- Late.\n", "\n-- Late.\n", "--\nselect 1;\n"] {
            assert_eq!(check("a.sql", text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn a_file_with_a_purpose_passes() {
        assert!(check("a.sql", "-- Claim ready jobs.\nselect 1;\n").is_empty());
    }
}
