//! pgqueue's routes, as they are described.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::operation::{Operation, answers, metrics};
use super::schema::{any_of, anything, count, list_of, maybe, needed, object, said, text, the};

/// A method of one of its paths; the last part tells them apart.
pub(super) fn operation(method: &str, path: &str) -> Option<Operation> {
    let rest = path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/api"))?;
    let page = |schema| answers(200, schema).query("offset", count()).query("limit", count());
    Some(match (method, rest) {
        ("GET", "/namespace") => page("PgNamespaces"),
        ("GET", "/queue") => page("PgQueues"),
        ("POST", "/queue") => answers(201, "PgQueue").takes("PgNewQueue").may([409]),
        ("GET" | "DELETE", "/queue/{name}") => answers(200, "PgQueue").of_one(),
        ("PATCH", "/queue/{name}") => answers(200, "PgQueue").takes("PgNewQueue").of_one(),
        ("GET", "/task") => page("PgTasks").query("status", text()).query("queue", text()),
        ("POST", "/task") => answers(201, "PgTask").takes("PgNewTask").of_one().may([429]),
        ("GET", "/task/{id}") => answers(200, "PgTask").of_one(),
        ("PUT", "/task") => {
            let retained = answers(201, "PgTask").query("worker", text()).of_one();
            retained.query("queue", list_of(text()))
        }
        ("PUT", "/task/{id}") => answers(201, "PgTask").query("worker", text()).of_one(),
        ("PATCH", "/task/{id}") => {
            let released = answers(201, "PgTask").query("worker", text());
            released.takes("PgRelease").of_one()
        }
        ("GET", "/ticker") => page("PgTickers").or_as(200, "text/event-stream", events()),
        ("POST", "/ticker") => answers(201, "PgTicker").takes("PgNewTicker").may([409]),
        ("GET", "/ticker/next") => Operation::default().or_as(200, "text/event-stream", events()),
        ("GET" | "DELETE", "/ticker/{name}") => answers(200, "PgTicker").of_one(),
        ("PATCH", "/ticker/{name}") => answers(200, "PgTicker").takes("PgNewTicker").of_one(),
        ("GET", "/metrics") => Operation::default().or_as(200, "text/plain", metrics()),
        _ => return None,
    })
}

fn events() -> Value {
    said(text(), "Events `ping` and `ticker`; the data of the latter is a ticker.")
}

fn nanos() -> Value {
    said(count(), "Nanoseconds.")
}

fn span() -> Value {
    said(any_of([count(), text()]), "Nanoseconds, or a text such as 90s.")
}

/// Digits only where there are any.
fn at() -> Value {
    said(text(), "RFC 3339, with up to six fractional digits.")
}

fn page_of(schema: Value) -> Value {
    object([maybe("status", text()), needed("count", count()), needed("body", list_of(schema))])
}

/// Every schema, by its name.
pub(super) fn schemas() -> BTreeMap<&'static str, Value> {
    let new_queue =
        [("queue", text()), ("ttl", span()), ("retries", count()), ("retry_delay", span())];
    let new_task = [("queue", text()), ("payload", anything()), ("delayed_at", text())];
    let new_ticker = [("ticker", text()), ("payload", anything()), ("interval", span())];
    let release = [("result", anything()), ("fail", super::schema::flag())];
    let queue = object([
        needed("queue", text()),
        maybe("ttl", nanos()),
        needed("retries", count()),
        needed("retry_delay", nanos()),
        needed("namespace", text()),
    ]);
    let task = object([
        needed("id", json!({ "type": "integer", "format": "int64" })),
        maybe("payload", anything()),
        maybe("delayed_at", at()),
        maybe("worker", text()),
        needed("namespace", text()),
        needed("queue", text()),
        maybe("result", anything()),
        needed("created_at", at()),
        maybe("started_at", at()),
        maybe("finished_at", at()),
        maybe("dies_at", at()),
        needed("retries", count()),
        maybe("status", text()),
    ]);
    let ticker = object([
        needed("ticker", text()),
        maybe("payload", anything()),
        needed("interval", nanos()),
        needed("namespace", text()),
        maybe("timestamp", at()),
    ]);
    let problem =
        object([needed("code", count()), needed("reason", text()), maybe("detail", anything())]);
    BTreeMap::from([
        ("PgNamespaces", page_of(text())),
        ("PgQueue", queue),
        ("PgQueues", page_of(the("PgQueue"))),
        ("PgNewQueue", taken(new_queue)),
        ("PgTask", task),
        ("PgTasks", page_of(the("PgTask"))),
        ("PgNewTask", taken(new_task)),
        ("PgRelease", taken(release)),
        ("PgTicker", ticker),
        ("PgTickers", page_of(the("PgTicker"))),
        ("PgNewTicker", taken(new_ticker)),
        ("PgProblem", problem),
    ])
}

/// Members of a body; others are left alone.
fn taken<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    let members: BTreeMap<&str, Value> = members.into_iter().collect();
    json!({ "type": "object", "properties": members })
}
