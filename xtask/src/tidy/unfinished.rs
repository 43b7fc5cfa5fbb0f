//! Nothing half done is committed: no reminders, no placeholders, no debugging left behind.

use super::Violation;

// Put together from halves, so that this file does not report itself.
const REMINDERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: [&str; 3] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")];

pub(super) fn check(_path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let needles = REMINDERS.into_iter().chain(MACROS).filter(|needle| has_word(line, needle));
        found.extend(
            needles.map(|needle| Violation::new(i + 1, format!("`{needle}`: finish it now"))),
        );
    }
    found
}

/// Whether `needle` stands in the line and is not just the end or start of a longer word.
fn has_word(line: &str, needle: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(i, _)| {
        let after = &line[i + needle.len()..];
        !line[..i].ends_with(is_word) && (needle.ends_with('(') || !after.starts_with(is_word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_needle_is_found_wherever_it_stands() {
        for needle in REMINDERS {
            assert_eq!(check("a.rs", &format!("fn f() {{}}\n// {needle}: later"))[0].line, 2);
        }
        for needle in MACROS {
            assert_eq!(check("a.rs", &format!("fn f() {{ {needle}1) }}")).len(), 1, "{needle}");
        }
    }

    #[test]
    fn longer_words_pass() {
        let [reminder, ..] = REMINDERS;
        let [placeholder, ..] = MACROS;
        assert!(
            check("a.rs", &format!("const {reminder}S: u8 = 1; my_{placeholder});")).is_empty()
        );
    }
}
