//! The dashboard as browsers see it: pages, their headers, what they escape, and what they refuse.

use std::time::Duration;

use windlass::{NewKey, Queue, Role};

use crate::client::{Api, Reply};

/// What a page must never write as it is.
const CANARY: &str = "<script>alert(1)</script>";

/// Pages of a namespace without ids in their address.
const PAGES: [&str; 16] = [
    "/ui/",
    "/ui/?range=24h",
    "/ui/jobs",
    "/ui/queues",
    "/ui/queue-form",
    "/ui/types",
    "/ui/schedules",
    "/ui/schedule-form",
    "/ui/workflows",
    "/ui/batches",
    "/ui/dead",
    "/ui/operations",
    "/ui/workers",
    "/ui/limits",
    "/ui/audit",
    "/ui/keys",
];

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const OURS: (&str, &str) = ("Sec-Fetch-Site", "same-origin");

/// Fields of a form, or headers.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A browser: what it keeps, and what pages told it.
struct Browser<'a> {
    api: &'a Api,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(api: &'a Api) -> Self {
        Self { api, cookie: "theme=none".to_owned() }
    }

    /// One that has signed in with a key of this role.
    async fn with_key(api: &'a Api, role: Role) -> Self {
        let key = api.queue.create_key(NewKey::new(role)).await.expect("a key is made").1;
        let body = format!("key={}&next=/ui/jobs", key.reveal());
        let reply = api.send("POST", "/ui/login", &[FORM, OURS], body.as_bytes()).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some("/ui/jobs")), "{reply:?}");
        let set = reply.header("set-cookie").expect("a cookie");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
        let cookie = set.split(';').next().expect("a pair").to_owned();
        Self { api, cookie }
    }

    async fn get(&self, path: &str) -> Reply {
        self.api.send("GET", path, &[("Cookie", &self.cookie)], b"").await
    }

    async fn token(&self) -> String {
        let page = self.get("/ui/jobs").await.text();
        let found = page.split("windlass-token\" content=\"").nth(1);
        let found = found.and_then(|rest| rest.split('"').next());
        found.expect("a page has a token").to_owned()
    }

    /// Sends a form as a page of ours would.
    async fn post(&self, path: &str, fields: Pairs<'_>) -> Reply {
        let token = self.token().await;
        self.post_as(path, &[fields, &[("token", &token)]].concat(), &[OURS]).await
    }

    async fn post_as(&self, path: &str, fields: Pairs<'_>, more: Pairs<'_>) -> Reply {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
        let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        let headers = [&[FORM, ("Cookie", self.cookie.as_str())], more].concat();
        self.api.send("POST", path, &headers, body.as_bytes()).await
    }
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// One of everything, with a canary in whatever a user writes. Returns pages by id.
async fn fill(api: &Api) -> Vec<String> {
    let text = serde_json::to_string(CANARY).expect("a text");
    let body = format!(
        r#"{{"type":"t","queue":"q","payload":{text},"tags":{{{text}:{text}}},"metadata":{{{text}:{text}}},"correlation_id":{text},"idempotency_key":{text},"concurrency_key":{text}}}"#
    );
    let job = api.enqueue(&body).await;
    let failing = api
        .enqueue(&format!(r#"{{"type":"bad","payload":1,"max_attempts":1,"tags":{{"a":{text}}}}}"#))
        .await;
    let worker = api
        .queue
        .worker()
        .queues(["default"])
        .handle_raw("bad", async |_, ctx| {
            ctx.log(windlass::LogLevel::Info, CANARY);
            Err::<Vec<u8>, _>(windlass::JobError::from(CANARY))
        })
        .start()
        .await
        .expect("a worker");
    api.get(&format!("/api/v1/jobs/{failing}/wait?timeout=20s")).await;
    worker.stop().await;
    let nodes = format!(
        r#"{{"name":{text},"nodes":[{{"name":"n","type":"t","payload":{text}}},{{"name":"m","type":"t","after":["n"]}}]}}"#
    );
    let workflow = api.post("/api/v1/workflows", &nodes).await.json();
    let batch = api.post("/api/v1/batches", &format!(r#"{{"description":{text}}}"#)).await.json();
    let schedule = format!(
        r#"{{"name":"s","interval":"1h","job":{{"type":"t","payload":{text},"tags":{{"a":{text}}}}}}}"#
    );
    assert_eq!(api.post("/api/v1/schedules", &schedule).await.status, 201);
    let pause = format!(r#"{{"reason":{text},"by":{text}}}"#);
    for place in ["queues/q", "schedules/s", "types/t"] {
        assert_eq!(
            api.post(&format!("/api/v1/{place}/pause"), &pause).await.status,
            200,
            "{place}"
        );
    }
    let limit = br#"{"concurrency":1}"#;
    assert_eq!(api.send("PUT", "/api/v1/limits/l", &[], limit).await.status, 200);
    let operation = format!(
        r#"{{"action":"cancel","filter":{{"correlation_id":{text}}},"params":{{"reason":{text}}}}}"#
    );
    let operation = api.post("/api/v1/operations", &operation).await.json();
    let register = format!(
        r#"{{"name":{text},"queues":["q"],"concurrency":1,"labels":{{{text}:{text}}},"version":{text}}}"#
    );
    api.post("/api/v1/workers", &register).await;
    let id = |object: &serde_json::Value| object["id"].as_str().expect("an id").to_owned();
    vec![
        format!("/ui/jobs/{job}"),
        format!("/ui/jobs/{job}/edit"),
        format!("/ui/jobs/{failing}"),
        format!("/ui/jobs?q={}", encoded(CANARY)),
        format!("/ui/jobs?q=state:{}", encoded(CANARY)),
        format!("/ui/audit?actor={}", encoded(CANARY)),
        format!("/ui/schedule-preview?spec={}&timezone={}", encoded(CANARY), encoded(CANARY)),
        format!("/ui/login?next={}", encoded(CANARY)),
        format!("/ui/workflows/{}", id(&workflow)),
        format!("/ui/batches/{}", id(&batch)),
        format!("/ui/operations/{}", id(&operation)),
        "/ui/queues/q".to_owned(),
        "/ui/queues/default".to_owned(),
        "/ui/schedules/s".to_owned(),
        "/ui/schedule-form?name=s".to_owned(),
        format!("/ui/queues/{}", encoded(CANARY)),
        format!("/ui/{}", encoded(CANARY)),
    ]
}

fn assert_page(path: &str, reply: &Reply) {
    let policy = reply.header("content-security-policy").expect("a policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{path}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
    assert_eq!(reply.header("referrer-policy"), Some("same-origin"), "{path}");
    assert_eq!(reply.header("x-robots-tag"), Some("noindex, nofollow"), "{path}");
    let text = reply.text();
    for forbidden in ["<script>", " style=\"", "<style", " onclick", " onload", "javascript:"] {
        assert!(!text.contains(forbidden), "{path}: {forbidden} in {text}");
    }
}

#[tokio::test]
async fn every_page_is_there_and_escapes_what_users_write() {
    let api = Api::start().await;
    let by_id = fill(&api).await;
    let browser = Browser::new(&api);
    let mut canaries = 0;

    for path in PAGES.iter().map(|path| (*path).to_owned()).chain(by_id) {
        let reply = browser.get(&path).await;

        let is_missing = path.contains("script") && !path.contains('?');
        let expected = if path.contains("/login") {
            303
        } else if is_missing {
            404
        } else {
            200
        };
        assert_eq!(reply.status, expected, "{path}: {}", reply.text());
        if reply.status == 303 {
            continue;
        }
        assert_page(&path, &reply);
        canaries += usize::from(
            reply.text().contains("&#60;script&#62;") || reply.text().contains("&lt;script&gt;"),
        );
    }
    assert!(canaries >= 12, "only {canaries} pages show what users wrote");
    let root = api.get("/").await;
    assert_eq!((root.status, root.header("location")), (303, Some("/ui/")));
}

#[tokio::test]
async fn a_page_is_compressed_and_its_files_are_kept_for_ever() {
    let api = Api::start().await;
    fill(&api).await;
    let plain = api.get("/ui/jobs").await;
    let packed = api.send("GET", "/ui/jobs", &[("Accept-Encoding", "gzip")], b"").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 2 < plain.body.len());

    let text = plain.text();
    let mut loaded = packed.body.len();
    let files: Vec<&str> = text.split('"').filter(|part| part.starts_with("/ui/assets/")).collect();
    let files: std::collections::BTreeSet<&str> = files.into_iter().collect();
    for file in &files {
        let reply = api.send("GET", file, &[("Accept-Encoding", "gzip")], b"").await;
        assert_eq!(reply.status, 200, "{file}");
        let kept = reply.header("cache-control").expect("how long it is kept");
        assert!(kept.contains("immutable"), "{file}: {kept}");
        loaded += reply.body.len();
    }
    assert!(files.len() <= 5, "{files:?}");
    assert!(loaded <= 60 << 10, "{loaded} bytes for a first view");
    assert_eq!(api.get("/ui/assets/app.css").await.status, 404);
}

#[tokio::test]
async fn forms_of_other_sites_and_sessions_are_refused() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"t","payload":1}"#).await;
    let browser = Browser::new(&api);
    let token = browser.token().await;
    let path = format!("/ui/jobs/{id}/cancel");
    let origin = format!("http://{}", api.address);
    let forged: [(Pairs<'_>, Pairs<'_>); 6] = [
        (&[], &[OURS]),
        (&[("token", "0000")], &[OURS]),
        (&[("token", &token)], &[]),
        (&[("token", &token)], &[("Sec-Fetch-Site", "cross-site")]),
        (&[("token", &token)], &[("Sec-Fetch-Site", "same-site"), ("Origin", &origin)]),
        (&[("token", &token)], &[("Origin", "http://evil.example")]),
    ];

    for (fields, headers) in forged {
        let reply = browser.post_as(&path, fields, headers).await;
        assert_eq!(reply.status, 403, "{fields:?} {headers:?}");
    }
    assert_eq!(api.get(&format!("/api/v1/jobs/{id}")).await.json()["state"], "pending");

    let reply = browser.post_as(&path, &[("token", &token)], &[("Origin", &origin)]).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_eq!(reply.header("location"), Some(format!("/ui/jobs/{id}?notice=cancelled").as_str()));
    assert_eq!(api.get(&format!("/api/v1/jobs/{id}")).await.json()["state"], "cancelled");
}

#[tokio::test]
async fn a_session_lives_with_its_key() {
    let api = Api::start().await;
    let admin = Browser::with_key(&api, Role::Admin).await;
    assert_eq!(admin.get("/ui/keys").await.status, 200);
    let stranger = Browser::new(&api);
    let led = stranger.get("/ui/jobs?q=state:failed").await;
    assert_eq!(led.status, 303);
    assert_eq!(led.header("location"), Some("/ui/login?next=%2Fui%2Fjobs%3Fq%3Dstate%3Afailed"));
    assert_eq!(stranger.get("/ui/login").await.status, 200);
    // The API takes no cookie: nothing that a browser sends by itself counts there.
    admin.get("/api/v1/jobs").await.problem(401, "unauthorized");

    let wrong = [("key", "wl_nonsense")];
    assert_eq!(stranger.post_as("/ui/login", &wrong, &[OURS]).await.status, 401);
    let key = api.queue.create_key(NewKey::new(Role::Viewer)).await.expect("a key").1;
    let text = key.reveal();
    let away = [("key", text.as_str()), ("next", "//evil.example/")];
    let reply = stranger.post_as("/ui/login", &away, &[OURS]).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/ui/")));
    let foreign = stranger.post_as("/ui/login", &away, &[("Sec-Fetch-Site", "cross-site")]).await;
    assert_eq!(foreign.status, 403);

    let second = Browser { cookie: admin.cookie.clone(), ..Browser::new(&api) };
    let out = admin.post("/ui/logout", &[]).await;
    assert_eq!(out.status, 303);
    assert!(out.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0")));
    assert_eq!(second.get("/ui/jobs").await.status, 303, "a copied cookie is worth nothing");

    let admin = Browser::with_key(&api, Role::Admin).await;
    let viewer = Browser::with_key(&api, Role::Viewer).await;
    let page = admin.get("/ui/keys").await.text();
    let listed = api.queue.keys("").await.expect("keys");
    let viewers = listed.iter().filter(|key| key.role == Role::Viewer);
    for key in viewers {
        assert!(page.contains(&key.id));
        let path = format!("/ui/keys/{}/revoke", key.id);
        assert_eq!(admin.post(&path, &[]).await.status, 303);
    }
    assert_eq!(viewer.get("/ui/jobs").await.status, 303);
}

#[tokio::test]
async fn a_session_counts_on_every_server_of_its_database() {
    let (api, clock) = Api::over_clock().await;
    let other = api.beside().await;
    let admin = Browser::with_key(&api, Role::Admin).await;
    let viewer = Browser::with_key(&api, Role::Viewer).await;
    let there =
        |browser: &Browser<'_>| Browser { cookie: browser.cookie.clone(), ..Browser::new(&other) };
    let (admin_there, viewer_there) = (there(&admin), there(&viewer));
    assert_eq!(admin_there.get("/ui/keys").await.status, 200);
    assert_eq!(viewer_there.get("/ui/jobs").await.status, 200);
    // A form of a page of one server is sent to the other.
    let fields = [("name", "mail"), ("token", &*admin.token().await)];
    assert_eq!(admin_there.post_as("/ui/queues", &fields, &[OURS]).await.status, 303);

    let keys = api.queue.keys("").await.expect("keys");
    let key = keys.iter().find(|key| key.role == Role::Viewer).expect("the viewer's");
    assert_eq!(admin.post(&format!("/ui/keys/{}/revoke", key.id), &[]).await.status, 303);
    assert_eq!(viewer.get("/ui/jobs").await.status, 303, "at once");
    clock.advance(Duration::from_secs(30));
    assert_eq!(viewer_there.get("/ui/jobs").await.status, 303, "after half a minute");

    let again = Browser::with_key(&api, Role::Admin).await;
    assert_eq!(admin_there.post("/ui/logout", &[]).await.status, 303);
    assert_eq!(admin_there.get("/ui/keys").await.status, 303);
    clock.advance(Duration::from_secs(30));
    assert_eq!(admin.get("/ui/keys").await.status, 303);
    // What names a session is no key, and the other way round.
    let id = again.cookie.split('=').nth(1).expect("a value").to_owned();
    let as_key = [("Authorization", &*format!("Bearer {id}"))];
    assert_eq!(again.get("/ui/keys").await.status, 200);
    api.send("GET", "/api/v1/jobs", &as_key, b"").await.problem(401, "unauthorized");
    let (cookie, api) = (again.cookie.clone(), api.again().await);
    let again = Browser { cookie, ..Browser::new(&api) };
    assert_eq!(again.get("/ui/keys").await.status, 200, "over a restart");
    clock.advance(Duration::from_secs(12 * 3600));
    assert_eq!(again.get("/ui/keys").await.status, 303);
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let api = Api::start().await;
    let job = windlass::NewJob::new("t", "\"p-canary\"");
    let id = api.queue.enqueue_new(job).await.expect("it is stored").id();
    let viewer = Browser::with_key(&api, Role::Viewer).await;

    for path in ["/ui/", "/ui/jobs", &format!("/ui/jobs/{id}"), "/ui/queues/default", "/ui/dead"] {
        let reply = viewer.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        let text = reply.text();
        assert!(!text.contains("p-canary"), "{path}");
        let forms = text.matches("method=\"post\"").count();
        let own = text.matches("/ui/logout\"").count() + text.matches("/settings\"").count();
        assert_eq!(forms, own, "{path}: {text}");
    }
    for path in ["/ui/audit", "/ui/keys", &format!("/ui/jobs/{id}/edit")] {
        assert_eq!(viewer.get(path).await.status, 403, "{path}");
    }
    let forms = [
        format!("/ui/jobs/{id}/cancel"),
        format!("/ui/jobs/{id}/delete"),
        format!("/ui/jobs/{id}/edit"),
        format!("/ui/jobs/{id}/duplicate"),
        "/ui/queues/default/pause".to_owned(),
        "/ui/queues/default/settings".to_owned(),
        "/ui/operations".to_owned(),
        "/ui/schedules".to_owned(),
        "/ui/keys".to_owned(),
    ];
    for path in forms {
        assert_eq!(viewer.post(&path, &[]).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_job_is_edited_unless_it_changed_meanwhile() {
    let api = Api::start().await;
    let body = r#"{"type":"t","payload":{"n":9007199254740993},"tags":{"a":"b"}}"#;
    let id = api.enqueue(body).await;
    let browser = Browser::new(&api);
    let path = format!("/ui/jobs/{id}/edit");
    let page = browser.get(&path).await.text();
    let version =
        page.split("name=\"version\" value=\"").nth(1).and_then(|it| it.split('"').next());
    let version = version.expect("a version").to_owned();
    assert!(page.contains("9007199254740993"));

    let first = [("version", version.as_str()), ("priority", "5"), ("tags", "a: c\r\nd: e\r\n")];
    assert_eq!(browser.post(&path, &first).await.status, 303);
    let job = api.get(&format!("/api/v1/jobs/{id}")).await.json();
    assert_eq!(
        (&job["priority"], &job["tags"]["a"], &job["tags"]["d"]),
        (&5.into(), &"c".into(), &"e".into())
    );
    let raw = api.get(&format!("/api/v1/jobs/{id}")).await.text();
    assert!(raw.contains("9007199254740993"));

    let stale = [("version", version.as_str()), ("priority", "7"), ("payload", "{\"mine\":1}")];
    let reply = browser.post(&path, &stale).await;
    assert_eq!(reply.status, 409);
    assert!(reply.text().contains("id=\"conflict\""), "{}", reply.text());
    assert!(reply.text().contains("value=\"7\"") && reply.text().contains("mine"));
    assert_eq!(api.get(&format!("/api/v1/jobs/{id}")).await.json()["priority"], 5);
}

#[tokio::test]
async fn many_jobs_are_steered_in_two_steps() {
    let api = Api::start().await;
    for _ in 0..3 {
        api.enqueue(r#"{"type":"t","queue":"old","payload":1}"#).await;
    }
    let browser = Browser::new(&api);
    let asked = [("action", "move"), ("what", "all"), ("q", "queue:old")];
    let page = browser.post("/ui/operations/confirm", &asked).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("Move <span id=\"count\">3</span>"), "{}", page.text());

    let none = browser.post("/ui/operations/confirm", &[("action", "cancel")]).await;
    assert_eq!(none.status, 400);
    let untyped = [("action", "delete"), ("q", "queue:old"), ("count", "1001")];
    assert_eq!(browser.post("/ui/operations", &untyped).await.status, 400);
    let start = [("action", "move"), ("q", "queue:old"), ("count", "3"), ("queue", "new")];
    let begun = browser.post("/ui/operations", &start).await;
    assert_eq!(begun.status, 303, "{}", begun.text());
    let place = begun.header("location").expect("the operation").to_owned();
    let id = place.split(['/', '?']).nth(3).expect("an id").to_owned();
    let id = id.parse().expect("an id");
    api.queue.carry_out(id).await.expect("it is carried out");
    assert!(
        browser.get("/ui/jobs?q=queue:new").await.text().contains("<td class=\"queue\">new</td>")
    );
    assert!(browser.get(&place).await.text().contains("completed"));
}

#[tokio::test]
async fn queues_and_schedules_are_steered_by_forms() {
    let api = Api::start().await;
    let browser = Browser::new(&api);
    assert_eq!(browser.post("/ui/queues", &[("name", "mail")]).await.status, 303);
    let paused = [("reason", "the server moves")];
    assert_eq!(browser.post("/ui/queues/mail/pause", &paused).await.status, 303);
    assert!(browser.get("/ui/queues/mail").await.text().contains("the server moves"));
    let settings = [
        ("concurrency", "3"),
        ("rate.count", "5"),
        ("rate.per", "1m"),
        ("retention.failed", "forever"),
        ("backoff.strategy", "list"),
        ("backoff.delays", "10s, 1m"),
        ("fair", "on"),
        ("fair.window", "7"),
    ];
    assert_eq!(browser.post("/ui/queues/mail/settings", &settings).await.status, 303);
    let queue = api.get("/api/v1/queues/mail").await.json();
    assert_eq!((&queue["concurrency"], &queue["rate"]["count"]), (&3.into(), &5.into()));
    assert_eq!(queue["retention"]["failed"], serde_json::Value::Null);
    assert_eq!(queue["backoff"]["delays"], serde_json::json!(["10s", "1m"]));
    assert_eq!(queue["fair"]["window"], 7);
    assert_eq!(browser.post("/ui/queues/mail/resume", &[]).await.status, 303);
    assert_eq!(browser.post("/ui/queues/mail/purge", &[("confirm", "other")]).await.status, 400);

    let schedule = [
        ("name", "nightly"),
        ("spec", "0 3 * * *"),
        ("timezone", "Europe/Berlin"),
        ("type", "report"),
        ("payload", "{\"n\":9007199254740993}"),
    ];
    assert_eq!(browser.post("/ui/schedules", &schedule).await.status, 303);
    let preview = browser.get("/ui/schedule-preview?spec=every%2090s").await;
    assert_eq!((preview.status, preview.text().matches("<li>").count()), (200, 5));
    let form = browser.get("/ui/schedule-form?name=nightly").await.text();
    assert!(form.contains("9007199254740993"), "{form}");
    let changed = [("spec", "every 90s"), ("payload", "{\"n\":9007199254740993}")];
    assert_eq!(browser.post("/ui/schedules/nightly", &changed).await.status, 303);
    let shown = api.get("/api/v1/schedules/nightly").await;
    assert!(shown.text().contains("9007199254740993"));
    assert_eq!(
        (&shown.json()["interval"], &shown.json()["job"]["type"]),
        (&"1m30s".into(), &"report".into())
    );
    let made = browser.post("/ui/schedules/nightly/trigger", &[]).await;
    assert!(made.header("location").is_some_and(|place| place.starts_with("/ui/jobs/")));
    assert_eq!(browser.post("/ui/schedules/nightly/delete", &[]).await.status, 303);
}

#[tokio::test]
async fn it_is_shown_below_the_path_of_a_proxy() {
    let below = |path: &str| path.parse().expect("a path");
    let api = Api::start_with(|server| server.base_path(below("/jobs"))).await;
    for asked in ["/jobs/ui/", "/ui/"] {
        let page = api.get(asked).await;
        let text = page.text();
        assert_eq!(page.status, 200, "{asked}");
        assert!(text.contains("href=\"/jobs/ui/queues\""), "{asked}: {text}");
        assert!(!text.contains("\"/ui/"), "{asked}: {text}");
    }
    let root = api.get("/jobs").await;
    assert_eq!((root.status, root.header("location")), (303, Some("/jobs/ui/")));
    assert_eq!(api.get("/jobs/api/v1/jobs").await.status, 200);
    assert_eq!(api.get("/jobsite/ui/").await.status, 404);
    let told = [("X-Forwarded-Prefix", "/evil")];
    let page = api.send("GET", "/ui/", &told, b"").await.text();
    assert!(
        page.contains("\"/jobs/ui/queues\"") && !page.contains("/evil"),
        "nobody's word counts"
    );

    let trusted = "127.0.0.1/32".parse().expect("a network");
    let api = Api::start_with(|server| server.proxies([trusted])).await;
    let key = api.queue.create_key(NewKey::new(Role::Admin)).await.expect("a key").1.reveal();
    let told = [("X-Forwarded-Prefix", "/a/b/"), FORM, OURS];
    let led = api.send("GET", "/ui/jobs", &told[..1], b"").await;
    assert_eq!(led.header("location"), Some("/a/b/ui/login?next=%2Fui%2Fjobs"));
    let body = format!("key={key}&next=/a/b/ui/queues");
    let led = api.send("POST", "/ui/login", &told, body.as_bytes()).await;
    assert_eq!(led.header("location"), Some("/a/b/ui/queues"), "{led:?}");
    let odd = [("X-Forwarded-Prefix", "//evil.example")];
    let led = api.send("GET", "/ui/jobs", &odd, b"").await;
    assert_eq!(led.header("location"), Some("/ui/login?next=%2Fui%2Fjobs"));
}

#[tokio::test]
async fn fields_offer_the_names_that_there_are() {
    let api = Api::start().await;
    let browser = Browser::new(&api);
    let job = r#"{"type":"mail.send","queue":"q","payload":1,"tags":{"customer":"42"}}"#;
    let id = api.enqueue(job).await;

    let page = browser.get("/ui/jobs").await.text();
    for word in ["state:dead_letter", "queue:q", "type:mail.send", "tag:customer:"] {
        assert!(page.contains(&format!("<option value=\"{word}\">")), "{word}: {page}");
    }
    let asked = [("action", "move"), ("what", "all"), ("q", "queue:q")];
    let confirm = browser.post("/ui/operations/confirm", &asked).await.text();
    let edit = browser.get(&format!("/ui/jobs/{id}/edit")).await.text();
    let schedule = browser.get("/ui/schedule-form").await.text();
    for page in [&confirm, &edit, &schedule] {
        assert!(
            page.contains("list=\"queues\"") && page.contains("<option value=\"q\">"),
            "{page}"
        );
    }
    assert!(schedule.contains("<option value=\"mail.send\">"));
}

#[tokio::test]
async fn the_overview_says_what_stands_out() {
    let api = Api::start().await;
    let browser = Browser::new(&api);
    let quiet = browser.get("/ui/").await.text();
    assert!(quiet.contains("Nothing stands out"), "{quiet}");
    assert!(quiet.contains("<dt>oldest job</dt>") && quiet.contains("<dt>upkeep</dt>"));

    api.enqueue(r#"{"type":"a","queue":"q","payload":1}"#).await;
    let pause = [("reason", "the server moves")];
    api.enqueue(r#"{"type":"b","queue":"still","payload":1}"#).await;
    assert_eq!(browser.post("/ui/queues/still/pause", &pause).await.status, 303);
    let page = browser.get("/ui/").await.text();

    assert!(page.contains("No worker runs the type a in the queue q"), "{page}");
    assert!(page.contains("The queue still is paused: the server moves."), "{page}");
    assert!(!page.contains("the type b"), "a paused queue waits for nobody: {page}");
}

#[tokio::test]
async fn what_is_wrong_with_a_queue_is_said_at_its_field() {
    let api = Api::start().await;
    let browser = Browser::new(&api);
    assert_eq!(browser.get("/ui/queue-form").await.status, 200);
    let new = [("name", "mail"), ("concurrency", "many"), ("backoff.delays", "10s, soon")];
    let refused = browser.post("/ui/queues", &new).await;
    assert_eq!(refused.status, 422);
    let text = refused.text();
    for part in [
        "id=\"concurrency-error\"",
        "id=\"backoff.delays-error\"",
        "value=\"many\"",
        "value=\"10s, soon\"",
        "name=\"name\" value=\"mail\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let new = [("name", "mail"), ("concurrency", "2"), ("ttl", "1h")];
    let made = browser.post("/ui/queues", &new).await;
    assert_eq!(made.header("location"), Some("/ui/queues/mail?notice=created"));
    let again = browser.post("/ui/queues", &new).await;
    assert_eq!(again.status, 422);
    assert!(again.text().contains("id=\"name-error\""), "{}", again.text());

    // Two people at once: the second one sees that, and what they wrote.
    let version = |page: &str| {
        let rest = page.split("name=\"version\" value=\"").nth(1).expect("a version");
        rest.split('"').next().expect("an end").to_owned()
    };
    let seen = version(&browser.get("/ui/queues/mail").await.text());
    let first = [("concurrency", "3"), ("version", &*seen)];
    assert_eq!(browser.post("/ui/queues/mail/settings", &first).await.status, 303);
    let second = [("concurrency", "4"), ("version", &*seen)];
    let met = browser.post("/ui/queues/mail/settings", &second).await;
    assert_eq!(met.status, 409);
    let page = met.text();
    assert!(page.contains("id=\"conflict\"") && page.contains("value=\"4\""), "{page}");
    let now = version(&page);
    let wrong = [("concurrency", "0"), ("version", &*now)];
    let wrong = browser.post("/ui/queues/mail/settings", &wrong).await;
    assert_eq!((wrong.status, version(&wrong.text())), (422, now.clone()));
    let over = [("concurrency", "4"), ("version", &*now)];
    assert_eq!(browser.post("/ui/queues/mail/settings", &over).await.status, 303);
    let queue = api.get("/api/v1/queues/mail").await.json();
    assert_eq!((&queue["concurrency"], &queue["ttl"]), (&4.into(), &serde_json::Value::Null));
}

#[tokio::test]
async fn another_namespace_is_looked_at_and_its_forms_are_its_own() {
    let api = Api::start().await;
    api.queue.create_namespace("other").await.expect("a namespace");
    let here = Browser::new(&api);
    let token = here.token().await;
    let reply = here.post("/ui/namespace", &[("namespace", "other")]).await;
    let set = reply.header("set-cookie").expect("a cookie").split(';').next().unwrap_or_default();
    let there = Browser { cookie: set.to_owned(), ..Browser::new(&api) };

    let queue: Queue = api.queue.in_namespace("other").expect("a name");
    queue.create_queue("mine", windlass::QueueSettings::default()).await.expect("a queue");
    assert!(there.get("/ui/queues").await.text().contains("data-queue=\"mine\""));
    assert!(!here.get("/ui/queues").await.text().contains("data-queue=\"mine\""));
    // A form that was written for one namespace does nothing in another.
    let stale = there.post_as("/ui/queues/mine/pause", &[("token", &token)], &[OURS]).await;
    assert_eq!(stale.status, 403);
    assert_eq!(there.post("/ui/queues/mine/pause", &[]).await.status, 303);
    assert_eq!(here.post("/ui/namespace", &[("namespace", "nowhere")]).await.status, 404);
}

#[tokio::test]
async fn a_page_is_followed_by_whoever_may_see_it() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let api = Api::start().await;
    let key = async |role| api.queue.create_key(NewKey::new(role)).await.expect("a key").1.reveal();
    let (admin, worker) = (key(Role::Admin).await, key(Role::Worker).await);
    let mut connection = api.connect().await;
    let host = api.address;
    let head = format!(
        "GET /ui/jobs HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {admin}\r\nAccept: text/event-stream\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.expect("it is sent");
    let mut seen = String::new();
    let mut is_stored = false;
    while !seen.contains("fresh-one") {
        let mut bytes = [0; 16 << 10];
        let n = connection.read(&mut bytes).await.expect("a stream");
        assert!(n > 0, "the stream ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..n]));
        if !is_stored && seen.contains("id=\"rows\"") {
            assert!(seen.contains("content-type: text/event-stream"));
            assert!(!seen.contains("<html"), "a frame is the content alone");
            assert!(seen.contains("name=\"token\" value=\"\""), "what many see holds no token");
            let job = windlass::NewJob::new("fresh-one", "1");
            api.queue.enqueue_new(job).await.expect("it is stored");
            is_stored = true;
        }
    }
    let headers = [("Accept", "text/event-stream"), ("X-API-Key", worker.as_str())];
    assert_eq!(api.send("GET", "/ui/jobs", &headers, b"").await.status, 403);
}
