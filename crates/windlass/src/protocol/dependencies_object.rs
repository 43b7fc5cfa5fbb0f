//! What a job waits for, and what waits for it.

use std::collections::HashMap;

use serde::Serialize;

use crate::{Dependency, JobId, JobRecord};

/// `{depends_on: [{id, on, on_failure, node, state}], dependents: [ids]}`; the state of a job that is gone
/// is absent, and the name of one that is no node of a workflow.
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
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

impl<'a> DependenciesObject<'a> {
    /// Of `job`, with its parents as far as they exist.
    pub fn new(job: &'a JobRecord, parents: &'a [JobRecord], dependents: &'a [JobId]) -> Self {
        let known: HashMap<JobId, &JobRecord> =
            parents.iter().map(|parent| (parent.id, parent)).collect();
        let parent = |dependency: &'a Dependency| {
            let found = known.get(&dependency.id);
            let state = found.map(|parent| parent.state.as_str());
            Parent { dependency, node: found.and_then(|parent| parent.node.as_deref()), state }
        };
        Self { depends_on: job.depends_on.iter().map(parent).collect(), dependents }
    }
}
