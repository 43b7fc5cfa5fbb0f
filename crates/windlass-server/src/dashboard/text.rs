//! How pages write instants, spans, numbers and JSON.
//!
//! Invariant: what is marked as safe here consists of our own markup and of digits; texts of users are escaped.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use windlass::{State, Timestamp};

/// Characters of a payload or result on a page; the API has all of it.
const SHOWN_MAX: usize = 64 << 10;

/// Markup of ours, which templates write as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Safe(pub(super) String);

impl std::fmt::Display for Safe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Safe {}

/// An instant; scripts show how long ago it was.
pub(super) fn time(at: Timestamp) -> Safe {
    let full = at.to_string();
    let (date, rest) = full.split_once('T').unwrap_or((&full, ""));
    let seconds = rest.get(..8).unwrap_or(rest);
    Safe(format!(r#"<time datetime="{full}" title="{date} {seconds} UTC">{date} {seconds}</time>"#))
}

/// An instant, or a dash.
pub(super) fn maybe_time(at: Option<Timestamp>) -> Safe {
    at.map_or_else(|| Safe("<span class=\"none\">&ndash;</span>".to_owned()), time)
}

/// A state: an icon of its own shape, and its name.
pub(super) fn badge(state: State) -> Safe {
    word_badge(state.as_str(), &state.as_str().replace('_', " "))
}

/// A badge in the manner of a state. Both texts are ours.
pub(super) fn word_badge(class: &'static str, word: &str) -> Safe {
    Safe(format!(
        r##"<span class="state s-{class}"><svg class="i" aria-hidden="true"><use href="#i-{class}"/></svg>{word}</span>"##
    ))
}

/// A span with two digits that matter: `340 ms`, `1.2 s`, `3m 20s`, `4h 5m`, `2d 3h`.
pub(super) fn span(span: Duration) -> String {
    let millis = span.as_millis();
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_micros() < 1000 => format!("{} us", span.as_micros()),
        0 => format!("{millis} ms"),
        1..10 => format!("{}.{} s", seconds, (millis % 1000) / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A number with its thousands apart: `12,345`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in four characters or so: `950`, `12.3k`, `4.5M`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn short(n: u64) -> String {
    match n {
        0..10_000 => count(n),
        10_000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.1}G", n as f64 / 1e9),
    }
}

/// A size: `14.2 MiB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}

/// Text as a part of an address.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The first characters of a text, on one line.
pub(super) fn brief(text: &str, most: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= most {
        return line.to_owned();
    }
    line.chars().take(most).chain("...".chars()).collect()
}

/// What jobs carry and return, for people: JSON with its lines apart and every digit of its numbers, text, or the
/// number of bytes. Not escaped.
pub(super) fn content(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok("") => return "(empty)".to_owned(),
        Ok(text) => indented(text).unwrap_or_else(|| text.to_owned()),
        Err(_) => return format!("{} bytes that are no text", bytes.len()),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}\n... {} bytes in all", &text[..end], bytes.len()),
        None => text,
    }
}

/// JSON with a line for each member. Numbers and texts are copied as they are.
fn indented(json: &str) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(json).ok()?;
    let (mut out, mut depth, mut in_text, mut is_escaped) = (String::new(), 0_usize, false, false);
    let mut rest = raw.get().chars().peekable();
    while let Some(c) = rest.next() {
        if in_text {
            in_text = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            out.push(c);
            continue;
        }
        match c {
            ' ' | '\n' | '\r' | '\t' => {}
            '{' | '[' => {
                out.push(c);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = rest.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => {
                in_text = c == '"';
                out.push(c);
            }
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\n{:width$}", "", width = 2 * depth);
}

/// Any object of the API as JSON for people.
pub(super) fn as_json(object: &impl Serialize) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut out);
    match object.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_are_short() {
        assert_eq!(
            (count(0), count(999), count(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!((short(9_999), short(12_345)), ("9,999".into(), "12.3k".into()));
        let spans =
            [(0, "0 us"), (340_000, "340 ms"), (1_250_000, "1.2 s"), (200_000_000, "3m 20s")];
        for (micros, text) in spans {
            assert_eq!(span(Duration::from_micros(micros)), text);
        }
        assert_eq!(span(Duration::from_secs(90_000)), "1d 1h");
    }

    #[test]
    fn json_keeps_every_digit() {
        let text = content(br#"{"id":9007199254740993,"a":[],"t":"x, \"{y}\"" , "l":[1.10,2]}"#);

        let lines = "{\n  \"id\": 9007199254740993,\n  \"a\": [],\n  \"t\": \"x, \\\"{y}\\\"\",\n  \"l\": [\n    1.10,\n    2\n  ]\n}";
        assert_eq!(text, lines);
        assert_eq!(content(b"no json"), "no json");
        assert_eq!(content(&[0xff, 0]), "2 bytes that are no text");
    }

    #[test]
    fn long_content_is_cut_where_a_character_ends() {
        let long = "\u{e9}".repeat(SHOWN_MAX + 1);

        assert!(content(long.as_bytes()).ends_with("\n... 131074 bytes in all"));
    }
}
