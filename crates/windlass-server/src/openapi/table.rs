//! Every method of every path, but for what the list of endpoints says of it already.

use windlass::EventName;

use super::operation::{
    Operation, answers, answers_nothing, is_forced, is_raw, metrics, of_state, output, timeout,
};
use super::schema::{anything, flag, id, list_of, said, span_text, text, the, words};
use super::workers;

/// What a method of a path takes and how it answers; none for one that is not described.
pub(super) fn operation(method: &str, path: &str) -> Option<Operation> {
    let rest = path.strip_prefix("/api/v1").unwrap_or(path);
    of_jobs(method, rest)
        .or_else(|| of_many(method, rest))
        .or_else(|| of_queues(method, rest))
        .or_else(|| of_schedules(method, rest))
        .or_else(|| of_bundles(method, rest))
        .or_else(|| workers::operation(method, rest))
        .or_else(|| of_server(method, rest))
        .or_else(|| super::pgqueue::operation(method, path))
}

fn of_jobs(method: &str, path: &str) -> Option<Operation> {
    let changed = || answers(200, "Job").of_one().at_version().repeatable();
    let (kind, bytes) = output();
    Some(match (method, path) {
        ("POST", "/jobs") => {
            let stored = answers(201, "StoredJob").or(200, "StoredJob");
            stored.takes("NewJob").traced().repeatable().may([404, 409, 429])
        }
        ("POST", "/jobs/batch") => {
            let stored = answers(201, "BatchReply").takes("NewJobs").or_lines();
            stored.traced().repeatable().may([404, 429])
        }
        ("GET", "/jobs") => answers(200, "JobPage").filtered().of_one(),
        ("GET", "/jobs/{id}") => answers(200, "Job").of_one(),
        ("PATCH", "/jobs/{id}") => {
            answers(200, "Job").takes("JobEdit").of_one().at_version().may([409])
        }
        ("DELETE", "/jobs/{id}") => {
            answers_nothing().query("force", is_forced()).of_one().at_version().may([409])
        }
        ("POST", "/jobs/{id}/cancel") => changed().may_take("Cancel"),
        ("POST", "/jobs/{id}/retry") => changed().may_take("Retry"),
        ("GET", "/jobs/{id}/wait") => {
            answers(200, "WaitReply").query("timeout", timeout()).of_one()
        }
        ("POST", "/jobs/{id}/wait") => {
            answers(200, "WaitReply").query("timeout", timeout()).may_take("Wait").of_one()
        }
        ("GET", "/jobs/{id}/result") => {
            answers(200, "Result").or_as(200, kind, bytes).query("raw", is_raw()).of_one()
        }
        ("GET", "/jobs/{id}/events") => answers(200, "History").of_one(),
        ("GET", "/jobs/{id}/attempts") => answers(200, "Attempts").of_one(),
        ("GET", "/jobs/{id}/explain") => answers(200, "Explanation").of_one(),
        ("GET", "/jobs/{id}/dependencies") => answers(200, "Dependencies").of_one(),
        ("GET", "/jobs/{id}/checkpoint") => answers(200, "Checkpoint").of_one(),
        ("GET", "/jobs/{id}/logs") => answers(200, "Logs").of_one(),
        ("POST", "/jobs/{id}/signals") => {
            let given = answers(201, "SignalReply").or(200, "SignalReply");
            given.takes("Signal").of_one().repeatable()
        }
        _ => return None,
    })
}

fn of_many(method: &str, path: &str) -> Option<Operation> {
    Some(match (method, path) {
        ("POST", "/operations") => {
            let begun = answers(202, "Operation").or(200, "DryRun");
            begun.takes("NewOperation").of_one().repeatable()
        }
        ("GET", "/operations") => answers(200, "OperationPage").paged().of_one(),
        ("GET", "/operations/{id}") => answers(200, "Operation").of_one(),
        ("POST", "/operations/{id}/cancel") => {
            answers(200, "Operation").may_take("Nothing").of_one().repeatable()
        }
        ("GET", "/dead/groups") => answers(200, "DeadGroups").of_one(),
        _ => return None,
    })
}

fn of_queues(method: &str, path: &str) -> Option<Operation> {
    let changed = || answers(200, "Queue").of_one().repeatable();
    Some(match (method, path) {
        ("GET", "/queues") => answers(200, "QueuePage").paged().of_one(),
        ("POST", "/queues") => answers(201, "Queue").takes("NewQueue").of_one().repeatable(),
        ("GET", "/queues/{name}") => answers(200, "Queue").of_one(),
        ("PATCH", "/queues/{name}") => {
            answers(200, "Queue").may_take("QueueEdit").of_one().at_version().may([409])
        }
        ("DELETE", "/queues/{name}") => {
            answers_nothing().query("force", is_forced()).of_one().at_version().may([409])
        }
        ("POST", "/queues/{name}/pause") => changed().may_take("NewPauseOfType"),
        ("POST", "/queues/{name}/resume") => changed().may_take("Resume"),
        ("POST", "/queues/{name}/purge") => {
            answers(200, "Purged").may_take("Purge").of_one().repeatable()
        }
        ("GET", "/queues/{name}/stats") => answers(200, "QueueStats").of_one(),
        ("GET", "/queues/{name}/scale") => answers(200, "Scale").of_one(),
        ("GET", "/queues/{name}/explain") => answers(200, "Explanation").of_one(),
        ("GET", "/types") => answers(200, "TypePage").paged().of_one(),
        ("POST", "/types/{name}/pause") => {
            answers(200, "Type").may_take("NewPause").of_one().repeatable()
        }
        ("POST", "/types/{name}/resume") => {
            answers(200, "Type").may_take("Nothing").of_one().repeatable()
        }
        ("GET", "/namespaces") => answers(200, "NamespacePage").paged(),
        ("POST", "/namespaces") => answers(201, "Namespace").takes("Named").of_one().repeatable(),
        ("DELETE", "/namespaces/{name}") => {
            answers_nothing().query("force", is_forced()).of_one().may([409])
        }
        ("GET", "/limits") => answers(200, "LimitPage").paged().of_one(),
        ("GET", "/limits/{name}") => answers(200, "Limit").of_one(),
        ("PUT", "/limits/{name}") => {
            answers(200, "Limit").may_take("NewLimit").of_one().at_version()
        }
        ("DELETE", "/limits/{name}") => answers_nothing().of_one().at_version(),
        _ => return None,
    })
}

fn of_schedules(method: &str, path: &str) -> Option<Operation> {
    let changed = || answers(200, "Schedule").of_one().repeatable();
    Some(match (method, path) {
        ("GET", "/schedules") => answers(200, "SchedulePage").paged().of_one(),
        ("POST", "/schedules") => {
            answers(201, "Schedule").takes("NewSchedule").of_one().repeatable()
        }
        ("GET", "/schedules/{name}") => answers(200, "Schedule").of_one(),
        ("PATCH", "/schedules/{name}") => {
            answers(200, "Schedule").may_take("ScheduleEdit").of_one().at_version().may([409])
        }
        ("DELETE", "/schedules/{name}") => answers_nothing().of_one().at_version(),
        ("POST", "/schedules/{name}/pause") => changed().may_take("NewPause"),
        ("POST", "/schedules/{name}/resume") => changed().may_take("Nothing"),
        ("POST", "/schedules/{name}/trigger") => {
            answers(201, "StoredJob").may_take("Nothing").of_one().repeatable().may([429])
        }
        ("GET", "/schedules/{name}/ticks") => answers(200, "TickPage").paged().of_one(),
        ("GET", "/schedules/{name}/explain") => answers(200, "Explanation").of_one(),
        ("POST", "/schedules/preview") => answers(200, "Preview").takes("NewPreview"),
        _ => return None,
    })
}

fn of_bundles(method: &str, path: &str) -> Option<Operation> {
    Some(match (method, path) {
        ("GET", "/workflows") => {
            answers(200, "WorkflowPage").query("state", of_state()).paged().of_one()
        }
        ("POST", "/workflows") => {
            let started = answers(201, "Workflow").or(200, "Workflow");
            started.takes("NewWorkflow").of_one().repeatable().may([429])
        }
        ("GET", "/workflows/{id}") => answers(200, "Workflow").paged().of_one(),
        ("POST", "/workflows/{id}/cancel") => {
            answers(200, "Workflow").may_take("CancelWorkflow").of_one().repeatable()
        }
        ("POST", "/workflows/{id}/retry") => {
            answers(200, "Workflow").may_take("RetryWorkflow").of_one().repeatable()
        }
        ("GET", "/batches") => {
            answers(200, "BatchPage").query("state", of_state()).paged().of_one()
        }
        ("POST", "/batches") => {
            let opened = answers(201, "Batch").or(200, "Batch");
            opened.may_take("NewBatch").of_one().repeatable()
        }
        ("GET", "/batches/{id}") => answers(200, "Batch").of_one(),
        ("POST", "/batches/{id}/commit") => {
            answers(200, "Batch").may_take("Nothing").of_one().repeatable()
        }
        ("GET", "/batches/{id}/explain") => answers(200, "Explanation").of_one(),
        _ => return None,
    })
}

fn of_server(method: &str, path: &str) -> Option<Operation> {
    let openmetrics = "application/openmetrics-text";
    Some(match (method, path) {
        ("GET", "") => answers(200, "Info"),
        ("GET", "/openapi.json") => Operation::default().or_as(200, "application/json", anything()),
        ("GET", "/keys") => answers(200, "KeyPage").paged(),
        ("POST", "/keys") => answers(201, "Key").takes("NewKey").repeatable(),
        ("PATCH", "/keys/{id}") => answers(200, "Key").may_take("KeyEdit").of_one(),
        ("DELETE", "/keys/{id}") => answers_nothing().of_one(),
        ("POST", "/keys/{id}/rotate") => {
            answers(200, "Key").may_take("Rotation").of_one().repeatable()
        }
        ("GET", "/audit") => {
            let everywhere = said(flag(), "Lines of all namespaces.");
            let page = answers(200, "AuditPage").paged().query("everywhere", everywhere).of_one();
            ["actor", "action", "target"]
                .into_iter()
                .fold(page, |page, name| page.query(name, text()))
        }
        ("GET", "/stats") => answers(200, "Stats").of_one(),
        ("GET", "/stats/timeseries") => {
            let any = "May be repeated: any of them.";
            let series = answers(200, "Series").query("range", span_text());
            let series = series.query("step", span_text()).query("by", words(["queue"]));
            series.query("queue", said(list_of(text()), any)).of_one()
        }
        ("GET", "/events") => events(),
        ("GET", "/health") => {
            // Without its database the server cannot look up keys.
            let health = answers(200, "Health").or(503, "Health");
            health.or_as(503, "application/problem+json", the("Problem"))
        }
        ("GET", "/ready") => answers(200, "Ready").or(503, "Ready"),
        ("GET", "/live") => answers(200, "Live"),
        ("GET", "/metrics") => {
            let text = answers(200, "Counters").or_as(200, "text/plain", metrics());
            text.or_as(200, openmetrics, metrics()).may([404, 503])
        }
        _ => return None,
    })
}

fn events() -> Operation {
    let any = "May be repeated: any of them.";
    let after = "The id of the last event that was seen; the header Last-Event-ID says the same.";
    let names = words(EventName::ALL.iter().map(|name| name.as_str()));
    let lines = said(text(), "Server-sent events, without end.");
    let told = Operation::default().or_as(200, "text/event-stream", lines);
    told.query("job_id", said(list_of(id()), any))
        .query("type", said(list_of(text()), any))
        .query("queue", said(list_of(text()), any))
        .query("event", said(list_of(names), any))
        .query("since", said(text(), after))
        .of_one()
}
