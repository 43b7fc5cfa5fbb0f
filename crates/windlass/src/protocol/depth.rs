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
/// or nested more deeply than [`JSON_DEPTH_MAX`].
pub(super) fn as_json(bytes: &[u8]) -> Option<&RawValue> {
    let json: &RawValue = serde_json::from_slice(bytes).ok()?;
    (depth(json.get()) <= JSON_DEPTH_MAX).then_some(json)
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
}
