//! The table of endpoints: which requests there are, who may make them, and what for.
//!
//! Invariant: what is not in this table is not answered. `auth::gate` looks every request up here, the
//! list at `/api/v1` is made from it, and a test compares it with the router.

use windlass::Role;

use crate::dashboard::PAGES;

use Permission::{
    Administer, Any, Contents, Open, Operate, Produce, ReadJobs, Results, View, Work,
};
use Reach::{Checked, Job, Namespace, Nothing, Queue, Server};

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    /// As the router writes it, with `{id}` and `{name}`.
    pub(crate) path: &'static str,
    /// Who may call it.
    pub(crate) permission: Permission,
    /// How the namespaces and queues of a key narrow it.
    pub(crate) reach: Reach,
    /// What it does, in one line.
    pub(crate) summary: &'static str,
}

/// What a role has to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// No key is needed.
    Open,
    /// Whoever has a key.
    Any,
    /// To see how things stand.
    View,
    /// To see jobs, workflows and batches.
    ReadJobs,
    /// To see how jobs ended, and what they returned.
    Results,
    /// To see what handlers wrote down.
    Contents,
    /// To store jobs.
    Produce,
    /// To run jobs.
    Work,
    /// To steer jobs, queues, schedules and limits.
    Operate,
    /// To change who may do what.
    Administer,
}

impl Permission {
    /// Whether this role allows it.
    pub(crate) const fn allows(self, role: Role) -> bool {
        match self {
            Self::Open | Self::Any => true,
            Self::View => matches!(role, Role::Viewer | Role::Operator | Role::Admin),
            Self::ReadJobs => !matches!(role, Role::Worker),
            Self::Results | Self::Produce => {
                matches!(role, Role::Producer | Role::Operator | Role::Admin)
            }
            Self::Contents | Self::Operate => matches!(role, Role::Operator | Role::Admin),
            Self::Work => matches!(role, Role::Worker | Role::Admin),
            Self::Administer => matches!(role, Role::Admin),
        }
    }
}

/// What of a server an endpoint shows or changes; keys may be bound to less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing that belongs to anybody.
    Nothing,
    /// The job whose id is in the path: its queue has to be one of the key's.
    Job,
    /// The queue whose name is in the path.
    Queue,
    /// Jobs or queues that the handler compares with the key.
    Checked,
    /// A whole namespace: nothing for a key that is bound to queues.
    Namespace,
    /// The whole server: nothing for a key that is bound to namespaces or queues.
    Server,
}

pub(crate) const fn on(
    method: &'static str,
    path: &'static str,
    permission: Permission,
    reach: Reach,
    summary: &'static str,
) -> Endpoint {
    Endpoint { method, path, permission, reach, summary }
}

/// The endpoint that answers `method` on the route `path`.
pub(crate) fn find(method: &str, path: &str) -> Option<&'static Endpoint> {
    let method = if method == "HEAD" { "GET" } else { method };
    on_path(path).find(|endpoint| endpoint.method == method)
}

/// The methods of a route, as the header `Allow` names them; none when there is no such route.
pub(crate) fn methods(path: &str) -> Option<String> {
    let names: Vec<&str> = on_path(path)
        .map(|endpoint| if endpoint.method == "GET" { "GET,HEAD" } else { endpoint.method })
        .collect();
    (!names.is_empty()).then(|| names.join(","))
}

fn on_path(path: &str) -> impl Iterator<Item = &'static Endpoint> {
    let path = path.strip_suffix('/').unwrap_or(path);
    all().filter(move |endpoint| endpoint.path == path)
}

/// The endpoints of the API and the pages and forms of the dashboard.
pub(crate) fn all() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().chain(PAGES)
}

/// All of the API. The order of the methods of a path is the order in which `Allow` names them.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    on("GET", "/api/v1", Any, Nothing, "this list"),
    on("GET", "/api/v1/openapi.json", Any, Nothing, "the description of this API"),
    // Jobs
    on("GET", "/api/v1/jobs", ReadJobs, Checked, "list jobs"),
    on("POST", "/api/v1/jobs", Produce, Checked, "store a job"),
    on("POST", "/api/v1/jobs/batch", Produce, Checked, "store many jobs"),
    on("GET", "/api/v1/jobs/{id}", ReadJobs, Job, "read a job"),
    on("PATCH", "/api/v1/jobs/{id}", Operate, Job, "change a job that waits or has ended"),
    on("DELETE", "/api/v1/jobs/{id}", Operate, Job, "delete a job"),
    on("POST", "/api/v1/jobs/{id}/cancel", Operate, Job, "cancel a job"),
    on(
        "POST",
        "/api/v1/jobs/{id}/retry",
        Operate,
        Job,
        "give a job another attempt, or run it now",
    ),
    on("GET", "/api/v1/jobs/{id}/wait", Results, Job, "wait for the end of a job"),
    on("POST", "/api/v1/jobs/{id}/wait", Results, Job, "wait for the end of a job"),
    on(
        "GET",
        "/api/v1/jobs/{id}/result",
        Results,
        Job,
        "read the output or error of a job that has ended",
    ),
    on("GET", "/api/v1/jobs/{id}/attempts", ReadJobs, Job, "list the attempts of a job"),
    on("GET", "/api/v1/jobs/{id}/events", ReadJobs, Job, "what happened to a job"),
    on("GET", "/api/v1/jobs/{id}/explain", ReadJobs, Job, "why a job does not run"),
    on(
        "GET",
        "/api/v1/jobs/{id}/dependencies",
        ReadJobs,
        Job,
        "what a job waits for, and what waits for it",
    ),
    on(
        "GET",
        "/api/v1/jobs/{id}/checkpoint",
        Contents,
        Job,
        "read what the handler of a job kept for its next attempt",
    ),
    on(
        "GET",
        "/api/v1/jobs/{id}/logs",
        Contents,
        Job,
        "read what the handlers of a job wrote down",
    ),
    on(
        "POST",
        "/api/v1/jobs/{id}/signals",
        Operate,
        Job,
        "give a signal to a job that waits for it",
    ),
    // Workers
    on("GET", "/api/v1/workers", View, Namespace, "list workers"),
    on("POST", "/api/v1/workers", Work, Checked, "register a worker"),
    on("GET", "/api/v1/workers/{id}", View, Namespace, "read a worker"),
    on(
        "DELETE",
        "/api/v1/workers/{id}",
        Work,
        Checked,
        "forget a worker and give back what it holds",
    ),
    on("POST", "/api/v1/workers/{id}/claim", Work, Checked, "claim jobs, and wait for them"),
    on(
        "POST",
        "/api/v1/workers/{id}/heartbeat",
        Work,
        Checked,
        "say that a worker lives, and how far its jobs are",
    ),
    on("POST", "/api/v1/workers/{id}/settle", Work, Checked, "report the ends of attempts"),
    on("POST", "/api/v1/workers/{id}/quiet", Operate, Namespace, "ask a worker to claim no more"),
    on("POST", "/api/v1/workers/{id}/terminate", Operate, Namespace, "ask a worker to stop"),
    on("POST", "/api/v1/jobs/claim", Work, Checked, "claim jobs without a registration"),
    on("POST", "/api/v1/jobs/{id}/complete", Work, Job, "complete an attempt, with a lease token"),
    on("POST", "/api/v1/jobs/{id}/fail", Work, Job, "fail an attempt, with a lease token"),
    on("POST", "/api/v1/jobs/{id}/snooze", Work, Job, "put a job off, with a lease token"),
    on("POST", "/api/v1/jobs/{id}/release", Work, Job, "give a job back, with a lease token"),
    on("POST", "/api/v1/jobs/{id}/extend", Work, Job, "extend a lease, with its token"),
    on(
        "PUT",
        "/api/v1/jobs/{id}/checkpoint",
        Work,
        Job,
        "keep something for the next attempt, with a lease token",
    ),
    on(
        "POST",
        "/api/v1/jobs/{id}/logs",
        Work,
        Job,
        "add lines to the log of a job, with a lease token",
    ),
    // Operations
    on("GET", "/api/v1/operations", View, Namespace, "list operations"),
    on("POST", "/api/v1/operations", Operate, Namespace, "do the same to many jobs"),
    on("GET", "/api/v1/operations/{id}", View, Namespace, "read how far an operation has come"),
    on("POST", "/api/v1/operations/{id}/cancel", Operate, Namespace, "stop an operation"),
    on("GET", "/api/v1/dead/groups", View, Namespace, "dead letters by what they died of"),
    // Queues
    on("GET", "/api/v1/queues", View, Checked, "list queues"),
    on("POST", "/api/v1/queues", Operate, Checked, "create a queue"),
    on("GET", "/api/v1/queues/{name}", View, Queue, "read a queue"),
    on("PATCH", "/api/v1/queues/{name}", Operate, Queue, "change settings of a queue"),
    on("DELETE", "/api/v1/queues/{name}", Operate, Queue, "delete a queue"),
    on("POST", "/api/v1/queues/{name}/pause", Operate, Queue, "pause a queue, or one type in it"),
    on("POST", "/api/v1/queues/{name}/resume", Operate, Queue, "end a pause"),
    on("POST", "/api/v1/queues/{name}/purge", Operate, Queue, "delete jobs of a queue"),
    on("GET", "/api/v1/queues/{name}/stats", View, Queue, "counts of a queue"),
    on("GET", "/api/v1/queues/{name}/scale", View, Queue, "what an autoscaler asks"),
    on("GET", "/api/v1/queues/{name}/explain", View, Queue, "why no job of a queue runs"),
    // Limits and schedules
    on(
        "GET",
        "/api/v1/schedules/{name}/explain",
        View,
        Namespace,
        "why a schedule makes no job now",
    ),
    on("GET", "/api/v1/limits", View, Namespace, "list limits by key"),
    on("GET", "/api/v1/limits/{name}", View, Namespace, "read a limit"),
    on("PUT", "/api/v1/limits/{name}", Operate, Namespace, "make or replace a limit"),
    on("DELETE", "/api/v1/limits/{name}", Operate, Namespace, "delete a limit"),
    on("GET", "/api/v1/schedules", View, Namespace, "list schedules"),
    on("POST", "/api/v1/schedules", Operate, Namespace, "create a schedule"),
    on("GET", "/api/v1/schedules/{name}", View, Namespace, "read a schedule"),
    on("PATCH", "/api/v1/schedules/{name}", Operate, Namespace, "change a schedule"),
    on("DELETE", "/api/v1/schedules/{name}", Operate, Namespace, "delete a schedule"),
    on("POST", "/api/v1/schedules/{name}/pause", Operate, Namespace, "pause a schedule"),
    on(
        "POST",
        "/api/v1/schedules/{name}/resume",
        Operate,
        Namespace,
        "end the pause of a schedule",
    ),
    on(
        "POST",
        "/api/v1/schedules/{name}/trigger",
        Operate,
        Namespace,
        "run the job of a schedule now",
    ),
    on("GET", "/api/v1/schedules/{name}/ticks", View, Namespace, "list ticks of the past"),
    on("POST", "/api/v1/schedules/preview", View, Nothing, "list ticks to come"),
    // Workflows and batches
    on("GET", "/api/v1/workflows", ReadJobs, Namespace, "list workflows"),
    on("POST", "/api/v1/workflows", Produce, Namespace, "store a whole graph of jobs"),
    on("GET", "/api/v1/workflows/{id}", ReadJobs, Namespace, "read a workflow and its nodes"),
    on(
        "POST",
        "/api/v1/workflows/{id}/cancel",
        Operate,
        Namespace,
        "cancel every node that has not ended",
    ),
    on(
        "POST",
        "/api/v1/workflows/{id}/retry",
        Operate,
        Namespace,
        "run every node again that ended without success",
    ),
    on("GET", "/api/v1/batches", ReadJobs, Namespace, "list batches"),
    on("POST", "/api/v1/batches", Produce, Namespace, "open a batch"),
    on("GET", "/api/v1/batches/{id}", ReadJobs, Namespace, "read a batch and its counts"),
    on("POST", "/api/v1/batches/{id}/commit", Produce, Namespace, "close the opening of a batch"),
    on("GET", "/api/v1/batches/{id}/explain", ReadJobs, Namespace, "what a batch still waits for"),
    // Types and namespaces
    on("GET", "/api/v1/types", View, Namespace, "list types"),
    on("POST", "/api/v1/types/{name}/pause", Operate, Namespace, "pause a type in all queues"),
    on("POST", "/api/v1/types/{name}/resume", Operate, Namespace, "end the pause of a type"),
    on("GET", "/api/v1/namespaces", View, Checked, "list namespaces"),
    on("POST", "/api/v1/namespaces", Administer, Server, "create a namespace"),
    on("DELETE", "/api/v1/namespaces/{name}", Administer, Server, "delete a namespace"),
    // Keys
    on("GET", "/api/v1/keys", Administer, Checked, "list API keys"),
    on("POST", "/api/v1/keys", Administer, Checked, "make an API key"),
    on(
        "PATCH",
        "/api/v1/keys/{id}",
        Administer,
        Checked,
        "change the label of an API key, and how often it may ask",
    ),
    on("DELETE", "/api/v1/keys/{id}", Administer, Checked, "revoke an API key"),
    on("POST", "/api/v1/keys/{id}/rotate", Administer, Checked, "give an API key another secret"),
    on("GET", "/api/v1/audit", Operate, Namespace, "list who did what"),
    // pgqueue's API
    on("GET", "/api/namespace", View, Checked, "pgqueue: list namespaces"),
    on("GET", "/api/queue", View, Checked, "pgqueue: list queues"),
    on("POST", "/api/queue", Operate, Checked, "pgqueue: create a queue"),
    on("GET", "/api/queue/{name}", View, Checked, "pgqueue: read a queue"),
    on("PATCH", "/api/queue/{name}", Operate, Checked, "pgqueue: change a queue"),
    on("DELETE", "/api/queue/{name}", Operate, Checked, "pgqueue: delete a queue"),
    on("GET", "/api/task", ReadJobs, Checked, "pgqueue: list tasks"),
    on("POST", "/api/task", Produce, Checked, "pgqueue: store a task"),
    on("PUT", "/api/task", Work, Checked, "pgqueue: retain a task"),
    on("GET", "/api/task/{id}", ReadJobs, Job, "pgqueue: read a task"),
    on("PUT", "/api/task/{id}", Work, Checked, "pgqueue: retain a task of a queue"),
    on("PATCH", "/api/task/{id}", Work, Job, "pgqueue: release a task"),
    on("GET", "/api/ticker", View, Namespace, "pgqueue: list tickers"),
    on("POST", "/api/ticker", Operate, Namespace, "pgqueue: create a ticker"),
    on("GET", "/api/ticker/next", View, Namespace, "pgqueue: follow ticks"),
    on("GET", "/api/ticker/{name}", View, Namespace, "pgqueue: read a ticker"),
    on("PATCH", "/api/ticker/{name}", Operate, Namespace, "pgqueue: change a ticker"),
    on("DELETE", "/api/ticker/{name}", Operate, Namespace, "pgqueue: delete a ticker"),
    on("GET", "/api/metrics", View, Server, "pgqueue: tasks by queue and status"),
    on("GET", "/api/v1/namespace", View, Checked, "pgqueue: list namespaces"),
    on("GET", "/api/v1/queue", View, Checked, "pgqueue: list queues"),
    on("POST", "/api/v1/queue", Operate, Checked, "pgqueue: create a queue"),
    on("GET", "/api/v1/queue/{name}", View, Checked, "pgqueue: read a queue"),
    on("PATCH", "/api/v1/queue/{name}", Operate, Checked, "pgqueue: change a queue"),
    on("DELETE", "/api/v1/queue/{name}", Operate, Checked, "pgqueue: delete a queue"),
    on("GET", "/api/v1/task", ReadJobs, Checked, "pgqueue: list tasks"),
    on("POST", "/api/v1/task", Produce, Checked, "pgqueue: store a task"),
    on("PUT", "/api/v1/task", Work, Checked, "pgqueue: retain a task"),
    on("GET", "/api/v1/task/{id}", ReadJobs, Job, "pgqueue: read a task"),
    on("PUT", "/api/v1/task/{id}", Work, Checked, "pgqueue: retain a task of a queue"),
    on("PATCH", "/api/v1/task/{id}", Work, Job, "pgqueue: release a task"),
    on("GET", "/api/v1/ticker", View, Namespace, "pgqueue: list tickers"),
    on("POST", "/api/v1/ticker", Operate, Namespace, "pgqueue: create a ticker"),
    on("GET", "/api/v1/ticker/next", View, Namespace, "pgqueue: follow ticks"),
    on("GET", "/api/v1/ticker/{name}", View, Namespace, "pgqueue: read a ticker"),
    on("PATCH", "/api/v1/ticker/{name}", Operate, Namespace, "pgqueue: change a ticker"),
    on("DELETE", "/api/v1/ticker/{name}", Operate, Namespace, "pgqueue: delete a ticker"),
    // The server
    on("GET", "/api/v1/events", View, Namespace, "follow what happens, as server-sent events"),
    on("GET", "/api/v1/stats", View, Namespace, "counts, rates and latencies"),
    on("GET", "/api/v1/stats/timeseries", View, Namespace, "the same by the minute"),
    on("GET", "/health", Any, Server, "health of the parts"),
    on("GET", "/ready", Open, Nothing, "whether requests can be served"),
    on("GET", "/live", Open, Nothing, "whether the process answers"),
    on("GET", "/metrics", View, Server, "metrics for Prometheus"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Functions of the router that stand for a method.
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

    /// Method and path of every route, as the router's text has them.
    fn routes(text: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for piece in text.split(".route(").skip(1) {
            let mut quoted = piece.split('"');
            let path = quoted.nth(1).expect("a route begins with its path");
            let handlers = quoted.next().expect("and goes on with its handlers");
            let words = handlers.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '(');
            for word in words.filter_map(|word| word.split_once('(')) {
                if METHODS.contains(&word.0) {
                    let path = path.strip_suffix('/').unwrap_or(path);
                    found.insert((word.0.to_uppercase(), path.to_owned()));
                }
            }
        }
        found
    }

    #[test]
    fn the_table_and_the_router_have_the_same_routes() {
        let listed: BTreeSet<(String, String)> =
            all().map(|it| (it.method.to_owned(), it.path.to_owned())).collect();

        assert_eq!(listed.len(), all().count(), "something is listed twice");
        let mut found = routes(include_str!("router.rs"));
        found.extend(routes(include_str!("dashboard/routes.rs")));
        assert_eq!(found, listed);
    }

    #[test]
    fn a_route_is_found_in_the_routers_text_however_it_is_written() {
        let text = r#".route("/a", get(x::y).post(x::z)).route(
            "/b/{id}",
            put(q)
                .delete(r),
        )"#;

        let found = routes(text);

        let expected = [("DELETE", "/b/{id}"), ("GET", "/a"), ("POST", "/a"), ("PUT", "/b/{id}")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    }

    #[test]
    fn few_routes_need_no_key() {
        let open = all().filter(|endpoint| endpoint.permission == Open);

        let open: Vec<&str> = open.map(|endpoint| endpoint.path).collect();
        let pages = ["", "/ui/login", "/ui/login", "/ui/assets/{name}"];
        assert_eq!(open, [&["/ready", "/live"][..], &pages].concat());
    }

    #[test]
    fn a_role_allows_what_it_is_for() {
        let allowed = |role| {
            [Open, Any, View, ReadJobs, Results, Contents, Produce, Work, Operate, Administer]
                .map(|permission: Permission| u8::from(permission.allows(role)))
        };

        assert_eq!(allowed(Role::Viewer), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(allowed(Role::Producer), [1, 1, 0, 1, 1, 0, 1, 0, 0, 0]);
        assert_eq!(allowed(Role::Worker), [1, 1, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(allowed(Role::Operator), [1, 1, 1, 1, 1, 1, 1, 0, 1, 0]);
        assert_eq!(allowed(Role::Admin), [1; 10]);
    }
}
