//! Figures by name, as a table for people and JSON for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Goal {
    /// Whether `value` is as wanted.
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
        }
    }

    fn text(self, value: f64) -> String {
        let verdict = if self.is_met(value) { "met" } else { "missed" };
        match self {
            Self::AtLeast(goal) => format!("  goal >= {goal:<5} {verdict}"),
            Self::AtMost(goal) => format!("  goal <= {goal:<5} {verdict}"),
        }
    }
}

#[derive(Debug, Clone)]
struct Figure {
    name: String,
    value: f64,
    goal: Option<Goal>,
}

/// Figures in the order in which they were measured.
#[derive(Debug, Default, Clone)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Records a figure.
    pub fn set(&mut self, name: &str, value: f64) {
        self.0.push(Figure { name: name.to_owned(), value, goal: None });
    }

    /// A figure by name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    /// Says what a recorded figure should be.
    pub(crate) fn goal(&mut self, name: &str, goal: Goal) {
        for figure in self.0.iter_mut().filter(|figure| figure.name == name) {
            figure.goal = Some(goal);
        }
    }

    /// Records `numerator / denominator` as `ratio.name`, when both were measured.
    pub(crate) fn ratio(&mut self, name: &str, numerator: &str, denominator: &str) {
        if let (Some(over), Some(under)) = (self.get(numerator), self.get(denominator)) {
            self.set(&format!("ratio.{name}"), over / under);
        }
    }

    /// One figure a line.
    pub fn table(&self) -> String {
        let width = self.0.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for Figure { name, value, goal } in &self.0 {
            let digits = if *value < 100.0 { 3 } else { 0 };
            let goal = goal.map_or_else(String::new, |goal| goal.text(*value));
            // Writing to a string cannot fail.
            writeln!(text, "{name:width$}  {value:>12.digits$}{goal}").ok();
        }
        text
    }

    /// An object in which a dot in a name means a nested object.
    pub fn json(&self) -> Value {
        let mut root = Map::new();
        for Figure { name, value, .. } in &self.0 {
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

/// The middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    percentile(values, 50).unwrap_or(0.0)
}

/// The value that `percent` of the sorted ones do not exceed.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied()
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

    #[test]
    fn a_goal_stands_beside_its_figure() {
        let mut figures = Figures::default();
        figures.set("ratio.drain", 0.5);
        figures.goal("ratio.drain", Goal::AtLeast(0.6));

        assert_eq!(figures.table(), "ratio.drain         0.500  goal >= 0.6   missed\n");
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert_eq!(percentile(&[1, 2, 3], 99), Some(3));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }
}
