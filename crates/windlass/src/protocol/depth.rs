//! How deeply JSON is nested, without building it.

use serde_json::value::RawValue;

use crate::job::JSON_DEPTH_MAX;

/// Levels of nesting of well-formed JSON: 0 for a number, 1 for `[]`.
pub(super) fn depth(json: &str) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                level += 1;
                deepest = deepest.max(level);
            }
            b']' | b'}' => level = level.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

/// `bytes` as JSON to be spliced into an answer, or nothing when readers could not take it: not JSON,
/// nested more deeply than [`JSON_DEPTH_MAX`], or with what strict readers refuse. One such job would make
/// a whole page unreadable.
pub(super) fn as_json(bytes: &[u8]) -> Option<&RawValue> {
    let json: &RawValue = serde_json::from_slice(bytes).ok()?;
    let is_fit = depth(json.get()) <= JSON_DEPTH_MAX && is_readable(json.get());
    is_fit.then_some(json)
}

/// Whether well-formed JSON has neither half of a surrogate pair nor a number beyond all range.
fn is_readable(json: &str) -> bool {
    let mut rest = json;
    while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[start..];
        let length = if let Some(text) = rest.strip_prefix('"') {
            let mut bytes = text.bytes();
            skip_string(&mut bytes);
            rest.len() - bytes.len()
        } else {
            let is_part = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
            rest.find(|c: char| !is_part(c)).unwrap_or(rest.len())
        };
        let (token, tail) = rest.split_at(length);
        let is_text = token.starts_with('"');
        // Only these can be what a reader refuses; the others need not be looked at closely.
        let is_odd = if is_text { token.contains("\\u") } else { is_long(token) };
        if is_odd && !is_taken(token, is_text) {
            return false;
        }
        rest = tail;
    }
    true
}

/// A number that may be beyond the range of doubles, whose largest has 309 digits.
fn is_long(number: &str) -> bool {
    number.len() > 300 || number.contains(['e', 'E'])
}

fn is_taken(token: &str, is_text: bool) -> bool {
    if is_text {
        return serde_json::from_str::<String>(token).is_ok();
    }
    token.parse().is_ok_and(f64::is_finite)
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_outside_strings_only() {
        for (json, levels) in [("1", 0), ("[]", 1), (r#"{"a":[{}]}"#, 3), (r#"["[[\"[["]"#, 1)] {
            assert_eq!(depth(json), levels, "{json}");
        }
    }

    #[test]
    fn json_that_readers_could_not_take_is_not_json() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();

        assert!(as_json(&nested(64)).is_some());
        assert!(as_json(&nested(65)).is_none());
        assert!(as_json(&nested(100_000)).is_none());
        assert!(as_json(b"not json").is_none() && as_json(&[0xff]).is_none());
    }

    #[test]
    fn what_strict_readers_refuse_is_not_spliced() {
        let long = "9".repeat(400);
        let nested = format!("{{\"a\":[{long}]}}");
        for taken in
            [r#""\ud83d\ude00\u0000""#, "1e308", "[-0.0e-0,12]", r#"{"1e999":"9"}"#, r#""\\ud800""#]
        {
            assert!(as_json(taken.as_bytes()).is_some(), "{taken}");
        }
        for refused in [r#"["\ud800"]"#, r#"{"\udc00":1}"#, "[1e999]", "-1E400", &long, &nested] {
            assert!(as_json(refused.as_bytes()).is_none(), "{refused}");
            let read: Result<serde_json::Value, _> = serde_json::from_str(refused);
            assert!(read.is_err(), "{refused}");
        }
    }
}
