//! `depends_on` of a job as it is sent.

use serde_json::value::RawValue;

use super::members::Object;
use super::values::{job_id, word};
use crate::Dependency;
use crate::job::{ParentEnd, ParentFailure};

pub(super) const ENDS: [(&str, ParentEnd); 2] =
    [("success", ParentEnd::Success), ("any", ParentEnd::Any)];

pub(super) const FAILURES: [(&str, ParentFailure); 3] = [
    ("cascade", ParentFailure::Cascade),
    ("ignore", ParentFailure::Ignore),
    ("run", ParentFailure::Run),
];

/// Reads a list of ids, or of `{"id", "on", "on_failure"}`.
pub(super) fn read_dependencies(object: &mut Object<'_>) -> Option<Vec<Dependency>> {
    let list: Vec<&RawValue> = object.get("depends_on", |json| {
        serde_json::from_str(json.get())
            .map_err(|_| "must be a list of job ids or {id, on, on_failure}".to_owned())
    })?;
    let mut dependencies = Vec::with_capacity(list.len());
    for (place, json) in list.into_iter().enumerate() {
        let pointer = format!("/depends_on/{place}");
        match read_one(json) {
            Ok(dependency) => dependencies.push(dependency),
            Err(broken) => {
                for (member, detail) in broken {
                    object.refuse(&format!("{pointer}{member}"), detail);
                }
            }
        }
    }
    Some(dependencies)
}

fn read_one(json: &RawValue) -> Result<Dependency, Vec<(String, String)>> {
    if !json.get().starts_with('{') {
        let id = job_id(json).map_err(|detail| vec![(String::new(), detail)])?;
        return Ok(Dependency::on(id));
    }
    let mut object =
        Object::read(json).map_err(|refusal| vec![(String::new(), refusal.message())])?;
    let id = object.get("id", job_id);
    let on = object.get("on", |json| word(json, &ENDS));
    let on_failure = object.get("on_failure", |json| word(json, &FAILURES));
    if id.is_none() && !object.is_broken("/id") {
        object.refuse("/id", "is missing (the id of the job that is waited for)");
    }
    let broken = object.finish();
    match id {
        Some(id) if broken.is_empty() => Ok(Dependency {
            id,
            on: on.unwrap_or_default(),
            on_failure: on_failure.unwrap_or_default(),
        }),
        _ => Err(broken.into_iter().map(|error| (error.pointer, error.detail)).collect()),
    }
}
