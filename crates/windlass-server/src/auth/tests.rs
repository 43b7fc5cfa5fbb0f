//! The table of endpoints against what the gate lets through: every route, every role, other namespaces and queues.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use windlass::{Clock, NewKey, Queue, Role, Timestamp};

use crate::Server;
use crate::endpoints::{Endpoint, Permission, Reach, all};

/// A server over a database in memory, and keys for it.
struct Stage {
    queue: Queue,
    router: TowerToHyperService<axum::Router>,
    admin: String,
}

/// Who asks.
struct Asker {
    name: String,
    role: Role,
    key: Option<String>,
}

impl Stage {
    async fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_micros(1_800_000_000_000_000));
        let queue = Queue::builder().clock(clock).open("memory:").await.unwrap();
        for name in ["a", "b"] {
            queue.create_namespace(name).await.unwrap();
        }
        let admin = queue.create_key(NewKey::new(Role::Admin)).await.unwrap().1.reveal();
        let router = TowerToHyperService::new(Server::new(queue.clone()).router());
        Self { queue, router, admin }
    }

    async fn key(&self, role: Role, namespaces: &[&str], queues: &[&str]) -> String {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let new = NewKey { namespaces: own(namespaces), queues: own(queues), ..NewKey::new(role) };
        self.queue.create_key(new).await.unwrap().1.reveal()
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        (key, namespace): (Option<&str>, &str),
        body: &Value,
    ) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        request = request.header("windlass-namespace", namespace);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let response = self.router.call(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn make(&self, namespace: &str, path: &str, body: Value) -> Value {
        let (status, text) = self.ask("POST", path, (Some(&self.admin), namespace), &body).await;
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// One of everything, and the ids of what has one.
    async fn fill(&self, namespace: &str) -> [String; 4] {
        let job =
            json!({ "type": "t", "queue": "q", "idempotency_key": "k", "payload": namespace });
        let job = self.make(namespace, "/api/v1/jobs", job).await;
        let schedule =
            json!({ "name": "s", "interval": "1h", "job": { "type": "t", "payload": namespace } });
        self.make(namespace, "/api/v1/schedules", schedule).await;
        let nodes = json!({ "nodes": [{ "name": "n", "type": "t", "payload": namespace }] });
        let workflow = self.make(namespace, "/api/v1/workflows", nodes).await;
        let batch = self.make(namespace, "/api/v1/batches", json!({})).await;
        let operation = json!({ "action": "cancel", "ids": [job["id"]] });
        let operation = self.make(namespace, "/api/v1/operations", operation).await;
        self.make(namespace, "/api/v1/queues/q/pause", json!({ "reason": namespace })).await;
        let limit = json!({ "concurrency": 1 });
        self.ask("PUT", "/api/v1/limits/l", (Some(&self.admin), namespace), &limit).await;
        [job, workflow, batch, operation].map(|made| made["id"].as_str().unwrap().to_owned())
    }
}

/// The path with what there is in a namespace, or with what nobody has.
fn path_of(endpoint: &Endpoint, ids: Option<&[String; 4]>) -> String {
    let nobody = || "1".to_owned();
    let id = |index: usize| ids.map_or_else(nobody, |ids| ids[index].clone());
    let path = if endpoint.path.is_empty() { "/" } else { endpoint.path };
    let about =
        ["/api", "/v1", "/ui"].into_iter().fold(path, |path, at| path.trim_start_matches(at));
    let about = about.split('/').nth(1);
    let (id, name) = match about {
        Some("jobs" | "task") => (id(0), "q"),
        Some("workflows") => (id(1), "q"),
        Some("batches") => (id(2), "q"),
        Some("operations") => (id(3), "q"),
        Some("schedules" | "ticker") => (nobody(), "s"),
        Some("limits") => (nobody(), "l"),
        _ => (nobody(), "q"),
    };
    // A stream has no end: a question it refuses has an answer.
    let path = path.replace("v1/events", "v1/events?since=none");
    let path = path.replace("ticker/next", "ticker/next?offset=none");
    path.replace("{id}", &id).replace("{name}", if ids.is_some() { name } else { "none" })
}

/// Pages and forms: who is not known is led to where one signs in, and so is the root of the server.
fn is_page(endpoint: &Endpoint) -> bool {
    endpoint.path.is_empty() || endpoint.path.starts_with("/ui")
}

fn is_denied(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 405 | 500..)
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_says() {
    let stage = Stage::new().await;
    let mut askers = vec![Asker { name: "nobody".to_owned(), role: Role::Viewer, key: None }];
    for role in Role::ALL {
        let key = Some(stage.key(role, &[], &[]).await);
        askers.push(Asker { name: role.to_string(), role, key });
    }
    let mut count = 0;

    for endpoint in all() {
        for asker in &askers {
            let asked = (asker.key.as_deref(), "a");
            let path = path_of(endpoint, None);
            let (status, text) = stage.ask(endpoint.method, &path, asked, &json!({})).await;

            let is_right = match (endpoint.permission, &asker.key) {
                (Permission::Open, _) if is_page(endpoint) => !status.is_server_error(),
                (Permission::Open, _) => status == 200,
                (_, None) if is_page(endpoint) && endpoint.method == "GET" => status == 303,
                (_, None) => status == 401,
                (permission, _) if permission.allows(asker.role) => !is_denied(status),
                _ => status == 403,
            };
            let (method, who) = (endpoint.method, &asker.name);
            assert!(is_right, "{method} {path} by {who}: {status} {text}");
            count += 1;
        }
    }
    println!("{count} combinations of route and role");
}

#[tokio::test]
async fn a_key_of_another_namespace_finds_nothing() {
    let stage = Stage::new().await;
    let ids = stage.fill("a").await;
    let mut count = 0;

    for role in Role::ALL {
        let key = stage.key(role, &["b"], &[]).await;
        for endpoint in all().filter(|endpoint| endpoint.permission.allows(role)) {
            let path = path_of(endpoint, Some(&ids));
            for namespace in ["a", "nowhere"] {
                let asked = (Some(key.as_str()), namespace);
                let (status, text) = stage.ask(endpoint.method, &path, asked, &json!({})).await;

                let is_right = match endpoint.reach {
                    Reach::Nothing if is_page(endpoint) => !text.contains("\"a\""),
                    Reach::Nothing => status.is_success() || status == 422,
                    Reach::Server => status == 403,
                    Reach::Job | Reach::Queue | Reach::Namespace => status == 404,
                    // Keys and namespaces are of no namespace: those it has are shown.
                    Reach::Checked if !path.contains("/keys") && !path.contains("/namespace") => {
                        status == 404
                    }
                    Reach::Checked => !status.is_server_error() && !text.contains("\"a\""),
                };
                assert!(is_right, "{} {path} by {role}: {status} {text}", endpoint.method);
                count += 1;
            }
        }
    }
    println!("{count} combinations of route, role and foreign namespace");
}

#[tokio::test]
async fn a_key_of_other_queues_finds_nothing() {
    let stage = Stage::new().await;
    let ids = stage.fill("a").await;
    let key = stage.key(Role::Admin, &[], &["mail.*"]).await;
    let asked = (Some(key.as_str()), "a");

    for endpoint in all() {
        let path = path_of(endpoint, Some(&ids));
        let (status, text) = stage.ask(endpoint.method, &path, asked, &json!({})).await;
        // A field has that name, and the styles of a page do not matter.
        let text = if is_page(endpoint) { text.replace("name=\"q\"", "") } else { text };

        let is_right = match endpoint.reach {
            // The description has a parameter of that name.
            Reach::Nothing if path.ends_with("/openapi.json") => status == 200,
            Reach::Nothing | Reach::Checked => !status.is_server_error() && !text.contains("\"q\""),
            Reach::Server | Reach::Namespace => {
                status == 403 || endpoint.permission == Permission::Open
            }
            Reach::Job | Reach::Queue => status == 404,
        };
        assert!(is_right, "{} {path}: {status} {text}", endpoint.method);
    }
    for (body, wanted) in [
        (json!({ "type": "t", "queue": "q" }), 403),
        (json!({ "type": "t" }), 403),
        (json!({ "type": "t", "queue": "mail.de" }), 201),
        (json!({ "type": "t", "queue": "mail.de", "idempotency_key": "k", "payload": "a" }), 409),
    ] {
        let (status, text) = stage.ask("POST", "/api/v1/jobs", asked, &body).await;
        assert_eq!(status, wanted, "{body}: {text}");
    }
    let batch = json!({ "jobs": [{ "type": "t", "queue": "mail.de" }, { "type": "t" }] });
    assert_eq!(stage.ask("POST", "/api/v1/jobs/batch", asked, &batch).await.0, 403);
    let (_, page) = stage.ask("GET", "/api/v1/jobs", asked, &json!({})).await;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["count"], 1);
    let own = page["jobs"][0]["id"].as_str().unwrap();
    let moved = json!({ "queue": "q" });
    assert_eq!(stage.ask("PATCH", &format!("/api/v1/jobs/{own}"), asked, &moved).await.0, 403);
}

#[tokio::test]
async fn what_others_do_changes_no_answer() {
    let stage = Stage::new().await;
    let ids = stage.fill("a").await;
    let key = stage.key(Role::Admin, &["a"], &[]).await;
    let gets = || all().filter(|endpoint| endpoint.method == "GET");
    let answers = async || {
        let mut answers = Vec::new();
        for endpoint in gets() {
            let path = path_of(endpoint, Some(&ids)).replace("/wait", "/wait?timeout=0");
            let (status, text) = stage.ask("GET", &path, (Some(&key), "a"), &json!({})).await;
            let steady: Vec<&str> =
                text.split([',', '\n']).filter(|part| !part.contains("\"uptime\"")).collect();
            let is_of_request = |part: &str| {
                ["request_id", "request id", "token", "<dt>up</dt>"]
                    .iter()
                    .any(|word| part.contains(word))
            };
            let request = steady.iter().filter(|part| !is_of_request(part));
            answers.push((path, status, request.copied().collect::<Vec<_>>().join(",")));
        }
        answers
    };

    let before = answers().await;
    let foreign = stage.fill("b").await;
    stage.make("b", "/api/v1/jobs", json!({ "type": "other", "queue": "other" })).await;
    let after = answers().await;

    assert_eq!(before, after);
    let found = before.iter().filter(|(_, status, _)| status.is_success()).count();
    assert!(found > 30, "only {found} of {} routes show anything", before.len());
    println!("{} routes answer the same beside another tenant", before.len());
    // An id of others is answered as one that nobody has.
    let by_id = gets().filter(|endpoint| endpoint.path.contains("{id}"));
    for endpoint in by_id {
        let (theirs, nobodys) = (path_of(endpoint, Some(&foreign)), path_of(endpoint, None));
        let asked = (Some(key.as_str()), "a");
        let (status, text) = stage.ask("GET", &theirs, asked, &json!({})).await;
        let (same, other) = stage.ask("GET", &nobodys, asked, &json!({})).await;
        assert_eq!((status, same), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{theirs}");
        let detail = |text: &str| {
            let detail = if is_page(endpoint) {
                text.lines().find(|line| line.contains("\"detail\"")).unwrap().to_owned()
            } else {
                let problem: Value = serde_json::from_str(text).unwrap();
                let detail = problem["detail"].as_str().or_else(|| problem["reason"].as_str());
                detail.unwrap().to_owned()
            };
            foreign.iter().fold(detail, |detail, id| detail.replace(id, "1"))
        };
        assert_eq!(detail(&text), detail(&other), "{theirs}");
    }
}
