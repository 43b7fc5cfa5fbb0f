//! Fingerprints of failures: dead letters that died of the same thing have the same one.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Characters of a message that are looked at, and of its gist.
const MESSAGE_CHARS_MAX: usize = 1000;
const GIST_CHARS_MAX: usize = 200;

/// Digits from which on a word of digits and hexadecimal letters is an address or id.
const HEX_DIGITS_MIN: usize = 8;

/// The same for failures of one kind and class whose messages differ only in numbers, ids and what is in
/// quotes: 16 hexadecimal digits.
pub(crate) fn fingerprint(kind: &str, class: &str, message: &str) -> String {
    let mut hash = Sha256::new();
    for part in [kind, class, &gist(message)] {
        hash.update(part);
        hash.update([0]);
    }
    let mut text = String::with_capacity(16);
    for byte in &hash.finalize()[..8] {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The first line of a message, with a placeholder for each number, id and quotation.
fn gist(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut gist = String::new();
    let end = line.char_indices().nth(MESSAGE_CHARS_MAX).map_or(line.len(), |(at, _)| at);
    let mut rest = &line[..end];
    while let Some(first) = rest.chars().next() {
        let (part, after) = split(rest, first);
        gist.push_str(placeholder(part, first));
        rest = after;
    }
    gist.chars().take(GIST_CHARS_MAX).collect()
}

/// The first part of a text that is replaced or kept as a whole, and what follows it.
fn split(text: &str, first: char) -> (&str, &str) {
    let end = match first {
        '"' | '\'' | '`' => match text[1..].find(first) {
            Some(close) => close + 2,
            None => 1,
        },
        first if first.is_whitespace() => {
            text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len())
        }
        first if is_of_word(first) => word_end(text),
        first => first.len_utf8(),
    };
    text.split_at(end)
}

const fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Up to the end of a word, with the apostrophes in it.
fn word_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let joins = c == '\'' && chars.peek().is_some_and(|(_, next)| is_of_word(*next));
        if !is_of_word(c) && !joins {
            return at;
        }
    }
    text.len()
}

fn placeholder(part: &str, first: char) -> &str {
    match first {
        '"' | '\'' | '`' if part.len() > 1 => "<text>",
        first if first.is_whitespace() => " ",
        first if !is_of_word(first) => part,
        _ => {
            let digits = part.bytes().filter(u8::is_ascii_digit).count();
            let is_hex = part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
            if is_hex && part.len() >= HEX_DIGITS_MIN && digits > 0 {
                "<id>"
            } else if digits > 0 {
                "<n>"
            } else {
                part
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ids_and_quotations_do_not_count() {
        let cases = [
            ("no user 812 in shard-3", "no user <n> in <n>"),
            ("timeout after 30s", "timeout after <n>"),
            ("row 0b9c8f3e-12ab-4cde-8f01-0123456789ab is locked", "row <id> is locked"),
            ("cannot read \"a b.txt\":  refused\nsecond line", "cannot read <text>: refused"),
            ("it's 5 o'clock", "it's <n> o'clock"),
            ("'", "'"),
            ("", ""),
            ("\n  \n after empty lines", "after empty lines"),
        ];
        for (message, expected) in cases {
            assert_eq!(gist(message), expected, "{message}");
        }
    }

    #[test]
    fn kind_class_and_gist_make_the_difference() {
        let one = fingerprint("mail", "retryable", "no user 1");

        assert_eq!(one, fingerprint("mail", "retryable", "no user 2"));
        assert_eq!(one.len(), 16);
        for other in [
            fingerprint("sms", "retryable", "no user 1"),
            fingerprint("mail", "timeout", "no user 1"),
            fingerprint("mail", "retryable", "no such user"),
            fingerprint("mailr", "etryable", "no user 1"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn long_and_strange_messages_are_cut() {
        let long = "\u{e4}".repeat(1000);
        assert_eq!(gist(&long).chars().count(), GIST_CHARS_MAX);
    }
}
