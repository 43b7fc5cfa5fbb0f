//! What happened to one job, as the API shows it.

use serde::Serialize;

use crate::job::{HistoryEntry, Timestamp};

/// The history of a job: `{events: [{id, event, at, reason, actor}]}`.
#[derive(Debug, Serialize)]
pub struct HistoryObject<'a> {
    events: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    id: u32,
    event: &'static str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
}

impl<'a> From<&'a [HistoryEntry]> for HistoryObject<'a> {
    fn from(entries: &'a [HistoryEntry]) -> Self {
        let events = entries.iter().map(|entry| Entry {
            id: entry.id,
            event: entry.event.as_str(),
            at: entry.at,
            reason: entry.reason.as_deref(),
            actor: entry.actor.as_deref(),
        });
        Self { events: events.collect() }
    }
}
