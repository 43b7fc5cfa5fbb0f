//! One file for each part of the dashboard: request in, library calls, page out.

pub(super) mod access;
pub(super) mod bulk;
pub(super) mod bundles;
pub(super) mod catalog;
mod findings;
pub(super) mod job;
pub(super) mod job_forms;
pub(super) mod jobs;
mod names;
pub(super) mod overview;
mod query;
pub(super) mod queue_form;
pub(super) mod queues;
mod rows;
pub(super) mod schedules;
pub(super) mod workers;

use crate::endpoints::Permission;

use super::page::Viewer;

/// What every content needs: where links begin, what forms bring along, and which buttons there are.
pub(super) struct Base {
    root: String,
    token: String,
    /// Whether single jobs, queues and so on may be steered.
    may_operate: bool,
    /// Whether the same may be done to many jobs at once.
    may_operate_all: bool,
}

impl Base {
    fn of(viewer: &Viewer) -> Self {
        Self {
            root: viewer.root(),
            token: viewer.token(),
            may_operate: viewer.may(Permission::Operate),
            may_operate_all: viewer.may_all(Permission::Operate),
        }
    }
}
