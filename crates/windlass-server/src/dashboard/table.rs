//! The pages and forms as endpoints: what the gate asks of whoever wants them. They are not part of the API.

use crate::endpoints::Endpoint;
use crate::endpoints::Permission::{Administer, Any, Open, Operate, ReadJobs, View};
use crate::endpoints::Reach::{Checked, Job, Namespace, Nothing, Queue};
use crate::endpoints::on;

/// All of them.
pub(crate) const PAGES: &[Endpoint] = &[
    on("GET", "", Open, Nothing, "leads to the dashboard"),
    on("GET", "/ui/login", Open, Nothing, "ask for a key"),
    on("POST", "/ui/login", Open, Nothing, "sign in"),
    on("GET", "/ui/assets/{name}", Open, Nothing, "styles and scripts"),
    on("POST", "/ui/logout", Any, Nothing, "sign out"),
    on("POST", "/ui/namespace", Any, Checked, "look at another namespace"),
    on("GET", "/ui", View, Checked, "overview"),
    on("GET", "/ui/about", View, Nothing, "what this server is"),
    // Jobs
    on("GET", "/ui/jobs", ReadJobs, Checked, "jobs"),
    on("GET", "/ui/jobs/{id}", ReadJobs, Job, "a job"),
    on("GET", "/ui/jobs/{id}/edit", Operate, Job, "the form to change a job"),
    on("POST", "/ui/jobs/{id}/edit", Operate, Job, "change a job"),
    on("POST", "/ui/jobs/{id}/retry", Operate, Job, "retry a job, or run it now"),
    on("POST", "/ui/jobs/{id}/cancel", Operate, Job, "cancel a job"),
    on("POST", "/ui/jobs/{id}/duplicate", Operate, Job, "store a job like this one"),
    on("POST", "/ui/jobs/{id}/delete", Operate, Job, "delete a job"),
    // Many jobs
    on("GET", "/ui/dead", View, Namespace, "dead letters by what they died of"),
    on("GET", "/ui/operations", View, Namespace, "operations"),
    on("POST", "/ui/operations/confirm", Operate, Namespace, "what an operation would do"),
    on("POST", "/ui/operations", Operate, Namespace, "start an operation"),
    on("GET", "/ui/operations/{id}", View, Namespace, "an operation"),
    on("POST", "/ui/operations/{id}/cancel", Operate, Namespace, "stop an operation"),
    // Queues, types, limits
    on("GET", "/ui/queues", View, Checked, "queues"),
    on("POST", "/ui/queues", Operate, Checked, "create a queue"),
    on("GET", "/ui/queue-form", Operate, Checked, "the form of a queue"),
    on("GET", "/ui/queues/{name}", View, Queue, "a queue"),
    on("POST", "/ui/queues/{name}/pause", Operate, Queue, "pause a queue"),
    on("POST", "/ui/queues/{name}/resume", Operate, Queue, "end the pause of a queue"),
    on("POST", "/ui/queues/{name}/settings", Operate, Queue, "change settings of a queue"),
    on("POST", "/ui/queues/{name}/purge", Operate, Queue, "delete the jobs of a queue that wait"),
    on("GET", "/ui/types", View, Namespace, "types"),
    on("POST", "/ui/types/{name}/pause", Operate, Namespace, "pause a type"),
    on("POST", "/ui/types/{name}/resume", Operate, Namespace, "end the pause of a type"),
    on("GET", "/ui/limits", View, Namespace, "limits by key"),
    // Schedules
    on("GET", "/ui/schedules", View, Namespace, "schedules"),
    on("POST", "/ui/schedules", Operate, Namespace, "create a schedule"),
    on("GET", "/ui/schedule-form", Operate, Namespace, "the form of a schedule"),
    on("GET", "/ui/schedule-preview", View, Nothing, "ticks to come"),
    on("GET", "/ui/schedules/{name}", View, Namespace, "a schedule"),
    on("POST", "/ui/schedules/{name}", Operate, Namespace, "change a schedule"),
    on("POST", "/ui/schedules/{name}/pause", Operate, Namespace, "pause a schedule"),
    on("POST", "/ui/schedules/{name}/resume", Operate, Namespace, "end the pause of a schedule"),
    on("POST", "/ui/schedules/{name}/trigger", Operate, Namespace, "run a schedule's job now"),
    on("POST", "/ui/schedules/{name}/delete", Operate, Namespace, "delete a schedule"),
    // Workers
    on("GET", "/ui/workers", View, Namespace, "workers"),
    on("POST", "/ui/workers/{id}/quiet", Operate, Namespace, "ask a worker to claim no more"),
    on("POST", "/ui/workers/{id}/terminate", Operate, Namespace, "ask a worker to stop"),
    // Workflows and batches
    on("GET", "/ui/workflows", ReadJobs, Namespace, "workflows"),
    on("GET", "/ui/workflows/{id}", ReadJobs, Namespace, "a workflow"),
    on("POST", "/ui/workflows/{id}/cancel", Operate, Namespace, "cancel a workflow"),
    on("POST", "/ui/workflows/{id}/retry", Operate, Namespace, "retry a workflow"),
    on("GET", "/ui/batches", ReadJobs, Namespace, "batches"),
    on("GET", "/ui/batches/{id}", ReadJobs, Namespace, "a batch"),
    // Who may do what, and who did
    on("GET", "/ui/audit", Operate, Namespace, "who did what"),
    on("GET", "/ui/keys", Administer, Checked, "API keys"),
    on("POST", "/ui/keys", Administer, Checked, "make an API key"),
    on("POST", "/ui/keys/{id}/revoke", Administer, Checked, "revoke an API key"),
];
