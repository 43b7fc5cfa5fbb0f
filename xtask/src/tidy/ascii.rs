//! Rust sources are ASCII: what looks alike is alike, and `\u{..}` says what is meant.

use super::Violation;

pub(super) fn check(_path: &str, text: &str) -> Vec<Violation> {
    let first_odd = |line: &str| line.chars().find(|c| !c.is_ascii());
    let odd_lines =
        text.lines().enumerate().filter_map(|(i, line)| Some((i + 1, first_odd(line)?)));
    odd_lines
        .map(|(line, c)| Violation::new(line, format!("not ASCII: {}", c.escape_unicode())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_odd_character_of_a_line_is_named() {
        let found = check("a.rs", "fine\n// caf\u{e9} \u{2013}\n");
        assert_eq!(found, [Violation::new(2, "not ASCII: \\u{e9}")]);
    }

    #[test]
    fn ascii_passes() {
        assert!(check("a.rs", "let tab = \"\\t\";\n").is_empty());
    }
}
