//! Lines: where jobs wait for what limits them, and what each line asks.
//!
//! Invariant: a line's name says all that its rule depends on, besides the settings: so that no row has to
//! know what the settings were when it was written.

use super::settings::Settings;
use crate::core::Gcra;
use crate::job::Keys;

/// The line of jobs that nobody has looked at yet.
pub(crate) const NEW: &str = "";

/// The place of every job in a line that is in order of arrival.
const IN_ORDER: i64 = 0;

/// How long a slot is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// While its job is ready: turns, and places of jobs on their way to a lease, which holds them from then on.
    Ready,
    /// Until its job ends: order.
    Life,
}

impl Held {
    /// The number stored in rows.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Ready => 1,
            Self::Life => 3,
        }
    }

    /// Whether a slot of this code still stands, with its job there.
    pub(crate) const fn stands(code: i64, job: Whereabouts) -> bool {
        match code {
            1 => job.is_ready,
            _ => !job.is_over,
        }
    }
}

/// Where the job of a slot is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whereabouts {
    pub(crate) is_ready: bool,
    /// It has ended, or is gone.
    pub(crate) is_over: bool,
}

/// What a line asks of a job that wants to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing.
    Open,
    /// A slot, of which there are this many; none means any number.
    Slots { most: Option<i64>, held: Held },
    /// A part of a rate, and that nobody has shut the line; none means the second alone.
    Rate(Option<Gcra>),
}

/// The lines that a job has to pass, in the order in which they are asked.
pub(crate) fn lines(keys: &Keys, namespace_id: i64, queue_id: i64, priority: i64) -> Vec<String> {
    let concurrency = keys.concurrency.as_ref().map(|key| concurrency_line(namespace_id, key));
    let rate = keys.rate.as_ref().map(|key| rate_line(namespace_id, key));
    let fairness = keys.fairness.as_ref().map(|key| format!("f:{queue_id}:{priority}:{key}"));
    // The rate last of those that take something for good, so that what passes it starts soon.
    [concurrency, fairness, rate].into_iter().flatten().collect()
}

/// The line of jobs with this concurrency key.
pub(crate) fn concurrency_line(namespace_id: i64, key: &str) -> String {
    format!("c:{namespace_id}:{key}")
}

/// The line of jobs with this rate key.
pub(crate) fn rate_line(namespace_id: i64, key: &str) -> String {
    format!("r:{namespace_id}:{key}")
}

/// What claims of a queue take turns by, where it limits concurrency or rate.
pub(crate) fn queue_line(queue_id: i64) -> String {
    format!("q:{queue_id}")
}

/// What a line asks, by its name.
pub(crate) fn rule(line: &str, settings: &Settings) -> Rule {
    let mut parts = line.splitn(3, ':');
    let (kind, id, rest) = (parts.next(), parts.next(), parts.next());
    let (Some(kind), Some(id), Some(rest)) = (kind, id.and_then(|id| id.parse().ok()), rest) else {
        return Rule::Open;
    };
    let (name, key) = rest.split_once(':').map_or((rest, None), |(name, key)| (name, Some(key)));
    match kind {
        "c" => {
            let limit = settings.limit(id, name);
            let most = limit.and_then(|limit| limit.concurrency_of(key)).map(i64::from);
            let is_ordered = limit.is_some_and(|limit| limit.ordered);
            Rule::Slots { most, held: if is_ordered { Held::Life } else { Held::Ready } }
        }
        "r" => {
            let rate = settings.limit(id, name).and_then(|limit| limit.rate_of(key));
            Rule::Rate(rate.map(crate::Rate::gcra))
        }
        "f" => {
            let fair = settings.of(id).and_then(|kept| kept.settings.fair.as_ref());
            // `rest` is priority and key.
            let window = fair.map(|fair| fair.window_of(key.unwrap_or_default()));
            match window {
                Some(window) => Rule::Slots { most: Some(window.into()), held: Held::Ready },
                None => Rule::Open,
            }
        }
        _ => Rule::Open,
    }
}

/// The place of a job in a line: jobs of an ordered limit stand in order of arrival, others by priority.
pub(crate) fn place(line: &str, settings: &Settings, priority: i64) -> i64 {
    match rule(line, settings) {
        Rule::Slots { held: Held::Life, .. } => IN_ORDER,
        _ => priority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Limit;

    #[test]
    fn a_line_says_what_it_asks() {
        let mut settings = Settings::default();
        settings.with_limit(1, "mail", Limit::concurrency(3));
        settings.with_limit(1, "steps", Limit::ordered());
        let keys = Keys {
            concurrency: Some("mail:a:b".to_owned()),
            rate: Some("host".to_owned()),
            fairness: Some("me".to_owned()),
        };

        let lines = lines(&keys, 1, 7, 2);

        assert_eq!(lines, ["c:1:mail:a:b", "f:7:2:me", "r:1:host"]);
        assert_eq!(rule(&lines[0], &settings), Rule::Slots { most: Some(3), held: Held::Ready });
        assert_eq!(rule("c:2:mail:a", &settings), Rule::Slots { most: None, held: Held::Ready });
        assert_eq!(rule("c:1:steps", &settings), Rule::Slots { most: Some(1), held: Held::Life });
        assert_eq!(rule(&lines[2], &settings), Rule::Rate(None));
        assert_eq!(rule(&lines[1], &settings), Rule::Open);
        assert_eq!(rule(NEW, &settings), Rule::Open);
        assert_eq!((place("c:1:steps", &settings, 4), place("c:1:mail", &settings, 4)), (0, 4));
    }
}
