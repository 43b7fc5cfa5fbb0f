//! Where a job comes from and belongs: written into its metadata under names that no caller may use,
//! so that jobs without any of this have no column for it.

use std::collections::BTreeMap;

use crate::job::{BatchId, TickOf, Timestamp, WorkflowId};

const SCHEDULE_KEY: &str = "windlass.schedule";
const TICK_KEY: &str = "windlass.tick";
const WORKFLOW_KEY: &str = "windlass.workflow";
const NODE_KEY: &str = "windlass.node";
const BATCH_KEY: &str = "windlass.batch";
const CALLBACK_KEY: &str = "windlass.callback";

/// Where a job comes from and belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) schedule: Option<TickOf>,
    pub(crate) workflow: Option<WorkflowId>,
    /// Its name in that workflow.
    pub(crate) node: Option<String>,
    pub(crate) batch: Option<BatchId>,
    /// The batch whose callback it is.
    pub(crate) callback_of: Option<BatchId>,
}

impl Origin {
    /// Takes it out of a job's metadata.
    pub(crate) fn take(metadata: &mut BTreeMap<String, String>) -> Self {
        if metadata.is_empty() {
            return Self::default();
        }
        let tick = metadata.remove(TICK_KEY).and_then(|tick| tick.parse().ok());
        let schedule = metadata.remove(SCHEDULE_KEY).zip(tick);
        let mut number = |key| metadata.remove(key).and_then(|id| id.parse().ok());
        Self {
            workflow: number(WORKFLOW_KEY).map(WorkflowId::from_i64),
            batch: number(BATCH_KEY).map(BatchId::from_i64),
            callback_of: number(CALLBACK_KEY).map(BatchId::from_i64),
            node: metadata.remove(NODE_KEY),
            schedule: schedule
                .map(|(schedule, tick)| TickOf { schedule, tick: Timestamp::from_micros(tick) }),
        }
    }

    /// Puts it into a job's metadata.
    pub(crate) fn put(&self, metadata: &mut BTreeMap<String, String>) {
        let of = self.schedule.as_ref();
        let all = [
            (SCHEDULE_KEY, of.map(|of| of.schedule.clone())),
            (TICK_KEY, of.map(|of| of.tick.as_micros().to_string())),
            (WORKFLOW_KEY, self.workflow.map(|id| id.to_string())),
            (NODE_KEY, self.node.clone()),
            (BATCH_KEY, self.batch.map(|id| id.to_string())),
            (CALLBACK_KEY, self.callback_of.map(|id| id.to_string())),
        ];
        for (key, value) in all {
            if let Some(value) = value {
                metadata.insert(key.to_owned(), value);
            }
        }
    }

    /// The workflow and the batch it is a member of, in the order in which they are locked.
    pub(crate) fn bundles(&self) -> Vec<i64> {
        let mut bundles: Vec<i64> = self.workflow.map(WorkflowId::as_i64).into_iter().collect();
        bundles.extend(self.batch.map(BatchId::as_i64));
        bundles.sort_unstable();
        bundles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken_and_the_rest_stays() {
        let schedule = TickOf { schedule: "s".to_owned(), tick: Timestamp::from_micros(7) };
        let whole = Origin {
            schedule: Some(schedule),
            workflow: Some(WorkflowId::from_i64(3)),
            node: Some("pay".to_owned()),
            batch: Some(BatchId::from_i64(2)),
            callback_of: Some(BatchId::from_i64(5)),
        };
        let own = BTreeMap::from([("own".to_owned(), "x".to_owned())]);
        let mut metadata = own.clone();
        whole.put(&mut metadata);

        assert_eq!(Origin::take(&mut metadata), whole);

        assert_eq!(metadata, own);
        assert_eq!(Origin::take(&mut metadata), Origin::default());
        assert_eq!(whole.bundles(), [2, 3]);
    }
}
