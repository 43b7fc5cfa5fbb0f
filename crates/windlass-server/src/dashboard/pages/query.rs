//! The query bar: `state:failed queue:mail some text`, as the parameters of the API's list of jobs.

use serde_json::{Map, Value};

/// Words that may stand before a colon, and the parameter each is.
const WORDS: [(&str, &str); 15] = [
    ("state", "state"),
    ("reason", "reason"),
    ("type", "type"),
    ("queue", "queue"),
    ("priority", "priority"),
    ("tag", "tag"),
    ("fingerprint", "fingerprint"),
    ("correlation", "correlation_id"),
    ("correlation_id", "correlation_id"),
    ("workflow", "workflow_id"),
    ("batch", "batch_id"),
    ("created_after", "created_after"),
    ("created_before", "created_before"),
    ("updated_after", "updated_after"),
    ("updated_before", "updated_before"),
];

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    text: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn read(text: &str) -> Self {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut words = Vec::new();
        for piece in text.split_whitespace() {
            let known = piece.split_once(':').and_then(|(word, value)| {
                let (_, name) = WORDS.iter().find(|(known, _)| *known == word)?;
                Some(((*name).to_owned(), value.to_owned()))
            });
            match known {
                Some(pair) if !pair.1.is_empty() => pairs.push(pair),
                _ => words.push(piece),
            }
        }
        if !words.is_empty() {
            pairs.push(("q".to_owned(), words.join(" ")));
        }
        Self { text: text.trim().to_owned(), pairs }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The filter of an operation, as the API has it.
    pub(super) fn members(&self) -> Map<String, Value> {
        let mut members: Map<String, Value> = Map::new();
        for (name, value) in &self.pairs {
            let value = Value::from(value.as_str());
            match members.get_mut(name) {
                Some(Value::Array(list)) => list.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
                None => drop(members.insert(name.clone(), value)),
            }
        }
        members
    }

    /// The values that were asked for under a name.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The same query with this state alone, or with none.
    pub(super) fn with_state(&self, state: Option<&str>) -> String {
        let rest = self.text.split_whitespace().filter(|piece| !piece.starts_with("state:"));
        let own = state.map(|state| format!("state:{state}"));
        own.into_iter().chain(rest.map(str::to_owned)).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::list;

    #[test]
    fn known_words_are_parameters_and_the_rest_is_text() {
        let query = Query::read(" state:failed state:cancelled tag:a:b  no such:thing queue: ");

        assert_eq!(query.values("state").collect::<Vec<_>>(), ["failed", "cancelled"]);
        assert_eq!(query.values("tag").collect::<Vec<_>>(), ["a:b"]);
        assert_eq!(query.values("q").collect::<Vec<_>>(), ["no such:thing queue:"]);
        assert_eq!(query.members()["state"], serde_json::json!(["failed", "cancelled"]));
        assert_eq!(query.members()["tag"], "a:b");
        assert!(list::filter(query.pairs()).is_ok());
        assert!(list::filter(Query::read("state:no").pairs()).is_err());
    }

    #[test]
    fn a_state_replaces_others() {
        let query = Query::read("queue:mail state:failed text");

        assert_eq!(query.with_state(Some("running")), "state:running queue:mail text");
        assert_eq!(query.with_state(None), "queue:mail text");
        assert!(Query::read("  ").pairs().is_empty());
    }
}
