//! The list filter: the one place where part of a statement is built.
//!
//! Invariant: only fixed fragments are joined; every value that someone sent is a parameter.

use std::fmt::Write as _;

use super::driver::Param;
use crate::{JobId, Timestamp};

/// Values of a filter: what a client sent, never part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bound {
    Int(i64),
    Text(String),
}

/// The tail of a list statement and its parameters.
#[derive(Debug, Clone)]
pub(crate) struct ListFilter {
    text: String,
    values: Vec<Bound>,
    id: &'static str,
}

impl ListFilter {
    /// A filter whose keyset runs over the column `id`.
    pub(crate) const fn over(id: &'static str) -> Self {
        Self { text: String::new(), values: Vec::new(), id }
    }

    /// `column` is this code of ours. It stands in the text: PostgreSQL uses a partial index only when it sees
    /// that the index has the rows, and counts on the share of this code.
    pub(crate) fn is(&mut self, column: &'static str, code: i64) {
        self.and(&format!("{column} = {code}"));
    }

    /// `column` is one of `values`.
    pub(crate) fn one_of(&mut self, column: &'static str, values: impl IntoIterator<Item = i64>) {
        let first = self.values.len();
        self.values.extend(values.into_iter().map(Bound::Int));
        let places: Vec<String> =
            (first..self.values.len()).map(|n| format!("${}", n + 1)).collect();
        let list = if places.is_empty() { "null".to_owned() } else { places.join(", ") };
        self.and(&format!("{column} in ({list})"));
    }

    /// `column` is one of these texts.
    pub(crate) fn text_one_of(&mut self, column: &'static str, values: &[String]) {
        let first = self.values.len();
        self.values.extend(values.iter().cloned().map(Bound::Text));
        let places: Vec<String> =
            (first..self.values.len()).map(|n| format!("${}", n + 1)).collect();
        self.and(&format!("{column} in ({})", places.join(", ")));
    }

    /// The keyset's ids from one, and below another.
    pub(crate) fn between(&mut self, from: Option<JobId>, below: Option<JobId>) {
        let id = self.id;
        for (sign, bound) in [(">=", from), ("<", below)] {
            if let Some(bound) = bound {
                self.values.push(Bound::Int(bound.as_i64()));
                self.and(&format!("{id} {sign} ${}", self.values.len()));
            }
        }
    }

    /// `column` is at or after / before `instant`.
    pub(crate) fn at(&mut self, column: &'static str, after: bool, instant: Timestamp) {
        self.values.push(Bound::Int(instant.as_micros()));
        let sign = if after { ">=" } else { "<" };
        self.and(&format!("{column} {sign} ${}", self.values.len()));
    }

    /// Continues after `cursor`, in the direction of the page.
    pub(crate) fn page(&mut self, cursor: Option<JobId>, ascending: bool, limit: usize) {
        let id = self.id;
        let (sign, order) = if ascending { (">", "asc") } else { ("<", "desc") };
        if let Some(cursor) = cursor {
            self.values.push(Bound::Int(cursor.as_i64()));
            self.and(&format!("{id} {sign} ${}", self.values.len()));
        }
        self.values.push(Bound::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
        let place = self.values.len();
        // Writing to a string cannot fail.
        let _ = write!(self.text, " order by {id} {order} limit ${place}");
    }

    /// The statement with this filter in its place.
    pub(crate) fn insert_into(&self, statement: &str) -> String {
        statement.replace("{filter}", &self.text)
    }

    pub(crate) fn params(&self) -> Vec<Param<'_>> {
        self.values
            .iter()
            .map(|value| match value {
                Bound::Int(value) => Param::Int(*value),
                Bound::Text(value) => Param::Text(value),
            })
            .collect()
    }

    fn and(&mut self, condition: &str) {
        self.text.push_str(" and ");
        self.text.push_str(condition);
    }
}
