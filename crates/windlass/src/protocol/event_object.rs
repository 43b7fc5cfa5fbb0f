//! Events as the API shows them.

use serde::Serialize;
use serde_json::{Map, Value};

use super::job_object::JobBrief;
use crate::job::{JobId, Timestamp};
use crate::store::Happened;

/// What is told of a job: its object without payload and result, and when it happened.
#[derive(Serialize)]
struct OfJob<'a> {
    #[serde(flatten)]
    job: JobBrief<'a>,
    at: Timestamp,
}

/// What is told of a job that is gone.
#[derive(Serialize)]
struct OfGone<'a> {
    id: JobId,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    at: Timestamp,
}

/// One line of JSON.
pub(crate) fn event_text(happened: &Happened) -> String {
    let subject = &happened.subject;
    let at = happened.at;
    let text = match (&happened.data, &subject.record, subject.job) {
        (Some(data), _, _) => {
            let told: Map<String, Value> = serde_json::from_str(data).unwrap_or_default();
            let mut told: Map<String, Value> =
                told.into_iter().filter(|(_, value)| !value.is_null()).collect();
            let names = [
                ("namespace", &subject.namespace),
                ("queue", &subject.queue),
                ("type", &subject.kind),
            ];
            for (member, name) in names {
                if let Some(name) = name {
                    told.entry(member).or_insert_with(|| Value::from(&**name));
                }
            }
            told.insert("at".to_owned(), Value::from(at.to_string()));
            serde_json::to_string(&told)
        }
        (None, Some(record), _) => serde_json::to_string(&OfJob { job: JobBrief(record), at }),
        (None, None, Some(id)) => serde_json::to_string(&OfGone {
            id,
            kind: subject.kind.as_deref(),
            namespace: subject.namespace.as_deref(),
            queue: subject.queue.as_deref(),
            at,
        }),
        (None, None, None) => serde_json::to_string(
            &[("at", at)].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        ),
    };
    // Maps of strings and numbers: nothing that could not be written.
    text.unwrap_or_default()
}
