//! One method of one path: what it takes and how it answers.

use serde_json::{Map, Value, json};

use super::schema::{any_of, flag, id, list_of, name, said, span_text, text, the, when, words};
use super::{replies, requests};

/// Answers that say what went wrong, wherever it may.
const ANYWHERE: [u16; 6] = [400, 401, 403, 429, 500, 503];

/// As above, where a request has a body.
const WITH_BODY: [u16; 3] = [413, 415, 422];

/// Paths that are about no namespace, and begin so.
const EVERYWHERE: [&str; 5] = [
    "/api/v1/openapi.json",
    "/api/v1/namespace",
    "/api/namespace",
    "/api/v1/schedules/preview",
    "/api/v1/keys",
];

/// A method of a path.
#[derive(Default)]
pub(super) struct Operation {
    query: Vec<(&'static str, Value)>,
    headers: Vec<(&'static str, Value)>,
    body: Option<(&'static str, bool)>,
    takes_lines: bool,
    replies: Vec<(u16, Reply)>,
    may: Vec<u16>,
}

/// What is in an answer.
enum Reply {
    Nothing,
    Json(&'static str),
    Other(&'static str, Value),
}

/// Answers with the schema of that name.
pub(super) fn answers(status: u16, schema: &'static str) -> Operation {
    Operation::default().or(status, schema)
}

/// Answers without a body.
pub(super) fn answers_nothing() -> Operation {
    Operation { replies: vec![(204, Reply::Nothing)], ..Operation::default() }
}

impl Operation {
    /// It may answer so as well.
    pub(super) fn or(mut self, status: u16, schema: &'static str) -> Self {
        self.replies.push((status, Reply::Json(schema)));
        self
    }

    /// It may answer in another form as well.
    pub(super) fn or_as(mut self, status: u16, kind: &'static str, schema: Value) -> Self {
        self.replies.push((status, Reply::Other(kind, schema)));
        self
    }

    /// Needs a body.
    pub(super) fn takes(mut self, schema: &'static str) -> Self {
        self.body = Some((schema, true));
        self
    }

    /// Takes a body; none is an empty object.
    pub(super) fn may_take(mut self, schema: &'static str) -> Self {
        self.body = Some((schema, false));
        self
    }

    /// Takes one JSON value a line as well.
    pub(super) fn or_lines(mut self) -> Self {
        self.takes_lines = true;
        self.query("atomic", said(flag(), "For lines: one refused job refuses all."))
    }

    pub(super) fn query(mut self, name: &'static str, schema: Value) -> Self {
        self.query.push((name, schema));
        self
    }

    /// Refuses for these reasons as well.
    pub(super) fn may(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.may.extend(statuses);
        self
    }

    /// Is about something that may not be there.
    pub(super) fn of_one(self) -> Self {
        self.may([404])
    }

    /// Takes the version that is meant.
    pub(super) fn at_version(mut self) -> Self {
        let what = "The ETag that the thing must have; * means any.";
        self.headers.push(("If-Match", said(text(), what)));
        self.may([412])
    }

    /// May be sent again.
    pub(super) fn repeatable(mut self) -> Self {
        let what = "The same key with the same body means the same request, for 24 hours.";
        self.headers.push(("Idempotency-Key", said(key(), what)));
        self.may([409])
    }

    /// Carries the trace that a job becomes a part of.
    pub(super) fn traced(mut self) -> Self {
        self.headers.extend([("traceparent", text()), ("tracestate", text())]);
        self
    }

    /// A page of a list: by name, or of ids.
    pub(super) fn paged(self) -> Self {
        let limit = said(super::schema::count(), "Things on a page, 1 to 500; more mean 500.");
        let mut limit = limit;
        limit["minimum"] = json!(1);
        limit["default"] = json!(100);
        self.query("limit", limit).query("cursor", said(text(), "next_cursor of the page before."))
    }

    /// The parameters of a list of jobs.
    pub(super) fn filtered(self) -> Self {
        let any = "May be repeated: any of them.";
        let tag = said(json!({ "type": "string", "pattern": "^[^:]*:.*$" }), "KEY:VALUE");
        self.query("state", said(list_of(replies::state()), any))
            .query("reason", said(list_of(replies::reason()), any))
            .query("type", said(list_of(text()), any))
            .query("queue", said(list_of(text()), any))
            .query("priority", said(list_of(requests::priority()), any))
            .query("tag", said(list_of(tag), "May be repeated: any of one key, and each key."))
            .query("fingerprint", said(list_of(text()), any))
            .query("correlation_id", said(list_of(text()), any))
            .query("workflow_id", id())
            .query("batch_id", id())
            .query("created_after", when())
            .query("created_before", when())
            .query("updated_after", when())
            .query("updated_before", when())
            .query("q", said(key(), "Text that stands in type, queue, ids, tags or error."))
            .query("order", words(["asc", "desc"]))
            .paged()
    }

    /// How the description writes it.
    pub(super) fn write(self, method: &str, path: &str, summary: &str) -> Value {
        let mut written = json!({
            "summary": summary,
            "operationId": operation_id(method, path),
            "tags": [tag(path)],
            "parameters": self.parameters(path),
            "responses": self.responses(path),
        });
        if let Some((schema, is_needed)) = self.body {
            let mut content = json!({ "application/json": { "schema": the(schema) } });
            if self.takes_lines {
                content["application/x-ndjson"] = json!({
                    "schema": said(text(), "One job a line."),
                    "example": "{\"type\":\"echo\"}\n{\"type\":\"echo\"}\n"
                });
            }
            written["requestBody"] = json!({ "required": is_needed, "content": content });
        }
        written
    }

    fn parameters(&self, path: &str) -> Vec<Value> {
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = in_path.map(|part| {
            let schema = match part {
                "id" if path.contains("/keys/") || path.contains("/task/") => text(),
                "id" => id(),
                _ => name(),
            };
            json!({ "name": part, "in": "path", "required": true, "schema": schema })
        });
        let of_query = self.query.iter().map(|(name, schema)| {
            let mut written = json!({ "name": name, "in": "query", "schema": schema });
            if schema["type"] == "array" {
                written["style"] = json!("form");
                written["explode"] = json!(true);
            }
            written
        });
        let of_head = self.headers.iter();
        let of_head =
            of_head.map(|(name, schema)| json!({ "name": name, "in": "header", "schema": schema }));
        let namespace =
            is_namespaced(path).then(|| json!({ "$ref": "#/components/parameters/Namespace" }));
        in_path.chain(of_query).chain(of_head).chain(namespace).collect()
    }

    fn responses(&self, path: &str) -> Value {
        let mut all = Map::new();
        for (status, reply) in &self.replies {
            let described = all.entry(status.to_string()).or_insert_with(
                || json!({ "description": meaning(*status), "headers": headers(*status) }),
            );
            match reply {
                Reply::Nothing => {}
                Reply::Json(schema) => {
                    described["content"]["application/json"] = json!({ "schema": the(schema) });
                }
                Reply::Other(kind, schema) => {
                    described["content"][kind] = json!({ "schema": schema });
                }
            }
        }
        let is_open = !path.starts_with("/api/");
        let mut problems: Vec<u16> = if is_open { vec![400, 500] } else { ANYWHERE.to_vec() };
        if self.body.is_some() {
            problems.extend(WITH_BODY);
        }
        problems.extend(&self.may);
        if crate::facade::is_path(path) {
            problems.clear();
            all.insert("default".to_owned(), json!({ "$ref": "#/components/responses/PgProblem" }));
        }
        for status in problems {
            all.entry(status.to_string()).or_insert_with(
                || json!({ "$ref": format!("#/components/responses/Problem{status}") }),
            );
        }
        all.entry("default").or_insert_with(|| json!({ "$ref": "#/components/responses/Problem" }));
        Value::Object(all)
    }
}

fn is_namespaced(path: &str) -> bool {
    (path.starts_with("/api/v1/") || crate::facade::is_path(path))
        && !EVERYWHERE.iter().any(|start| path.starts_with(start))
}

fn key() -> Value {
    super::schema::text_of(1, windlass::KEY_BYTES_MAX)
}

/// Headers of a success.
fn headers(status: u16) -> Value {
    let mut headers = json!({ "X-Request-ID": { "schema": text() } });
    if status == 201 {
        headers["Location"] = json!({ "schema": text() });
    }
    headers
}

/// What a status says.
pub(super) fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Done.",
        201 => "Stored.",
        202 => "Begun.",
        204 => "Done; there is nothing to say.",
        400 => "Something cannot be read.",
        401 => "A key is needed.",
        403 => "The key does not allow it.",
        404 => "It is not there.",
        409 => "It contradicts how things stand.",
        412 => "It has changed: it has another ETag.",
        413 => "It is too large.",
        415 => "A page of a browser must say that it sends JSON.",
        422 => "Members break rules; each is named.",
        429 => "Too much for now.",
        503 => "The database does not answer; try again.",
        _ => "Something is wrong inside the server.",
    }
}

/// The first part of the path says what it is about.
fn tag(path: &str) -> &str {
    if crate::facade::is_path(path) {
        return "pgqueue";
    }
    let rest = path.strip_prefix("/api/v1").unwrap_or("/server");
    rest.split('/').nth(1).filter(|part| !part.is_empty()).unwrap_or("server")
}

/// Method and path as a name: `get_jobs_id_wait`.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let mut id = method.to_ascii_lowercase();
    for part in path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        id.push('_');
        id.push_str(part);
    }
    id
}

/// The output of a job.
pub(super) fn output() -> (&'static str, Value) {
    ("application/octet-stream", json!({ "type": "string", "format": "binary" }))
}

/// How long to wait, in a query.
pub(super) fn timeout() -> Value {
    let millis = json!({ "type": "string", "pattern": r"^\d{1,9}$" });
    said(any_of([span_text(), millis]), "At most 10m; 30s unless given.")
}

pub(super) fn is_raw() -> Value {
    said(flag(), "The bytes themselves.")
}

pub(super) fn is_forced() -> Value {
    said(flag(), "Also what runs or is not empty.")
}

pub(super) fn of_state() -> Value {
    replies::bundle_state()
}

/// Text pages, as metrics have them.
pub(super) fn metrics() -> Value {
    said(text(), "Prometheus text.")
}
