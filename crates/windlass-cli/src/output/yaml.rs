//! JSON as YAML: blocks for what has members, JSON's own spelling for the rest, which YAML 1.2 contains.
//! So numbers and strings keep their bytes here as well.

use serde_json::value::RawValue;

use super::json::Object;

/// One document.
pub(super) fn document(json: &str) -> String {
    let mut out = String::new();
    match serde_json::from_str::<Box<RawValue>>(json) {
        Ok(value) => block(&mut out, &value, 0),
        Err(_) => out.push_str(json),
    }
    format!("{}\n", out.trim_start_matches('\n'))
}

/// Writes a value behind `key:` or `-`.
fn block(out: &mut String, value: &RawValue, depth: usize) {
    let text = value.get().trim();
    if text.starts_with('{')
        && let Ok(object) = Object::parse(text.to_owned())
        && !object.members().is_empty()
    {
        for (name, member) in object.members() {
            line(out, depth);
            out.push_str(&key(name));
            out.push(':');
            block(out, member, depth + 1);
        }
    } else if text.starts_with('[')
        && let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(text)
        && !items.is_empty()
    {
        for item in &items {
            line(out, depth);
            out.push('-');
            block(out, item, depth + 1);
        }
    } else {
        out.push(' ');
        out.push_str(text);
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Names of ours stand as they are; any other could mean something in YAML.
fn key(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && !matches!(name, "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null");
    if is_plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_blocks_and_values_keep_their_bytes() {
        let json = r#"{"id":"8","n":12345678901234567890123,"no":true,"payload":{"a b":[1,{"c":null}]},"tags":{},"list":[]}"#;

        assert_eq!(
            document(json),
            "id: \"8\"\n\"n\": 12345678901234567890123\n\"no\": true\npayload:\n  \"a b\":\n    - 1\n    -\n      \
             c: null\ntags: {}\nlist: []\n"
        );
        assert_eq!(document("[]"), " []\n");
    }
}
