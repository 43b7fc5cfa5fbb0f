//! Why a job does not run, as the API shows it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Blocker, Explanation, Timestamp};

/// `{runnable, blockers: [{code, message, evidence, until}]}`.
#[derive(Debug, Serialize)]
pub struct ExplainObject<'a> {
    runnable: bool,
    blockers: Vec<BlockerObject<'a>>,
}

#[derive(Debug, Serialize)]
struct BlockerObject<'a> {
    code: &'static str,
    message: &'a str,
    evidence: &'a BTreeMap<&'static str, String>,
    until: Option<Timestamp>,
}

impl<'a> From<&'a Explanation> for ExplainObject<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        explanation.blockers.as_slice().into()
    }
}

impl<'a> From<&'a [Blocker]> for ExplainObject<'a> {
    fn from(blockers: &'a [Blocker]) -> Self {
        let object = |blocker: &'a Blocker| BlockerObject {
            code: blocker.code,
            message: &blocker.message,
            evidence: &blocker.evidence,
            until: blocker.until,
        };
        let blockers: Vec<_> = blockers.iter().map(object).collect();
        Self { runnable: blockers.is_empty(), blockers }
    }
}
