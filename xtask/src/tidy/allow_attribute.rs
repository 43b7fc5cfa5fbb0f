//! An expectation that no longer holds is reported by the compiler; an allowance never is.

use super::Violation;
use super::rust_source::code_lines_with;

pub(super) fn check(_path: &str, text: &str) -> Vec<Violation> {
    let lines =
        ["#[allow(", "#![allow("].into_iter().flat_map(|needle| code_lines_with(text, needle));
    lines.map(|line| Violation::new(line, "use #[expect(.., reason)] instead of allow")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowances_fail() {
        let found = check("a.rs", "#![allow(missing_docs)]\n\n#[allow(dead_code)]\nfn f() {}");
        let lines: Vec<usize> = found.iter().map(|v| v.line).collect();
        assert_eq!(lines, [3, 1]);
    }

    #[test]
    fn expectations_pass() {
        assert!(check("a.rs", "#[expect(dead_code, reason = \"later\")]\nfn f() {}").is_empty());
    }
}
