//! Queues and their counts as a client of the API sends and reads them.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::job_reading::{known, reading};
use super::queue_object::QueueObject;
use super::queue_request::read_queue_patch;
use super::values::{instant, text};
use crate::core::State;
use crate::job::{KindRecord, PauseRecord, QueueRecord, QueueSettings};
use crate::store::{Measure, Tally};

/// Members of a queue that are no settings.
const FACTS: [&str; 5] = ["name", "namespace", "version", "paused", "paused_types"];

/// Settings as a request has them: null where the default holds.
pub(crate) fn settings_json(settings: &QueueSettings) -> Map<String, Value> {
    let whole = QueueRecord {
        name: String::new(),
        namespace: String::new(),
        settings: settings.clone(),
        version: 0,
        paused: None,
        paused_kinds: Vec::new(),
    };
    let Ok(Value::Object(members)) = serde_json::to_value(QueueObject::from(&whole)) else {
        return Map::new();
    };
    settings_of(members)
}

/// Reads a queue.
pub(crate) fn read_queue_object(json: &RawValue) -> Result<QueueRecord, String> {
    let members: Map<String, Value> =
        serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
    let settings = Value::Object(settings_of(members)).to_string();
    let patch = read_queue_patch(settings.as_bytes()).map_err(|refusal| refusal.message())?;
    let settings = patch.apply(QueueSettings::default());
    reading(json, |object| {
        let kinds: Vec<Box<RawValue>> = object.get("paused_types", known).unwrap_or_default();
        let kinds = kinds.iter().filter_map(|json| read_kind_object(json).ok());
        Some(QueueRecord {
            name: object.get("name", text)?,
            namespace: object.get("namespace", text)?,
            version: object.get("version", known::<i64>)?,
            settings,
            paused: object.get("paused", pause),
            paused_kinds: kinds.filter_map(|kind| Some((kind.name, kind.paused?))).collect(),
        })
    })
}

/// Reads a type.
pub(crate) fn read_kind_object(json: &RawValue) -> Result<KindRecord, String> {
    reading(json, |object| {
        Some(KindRecord { name: object.get("type", text)?, paused: object.get("paused", pause) })
    })
}

/// Reads the counts of one queue.
pub(crate) fn read_queue_stats(json: &RawValue) -> Result<Vec<Tally>, String> {
    let whole: Value = serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
    let queue = whole["name"].as_str().ok_or("counts of no queue")?;
    let mut tallies = Vec::new();
    for of_kind in whole["types"].as_array().into_iter().flatten() {
        let kind = of_kind["type"].as_str().unwrap_or_default();
        let states = State::ALL.map(|state| (Measure::In(state), &of_kind["jobs"][state.as_str()]));
        let totals = TOTALS.map(|(name, measure)| (measure, &of_kind["totals"][name]));
        tallies.extend(states.into_iter().chain(totals).map(|(measure, n)| Tally {
            queue: queue.to_owned(),
            kind: kind.to_owned(),
            measure: measure.code(),
            n: n.as_i64().unwrap_or(0),
        }));
    }
    Ok(tallies)
}

/// Totals by the names that the API has for them.
const TOTALS: [(&str, Measure); 10] = [
    ("enqueues", Measure::Enqueues),
    ("claims", Measure::Claims),
    ("completions", Measure::Completions),
    ("failed_attempts", Measure::FailedAttempts),
    ("retries", Measure::Retries),
    ("dead_letters", Measure::DeadLetters),
    ("failures", Measure::Failures),
    ("cancels", Measure::Cancels),
    ("crashes", Measure::Crashes),
    ("prunes", Measure::Prunes),
];

fn settings_of(mut members: Map<String, Value>) -> Map<String, Value> {
    members.retain(|name, _| !FACTS.contains(&name.as_str()));
    // A backoff and the delay that it begins with say the same.
    members.remove("retry_delay");
    members
}

fn pause(json: &RawValue) -> Result<PauseRecord, String> {
    reading(json, |object| {
        Some(PauseRecord {
            since: object.get("since", instant)?,
            until: object.get("until", instant),
            reason: object.get("reason", text),
            by: object.get("by", text),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::Timestamp;
    use crate::{Backoff, Keep, Rate};

    #[test]
    fn a_queue_is_read_as_it_is_shown() {
        let second = Duration::from_secs(1);
        let pause = PauseRecord {
            since: Timestamp::from_micros(1_800_000_000_000_000),
            until: None,
            reason: Some("why".to_owned()),
            by: None,
        };
        let mut settings = QueueSettings {
            retries: Some(7),
            ttl: Some(second * 90),
            backoff: Some(Backoff::constant(second)),
            max_depth: Some(5),
            concurrency: Some(3),
            rate: Some(Rate::new(5, second).burst(2)),
            ..QueueSettings::default()
        };
        settings.retention.failed = Some(Keep::Forever);
        for settings in [settings, QueueSettings::default()] {
            let queue = QueueRecord {
                name: "q".to_owned(),
                namespace: "n".to_owned(),
                version: 4,
                paused: Some(pause.clone()),
                paused_kinds: vec![("t".to_owned(), pause.clone())],
                settings,
            };

            let json = serde_json::value::to_raw_value(&QueueObject::from(&queue)).unwrap();
            let read = read_queue_object(&json).unwrap();

            let shown = serde_json::value::to_raw_value(&QueueObject::from(&read)).unwrap();
            assert_eq!(shown.get(), json.get());
            assert_eq!(read.paused_kinds, queue.paused_kinds);
            let sent = Value::Object(settings_json(&queue.settings)).to_string();
            let patch = read_queue_patch(sent.as_bytes()).unwrap();
            let applied = QueueRecord { settings: patch.apply(QueueSettings::default()), ..queue };
            let applied = serde_json::value::to_raw_value(&QueueObject::from(&applied)).unwrap();
            assert_eq!(applied.get(), json.get());
        }
    }
}
