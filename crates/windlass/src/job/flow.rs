//! Workflows as they are asked for: jobs with names, and which of them wait for which.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::digest::digest;
use super::new_job::NewJob;
use super::{
    DEPENDENCIES_MAX, Job, ParentEnd, ParentFailure, WORKFLOW_NODES_MAX, check_name, check_text,
};
use crate::core::flow::order;
use crate::{Error, FieldError};

/// A graph of jobs to be stored at once with [`Queue::start`](crate::Queue::start).
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)] struct Charge { order: i64 }
/// # impl windlass::Job for Charge { const KIND: &'static str = "charge"; type Output = i64; }
/// # #[derive(Serialize, Deserialize)] struct Ship { order: i64 }
/// # impl windlass::Job for Ship { const KIND: &'static str = "ship"; type Output = (); }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), windlass::Error> {
/// use windlass::{Flow, Queue};
///
/// let queue = Queue::open("memory:").await?;
/// let mut flow = Flow::new("order-42");
/// let paid = flow.add(Charge { order: 42 });
/// flow.add_after(Ship { order: 42 }, [paid]);
/// let workflow = queue.start(flow).await?;
/// assert_eq!(queue.workflow(workflow.id()).await?.total(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Flow {
    pub(crate) name: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) nodes: Vec<FlowNode>,
    broken: Vec<FieldError>,
    of_kind: HashMap<String, usize>,
}

/// A job of a workflow.
#[derive(Debug, Clone)]
pub(crate) struct FlowNode {
    pub(crate) name: String,
    pub(crate) job: NewJob,
    pub(crate) after: Vec<After>,
}

/// A node of a [`Flow`], for others to come after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node(usize);

/// A node that another one comes after, and what becomes of that one when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    pub(crate) place: usize,
    pub(crate) on: ParentEnd,
    pub(crate) on_failure: ParentFailure,
}

impl From<Node> for After {
    fn from(node: Node) -> Self {
        Self { place: node.0, on: ParentEnd::Success, on_failure: ParentFailure::Cascade }
    }
}

impl Node {
    pub(crate) const fn at(place: usize) -> Self {
        Self(place)
    }

    /// Come after its end, however that was.
    pub fn any_end(self) -> After {
        After { on: ParentEnd::Any, ..self.into() }
    }

    /// Come after it also when it ends without success.
    pub fn ignore_failure(self) -> After {
        After { on_failure: ParentFailure::Ignore, ..self.into() }
    }
}

impl Flow {
    /// A workflow without nodes; the name (1 to 256 bytes) is for people to find it by.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            idempotency_key: None,
            nodes: Vec::new(),
            broken: Vec::new(),
            of_kind: HashMap::new(),
        }
    }

    /// Same key, same workflow: starting it again returns the first one while that is kept.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Adds a job that waits for none of the others. Its node has the name of its kind; the second of a
    /// kind has `-2` behind it, and so on ([`rename`](Self::rename)).
    pub fn add<J: Job>(&mut self, job: J) -> Node {
        self.add_after(job, [] as [Node; 0])
    }

    /// Adds a job that runs when all of these have completed ([`Node::any_end`],
    /// [`Node::ignore_failure`]).
    #[expect(clippy::needless_pass_by_value, reason = "a job that is handed over is gone")]
    pub fn add_after<J: Job, A: Into<After>>(
        &mut self,
        job: J,
        after: impl IntoIterator<Item = A>,
    ) -> Node {
        let count = self.of_kind.entry(J::KIND.to_owned()).or_default();
        *count += 1;
        let name = if *count == 1 { J::KIND.to_owned() } else { format!("{}-{count}", J::KIND) };
        let job = NewJob::of(&job).unwrap_or_else(|error| {
            if let Error::Invalid(broken) = error {
                let place = format!("/nodes/{}", self.nodes.len());
                self.broken.extend(broken.into_iter().map(|field| field.under(&place)));
            }
            NewJob::new(J::KIND, "null")
        });
        self.add_new(name, job, after)
    }

    /// Adds a job by the name of its kind, with options; `name` is that of the node.
    pub fn add_new<A: Into<After>>(
        &mut self,
        name: impl Into<String>,
        job: NewJob,
        after: impl IntoIterator<Item = A>,
    ) -> Node {
        let after = after.into_iter().map(Into::into).collect();
        self.nodes.push(FlowNode { name: name.into(), job, after });
        Node(self.nodes.len() - 1)
    }

    /// Lets a node come after these as well, which may have been added later.
    pub fn put_after<A: Into<After>>(&mut self, node: Node, after: impl IntoIterator<Item = A>) {
        if let Some(node) = self.nodes.get_mut(node.0) {
            node.after.extend(after.into_iter().map(Into::into));
        }
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<Node> {
        self.nodes.iter().position(|node| node.name == name).map(Node)
    }

    /// Gives a node another name.
    pub fn rename(&mut self, node: Node, name: impl Into<String>) {
        if let Some(node) = self.nodes.get_mut(node.0) {
            node.name = name.into();
        }
    }

    /// Nodes so far.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True before the first node.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The order in which nodes get their ids: each after its parents. Names each broken rule.
    pub(crate) fn check(&self) -> Result<Vec<usize>, Error> {
        let mut broken = self.broken.clone();
        self.check_texts(&mut broken);
        let mut names = HashMap::with_capacity(self.nodes.len());
        for (place, node) in self.nodes.iter().enumerate() {
            let under = |field: FieldError| field.under(&format!("/nodes/{place}"));
            if let Err(detail) = check_name(&node.name) {
                broken.push(under(FieldError::new("/name", detail)));
            } else if let Some(first) = names.insert(&node.name, place) {
                let detail = format!("is the name of node {first} as well");
                broken.push(under(FieldError::new("/name", detail)));
            }
            broken.extend(self.check_node(node).into_iter().map(under));
        }
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        let places = |node: &FlowNode| node.after.iter().map(|after| after.place).collect();
        let parents: Vec<Vec<usize>> = self.nodes.iter().map(places).collect();
        order(&parents).map_err(|cycle| self.refuse_cycle(&cycle))
    }

    fn check_texts(&self, broken: &mut Vec<FieldError>) {
        let texts =
            [("/name", Some(&self.name)), ("/idempotency_key", self.idempotency_key.as_ref())];
        for (pointer, text) in texts {
            if let Some(Err(detail)) = text.map(|text| check_text(text)) {
                broken.push(FieldError::new(pointer, detail));
            }
        }
        let count = self.nodes.len();
        if !(1..=WORKFLOW_NODES_MAX).contains(&count) {
            let detail = format!("has {count} nodes (1 to {WORKFLOW_NODES_MAX} allowed)");
            broken.push(FieldError::new("/nodes", detail));
        }
    }

    fn check_node(&self, node: &FlowNode) -> Vec<FieldError> {
        let mut broken = match node.job.check() {
            Err(Error::Invalid(broken)) => broken,
            _ => Vec::new(),
        };
        let mut refuse = |pointer: String, detail: &str| {
            broken.push(FieldError::new(pointer, detail.to_owned()));
        };
        if node.job.idempotency_key.is_some() {
            refuse("/idempotency_key".to_owned(), "belongs to the workflow, not to its nodes");
        }
        if node.job.unique.is_some() {
            let detail = "is not for nodes: a job of another workflow could stand in for this one";
            refuse("/unique".to_owned(), detail);
        }
        let waits_for = node.after.len() + node.job.depends_on.len();
        if waits_for > DEPENDENCIES_MAX {
            let detail = format!("names {waits_for} jobs (at most {DEPENDENCIES_MAX})");
            refuse("/after".to_owned(), &detail);
        }
        let mut seen = HashSet::with_capacity(node.after.len());
        for (index, after) in node.after.iter().enumerate() {
            if after.place >= self.nodes.len() {
                refuse(format!("/after/{index}"), "is no node of this workflow");
            } else if !seen.insert(after.place) {
                refuse(format!("/after/{index}"), "is named twice");
            }
        }
        broken
    }

    fn refuse_cycle(&self, cycle: &[usize]) -> Error {
        /// Names of a cycle that are told.
        const SHOWN: usize = 10;
        let name = |place: &usize| self.nodes[*place].name.clone();
        let mut names: Vec<String> = cycle.iter().take(SHOWN).map(name).collect();
        if cycle.len() > SHOWN {
            names.push(format!("({} more)", cycle.len() - SHOWN));
        }
        names.extend(cycle.first().map(name));
        let first = cycle.first().copied().unwrap_or_default();
        let detail = format!("closes a cycle: {}", names.join(" -> "));
        Error::invalid(format!("/nodes/{first}/after"), detail)
    }

    /// What has to be the same for the same key: what is run, with what, in which order.
    pub(crate) fn digest(&self) -> String {
        let mut parts = Vec::with_capacity(self.nodes.len() * 4);
        for node in &self.nodes {
            let NewJob { kind, queue, payload, .. } = &node.job;
            let names = [node.name.as_bytes(), kind.as_bytes(), queue.as_bytes(), payload];
            parts.extend(names.map(Cow::Borrowed));
            for After { place, on, on_failure } in &node.after {
                let edge = format!("{place} {on:?} {on_failure:?}");
                parts.push(Cow::Owned(edge.into_bytes()));
            }
        }
        digest(parts.iter().map(AsRef::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(flow: &Flow) -> Vec<FieldError> {
        let Err(Error::Invalid(broken)) = flow.check() else { panic!("accepted") };
        broken
    }

    fn job() -> NewJob {
        NewJob::new("t", "1")
    }

    #[test]
    fn every_broken_rule_is_named() {
        let mut flow = Flow::new("").idempotency_key("");
        let a = flow.add_new("a", job(), [] as [Node; 0]);
        flow.add_new("a", job().idempotency_key("k"), [a, a]);
        flow.add_new("b b", job().queue(""), [Node(7)]);

        let found = broken(&flow);

        let pointers: Vec<&str> = found.iter().map(|field| field.pointer.as_str()).collect();
        let expected = [
            "/name",
            "/idempotency_key",
            "/nodes/1/name",
            "/nodes/1/idempotency_key",
            "/nodes/1/after/1",
            "/nodes/2/name",
            "/nodes/2/queue",
            "/nodes/2/after/0",
        ];
        assert_eq!(pointers, expected);
        assert_eq!(broken(&Flow::new("empty"))[0].pointer, "/nodes");
    }

    #[test]
    fn a_cycle_is_named() {
        let mut flow = Flow::new("round");
        let a = flow.add_new("a", job(), [] as [Node; 0]);
        let b = flow.add_new("b", job(), [a]);
        let c = flow.add_new("c", job(), [b]);
        flow.put_after(a, [c]);

        let found = broken(&flow);

        assert_eq!(found[0].detail, "closes a cycle: b -> c -> a -> b");
        assert_eq!(found[0].pointer, "/nodes/1/after");
    }
}
