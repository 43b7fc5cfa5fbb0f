//! Names that fields offer while somebody writes into them: from the maintained counts, never from jobs.

use std::collections::BTreeSet;

use windlass::{State, Stats};

use super::rows::JobRow;
use crate::dashboard::page::Viewer;

/// Names of a sort that are offered: more are not looked through by anybody.
const OFFERED_MAX: usize = 200;

/// Queues and types, as far as the caller may see them.
pub(super) struct Names {
    pub(super) queues: Vec<String>,
    pub(super) kinds: Vec<String>,
}

impl Names {
    pub(super) async fn read(viewer: &Viewer) -> Result<Self, windlass::Error> {
        Ok(Self::of(viewer, &viewer.queue.stats().await?))
    }

    pub(super) fn of(viewer: &Viewer, stats: &Stats) -> Self {
        let own = stats.kinds.iter().filter(|kind| viewer.caller.allows_queue(&kind.queue));
        let (queues, kinds): (BTreeSet<&str>, BTreeSet<&str>) =
            own.map(|kind| (kind.queue.as_str(), kind.kind.as_str())).unzip();
        let first = |names: BTreeSet<&str>| {
            names.into_iter().take(OFFERED_MAX).map(str::to_owned).collect()
        };
        Self { queues: first(queues), kinds: first(kinds) }
    }

    /// The words of the query bar; tags are those of the jobs that are shown.
    pub(super) fn words(&self, rows: &[JobRow]) -> Vec<String> {
        let keys: BTreeSet<&str> =
            rows.iter().flat_map(|row| &row.tags).map(|(key, _)| key.as_str()).collect();
        // A blank would begin another word.
        let keys = keys.into_iter().filter(|key| !key.contains(char::is_whitespace));
        let states = State::ALL.into_iter().map(|state| format!("state:{state}"));
        let queues = self.queues.iter().map(|name| format!("queue:{name}"));
        let kinds = self.kinds.iter().map(|name| format!("type:{name}"));
        let tags = keys.take(OFFERED_MAX).map(|key| format!("tag:{key}:"));
        states.chain(queues).chain(kinds).chain(tags).collect()
    }
}
