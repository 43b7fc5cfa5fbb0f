//! Figures by name, as a table for people and JSON for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Figures in the order in which they were measured.
#[derive(Debug, Default, Clone)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Records a figure.
    pub fn set(&mut self, name: &str, value: f64) {
        self.0.push((name.to_owned(), value));
    }

    /// A figure by name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Records `numerator / denominator` as `ratio.name`, when both were measured.
    pub(crate) fn ratio(&mut self, name: &str, numerator: &str, denominator: &str) {
        if let (Some(over), Some(under)) = (self.get(numerator), self.get(denominator)) {
            self.set(&format!("ratio.{name}"), over / under);
        }
    }

    /// One figure a line.
    pub fn table(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.0 {
            let digits = if *value < 100.0 { 3 } else { 0 };
            // Writing to a string cannot fail.
            writeln!(text, "{name:width$}  {value:>12.digits$}").ok();
        }
        text
    }

    /// An object in which a dot in a name means a nested object.
    pub fn json(&self) -> Value {
        let mut root = Map::new();
        for (name, value) in &self.0 {
            let rounded = Value::from((value * 1000.0).round() / 1000.0);
            match name.split_once('.') {
                None => root.insert(name.clone(), rounded),
                Some((group, member)) => {
                    let group = root.entry(group).or_insert_with(|| Value::Object(Map::new()));
                    group.as_object_mut().and_then(|group| group.insert(member.to_owned(), rounded))
                }
            };
        }
        Value::Object(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_become_objects() {
        let mut figures = Figures::default();
        figures.set("drain", 50_000.0);
        figures.set("floor.drain", 100_000.0);
        figures.ratio("drain", "drain", "floor.drain");

        assert_eq!(
            figures.json().to_string(),
            r#"{"drain":50000.0,"floor":{"drain":100000.0},"ratio":{"drain":0.5}}"#
        );
    }
}
