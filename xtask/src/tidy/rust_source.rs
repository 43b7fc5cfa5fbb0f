//! Tells code from comments and string literals, and tests from the rest.
//!
//! A small lexer, because a rule about code must not trip over a comment that explains the rule.

/// What a stretch of source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Code,
    Comment,
    /// The inside of a string or character literal, escapes left as written.
    Literal,
}

/// A stretch of one class, without the delimiters around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) class: Class,
    /// Where it starts, counted from 1.
    pub(super) line: usize,
    pub(super) text: &'a str,
}

/// Cuts source into pieces, in order.
pub(super) fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut code_start, mut at) = (0, 0);
    // Counted on from piece to piece: from the top each time would be quadratic.
    let (mut line, mut counted) = (1, 0);
    let mut push = |class, range: std::ops::Range<usize>| {
        if !range.is_empty() {
            line += newlines(&source[counted..range.start]);
            counted = range.start;
            pieces.push(Piece { class, line, text: &source[range] });
        }
    };
    while let Some(next) = source[at..].chars().next() {
        let Some(span) = span_at(&source[at..]) else {
            at += next.len_utf8();
            continue;
        };
        push(Class::Code, code_start..at);
        push(span.class, at + span.open..at + span.close);
        at += span.end;
        code_start = at;
    }
    push(Class::Code, code_start..source.len());
    pieces
}

/// Lines of code, never of a comment or literal, that contain `needle`.
pub(super) fn code_lines_with(source: &str, needle: &str) -> Vec<usize> {
    let code = pieces(source).into_iter().filter(|piece| piece.class == Class::Code);
    code.flat_map(|piece| {
        let hits = piece.text.match_indices(needle);
        hits.map(|(i, _)| piece.line + newlines(&piece.text[..i])).collect::<Vec<_>>()
    })
    .collect()
}

/// How many lines come before the `mod tests` block of a file.
pub(super) fn lines_before_tests(source: &str) -> usize {
    let lines: Vec<&str> = source.lines().collect();
    let is_tests = |start: usize| {
        lines[start] == "#[cfg(test)]"
            && lines[start + 1..].iter().find(|l| !l.starts_with("#[")) == Some(&"mod tests {")
    };
    (0..lines.len()).find(|&i| is_tests(i)).unwrap_or(lines.len())
}

/// Whether the whole file is tests.
pub(super) fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// Byte offsets of a comment or literal, from its first delimiter.
struct Span {
    class: Class,
    open: usize,
    close: usize,
    end: usize,
}

fn span_at(rest: &str) -> Option<Span> {
    match rest.as_bytes()[0] {
        b'/' if rest.starts_with("//") => {
            let end = rest.find('\n').unwrap_or(rest.len());
            Some(Span { class: Class::Comment, open: 2, close: end, end })
        }
        b'/' if rest.starts_with("/*") => Some(block_comment(rest)),
        b'"' => Some(literal(rest, 1, quoted_len(&rest[1..], b'"'), 1)),
        b'r' => raw_string(rest),
        b'\'' => character(rest),
        _ => None,
    }
}

/// A literal that runs to the end of the file when nothing closes it.
fn literal(rest: &str, open: usize, inside: usize, delimiter: usize) -> Span {
    let close = open + inside;
    Span { class: Class::Literal, open, close, end: rest.len().min(close + delimiter) }
}

fn block_comment(rest: &str) -> Span {
    let (mut depth, mut at) = (1_usize, 2);
    while depth > 0 && at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        let step = if tail.starts_with(b"/*") {
            depth += 1;
            2
        } else if tail.starts_with(b"*/") {
            depth -= 1;
            2
        } else {
            1
        };
        at += step;
    }
    let close = if depth == 0 { at - 2 } else { at };
    Span { class: Class::Comment, open: 2, close, end: at }
}

/// `r".."` and `r#".."#`. Not `r#name`: no quote follows its hash.
fn raw_string(rest: &str) -> Option<Span> {
    let hashes = rest[1..].bytes().take_while(|b| *b == b'#').count();
    let open = 1 + hashes + 1;
    if rest.as_bytes().get(open - 1) != Some(&b'"') {
        return None;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    let inside = rest[open..].find(&closing).unwrap_or(rest.len() - open);
    Some(literal(rest, open, inside, closing.len()))
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn character(rest: &str) -> Option<Span> {
    let mut chars = rest[1..].chars();
    let first = chars.next()?;
    if first != '\\' && chars.next() != Some('\'') {
        return None;
    }
    Some(literal(rest, 1, quoted_len(&rest[1..], b'\''), 1))
}

/// Bytes before the closing quote that no backslash escapes.
fn quoted_len(inside: &str, quote: u8) -> usize {
    let mut is_escaped = false;
    let closes = |b: u8| {
        let found = b == quote && !is_escaped;
        is_escaped = b == b'\\' && !is_escaped;
        found
    };
    inside.bytes().position(closes).unwrap_or(inside.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_class(source: &str, class: Class) -> Vec<(usize, &str)> {
        let pieces = pieces(source).into_iter().filter(|piece| piece.class == class);
        pieces.map(|piece| (piece.line, piece.text)).collect()
    }

    #[test]
    fn literals_are_found_in_all_their_spellings() {
        let source = "f(\"a\\\"b\", r\"c\\\", r#\"d\"e\"#, b\"f\",\n 'g', '\\'', '\"', \"h\")";
        let found: Vec<&str> = of_class(source, Class::Literal).iter().map(|p| p.1).collect();
        assert_eq!(found, ["a\\\"b", "c\\", "d\"e", "f", "g", "\\'", "\"", "h"]);
        assert_eq!(of_class(source, Class::Literal)[4].0, 2);
    }

    #[test]
    fn comments_nest_and_hide_quotes() {
        let source = "a /* \" /* b */ c */ d // \"e\"\nf";
        assert_eq!(of_class(source, Class::Comment), [(1, " \" /* b */ c "), (1, " \"e\"")]);
        assert_eq!(of_class(source, Class::Code), [(1, "a "), (1, " d "), (1, "\nf")]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        let source = "fn f<'a>(r#type: &'a str) -> &'static str {}";
        assert_eq!(of_class(source, Class::Code), [(1, source)]);
    }

    #[test]
    fn unclosed_pieces_end_with_the_file() {
        assert_eq!(of_class("a \"b", Class::Literal), [(1, "b")]);
        assert_eq!(of_class("a r#\"b", Class::Literal), [(1, "b")]);
        assert_eq!(of_class("a /* b", Class::Comment), [(1, " b")]);
    }

    #[test]
    fn needles_are_found_in_code_only() {
        let source = "// now()\nlet a = \"now()\";\n\nlet b = now();";
        assert_eq!(code_lines_with(source, "now("), [4]);
    }

    #[test]
    fn tests_begin_at_their_attribute() {
        assert_eq!(lines_before_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(lines_before_tests("a\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n}\n"), 1);
        assert_eq!(lines_before_tests("#[cfg(test)]\nmod fixtures;\nb\n"), 3);
        assert!(is_test_file("crates/windlass/tests/suite/main.rs"));
        assert!(!is_test_file("crates/windlass/src/lib.rs"));
    }
}
