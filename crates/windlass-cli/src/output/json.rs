//! JSON as it came: members keep their order and values their bytes, so that numbers of any size and
//! payloads of any spelling survive the way to the terminal.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object with its members in order.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    text: String,
    members: Vec<(String, Box<RawValue>)>,
}

impl Object {
    /// Reads an object; anything else is an error.
    pub(crate) fn parse(text: String) -> Result<Self, serde_json::Error> {
        let Members(members) = serde_json::from_str(&text)?;
        Ok(Self { text, members })
    }

    pub(crate) fn members(&self) -> &[(String, Box<RawValue>)] {
        &self.members
    }

    pub(crate) fn get(&self, name: &str) -> Option<&RawValue> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| &**value)
    }

    /// A member as text: strings without quotes, nothing when it is absent or null.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).map(shown).unwrap_or_default()
    }

    /// The objects of an array member, none when it is absent.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Self>, serde_json::Error> {
        let Some(array) = self.get(name) else { return Ok(Vec::new()) };
        let items: Vec<Box<RawValue>> = serde_json::from_str(array.get())?;
        items.into_iter().map(|item| Self::parse(item.get().to_owned())).collect()
    }

    /// A member that is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::parse(self.get(name)?.get().to_owned()).ok()
    }

    /// On one line.
    pub(crate) fn compact(&self) -> String {
        spaced(&self.text, false)
    }

    /// Indented by two spaces a level.
    pub(crate) fn indented(&self) -> String {
        spaced(&self.text, true)
    }
}

/// A value as people read it: strings without quotes, null as nothing, the rest as compact JSON.
pub(crate) fn shown(value: &RawValue) -> String {
    match serde_json::from_str(value.get()) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Null) => String::new(),
        _ => spaced(value.get(), false),
    }
}

/// Valid JSON with other white space; nothing inside of strings and numbers changes.
fn spaced(json: &str, is_indented: bool) -> String {
    let mut out = String::with_capacity(json.len());
    let mut depth = 0_usize;
    let (mut in_string, mut is_escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            out.push(c);
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        depth -= usize::from(closes);
        // Between the brackets of an empty object or array there is nothing to indent.
        if is_indented && closes != out.ends_with(['{', '[']) {
            new_line(&mut out, depth);
        }
        out.push(c);
        match c {
            '"' => in_string = true,
            '{' | '[' => depth += 1,
            ',' if is_indented => new_line(&mut out, depth),
            ':' if is_indented => out.push(' '),
            _ => {}
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = r#"{"id":"8","payload": {"n":12345678901234567890123, "s":"a \" b:,{"},
        "empty":{}, "list":[ [1], {} ]}"#;

    #[test]
    fn order_and_bytes_survive() {
        let job = Object::parse(JOB.to_owned()).unwrap();

        let names: Vec<&str> = job.members().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["id", "payload", "empty", "list"]);
        assert_eq!(job.text("id"), "8");
        assert_eq!(job.text("payload"), r#"{"n":12345678901234567890123,"s":"a \" b:,{"}"#);
        assert_eq!(job.text("absent"), "");
    }

    #[test]
    fn white_space_is_ours() {
        let job = Object::parse(JOB.to_owned()).unwrap();

        assert_eq!(
            job.compact(),
            r#"{"id":"8","payload":{"n":12345678901234567890123,"s":"a \" b:,{"},"empty":{},"list":[[1],{}]}"#
        );
        assert_eq!(
            job.indented(),
            "{\n  \"id\": \"8\",\n  \"payload\": {\n    \"n\": 12345678901234567890123,\n    \"s\": \
             \"a \\\" b:,{\"\n  },\n  \"empty\": {},\n  \"list\": [\n    [\n      1\n    ],\n    {}\n  ]\n}"
        );
    }

    #[test]
    fn only_objects_are_objects() {
        assert!(Object::parse("[1]".to_owned()).is_err());
        assert!(Object::parse("{".to_owned()).is_err());
    }
}
