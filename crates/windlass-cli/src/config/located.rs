//! A TOML document as values that know their line.
//!
//! Invariant: whatever is wrong with a file is said with the line it stands on.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) shape: Shape,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Table(Vec<(String, Located)>),
    List(Vec<Located>),
    Plain(Value),
}

/// What is wrong, and on which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Mistake {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

impl Located {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        let lines = Lines(text);
        let document = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| lines.at(span.start));
            Mistake::new(line, error.message())
        })?;
        lines.table(1, document.get_ref())
    }

    /// The value as JSON.
    pub(crate) fn json(&self) -> Value {
        match &self.shape {
            Shape::Table(members) => {
                members.iter().map(|(name, member)| (name.clone(), member.json())).collect()
            }
            Shape::List(items) => items.iter().map(Self::json).collect(),
            Shape::Plain(value) => value.clone(),
        }
    }

    /// The line of the innermost part of `pointer` that is there.
    pub(crate) fn line_of(&self, pointer: &str) -> usize {
        let (first, rest) = match pointer.trim_start_matches('/').split_once('/') {
            Some((first, rest)) => (first, rest),
            None => (pointer.trim_start_matches('/'), ""),
        };
        let inner = match &self.shape {
            Shape::Table(members) => members.iter().find(|(name, _)| name == first).map(|it| &it.1),
            Shape::List(items) => first.parse().ok().and_then(|index: usize| items.get(index)),
            Shape::Plain(_) => None,
        };
        inner.map_or(self.line, |inner| inner.line_of(rest))
    }

    /// What it is, in TOML's words.
    pub(crate) const fn kind(&self) -> &'static str {
        match &self.shape {
            Shape::Table(_) => "a table",
            Shape::List(_) => "an array",
            Shape::Plain(Value::Bool(_)) => "a boolean",
            Shape::Plain(Value::Number(_)) => "a number",
            Shape::Plain(_) => "a string",
        }
    }
}

/// The text, to count lines in.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn at(&self, offset: usize) -> usize {
        let before = self.0.as_bytes().iter().take(offset);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    fn table(&self, line: usize, table: &DeTable<'_>) -> Result<Located, Mistake> {
        let mut members = Vec::new();
        for (name, value) in table {
            let line = self.at(name.span().start);
            members.push((name.get_ref().to_string(), self.value(line, value)?));
        }
        // A table's members come sorted; people find them as they wrote them.
        members.sort_by_key(|(_, member)| member.line);
        Ok(Located { line, shape: Shape::Table(members) })
    }

    fn value(&self, line: usize, value: &Spanned<DeValue<'_>>) -> Result<Located, Mistake> {
        let plain = match value.get_ref() {
            DeValue::Table(table) => return self.table(line, table),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| self.value(self.at(item.span().start), item));
                return Ok(Located { line, shape: Shape::List(items.collect::<Result<_, _>>()?) });
            }
            DeValue::String(text) => Value::from(text.to_string()),
            DeValue::Boolean(flag) => Value::from(*flag),
            DeValue::Datetime(instant) => Value::from(instant.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Value::from)
                .map_err(|_| Mistake::new(line, "the number has more than 64 bits"))?,
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => Value::from(number),
                _ => return Err(Mistake::new(line, "the number is not finite")),
            },
        };
        Ok(Located { line, shape: Shape::Plain(plain) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "http = ':1'\n# two\nworkers = 0x10\n\n[queues.mail]\nretries = 3\n\
        rate = { limit = 1.5,\n  per = '1s' }\nlist = [\n 1,\n 2]\n";

    #[test]
    fn values_know_their_lines() {
        let file = Located::parse(FILE).unwrap();

        assert_eq!(file.json()["workers"], 16);
        assert_eq!(file.json()["queues"]["mail"]["rate"]["limit"], 1.5);
        for (pointer, line) in [
            ("/http", 1),
            ("/workers", 3),
            ("/queues/mail/retries", 6),
            ("/queues/mail/rate/per", 8),
            ("/queues/mail/list/1", 11),
            ("/queues/mail/absent", 5),
            ("/absent", 1),
        ] {
            assert_eq!(file.line_of(pointer), line, "{pointer}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        for (text, line) in [
            ("a = 1\nb = \n", 2),
            ("a = 1\na = 2\n", 2),
            ("\n\n[x\n", 3),
            ("a = 99999999999999999999", 1),
            ("a = 1\nb = inf", 2),
        ] {
            assert_eq!(Located::parse(text).unwrap_err().line, line, "{text}");
        }
    }
}
