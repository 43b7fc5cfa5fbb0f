//! What a job waits for, and what waits for it.

use std::collections::HashMap;

use serde::Serialize;

use crate::{Dependency, JobId, JobRecord, State};

/// `{depends_on: [{id, on, on_failure, state}], dependents: [ids]}`; the state of a job that is gone is
/// absent.
#[derive(Debug, Serialize)]
pub struct DependenciesObject<'a> {
    depends_on: Vec<Parent<'a>>,
    dependents: &'a [JobId],
}

#[derive(Debug, Serialize)]
struct Parent<'a> {
    #[serde(flatten)]
    dependency: &'a Dependency,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

impl<'a> DependenciesObject<'a> {
    /// Of `job`, with its parents as far as they exist.
    pub fn new(job: &'a JobRecord, parents: &[JobRecord], dependents: &'a [JobId]) -> Self {
        let states: HashMap<JobId, State> =
            parents.iter().map(|parent| (parent.id, parent.state)).collect();
        let parent = |dependency: &'a Dependency| {
            let state = states.get(&dependency.id).map(|state| state.as_str());
            Parent { dependency, state }
        };
        Self { depends_on: job.depends_on.iter().map(parent).collect(), dependents }
    }
}
