//! Keys at the door: which are let in, how others are answered, and what is written down of it.

use crate::client::Api;

const JOB: &str = r#"{"type":"t","payload":"p-canary"}"#;

pub(crate) async fn made(api: &Api, body: &str, by: Option<&str>) -> (String, String) {
    let headers: Vec<(&str, &str)> = by.map(|key| ("X-API-Key", key)).into_iter().collect();
    let reply = api.send("POST", "/api/v1/keys", &headers, body.as_bytes()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let key = reply.json();
    let text = |name: &str| key[name].as_str().expect("a text").to_owned();
    (text("id"), text("key"))
}

async fn status(api: &Api, key: &str, path: &str) -> u16 {
    api.send("GET", path, &[("X-API-Key", key)], b"").await.status
}

#[tokio::test]
async fn the_first_key_shuts_the_door() {
    let api = Api::start().await;
    assert_eq!(api.post("/api/v1/jobs", JOB).await.status, 201);

    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;

    let refused = api.post("/api/v1/jobs", JOB).await;
    refused.problem(401, "unauthorized");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    api.get("/nowhere").await.problem(401, "unauthorized");
    api.get("/health").await.problem(401, "unauthorized");
    for path in ["/live", "/ready"] {
        assert_eq!(api.get(path).await.status, 200);
    }
    let bearer = format!("bearer {admin}");
    for header in [("Authorization", bearer.as_str()), ("X-API-Key", admin.as_str())] {
        assert_eq!(api.send("GET", "/api/v1/jobs", &[header], b"").await.status, 200);
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_is_answered_alike() {
    let api = Api::start().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let (id, revoked) = made(&api, r#"{"role":"admin"}"#, Some(&admin)).await;
    let path = format!("/api/v1/keys/{id}");
    assert_eq!(api.send("DELETE", &path, &[("X-API-Key", &admin)], b"").await.status, 204);
    let unknown = format!("wl_aaaaaaaaaaaa{}", &admin[15..]);
    let other_secret = format!("{}{}", &admin[..16], "A".repeat(43));
    let (bearer, basic) = (format!("Bearer {admin}"), format!("Basic {admin}"));
    let asked: [&[(&str, &str)]; 8] = [
        &[],
        &[("X-API-Key", "")],
        &[("X-API-Key", "nonsense")],
        &[("X-API-Key", &unknown)],
        &[("X-API-Key", &other_secret)],
        &[("X-API-Key", &revoked)],
        &[("Authorization", &basic)],
        &[("Authorization", &bearer), ("X-API-Key", &other_secret)],
    ];

    let mut answers = Vec::new();
    for headers in asked {
        let reply = api.send("GET", "/api/v1/jobs", headers, b"").await;
        reply.problem(401, "unauthorized");
        let mut body = reply.json();
        body["request_id"] = "".into();
        answers.push(body);
    }

    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    let twice = [("Authorization", bearer.as_str()), ("X-API-Key", admin.as_str())];
    assert_eq!(api.send("GET", "/api/v1/jobs", &twice, b"").await.status, 200);
}

#[tokio::test]
async fn a_key_in_the_url_is_refused_and_not_repeated() {
    let api = Api::start().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;

    for query in [format!("api_key={admin}"), format!("x={admin}"), "Access_Token=1".to_owned()] {
        let path = format!("/api/v1/jobs?{query}");
        let reply = api.send("GET", &path, &[("X-API-Key", &admin)], b"").await;
        reply.problem(400, "invalid_request");
        assert!(!reply.text().contains(&admin));
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_known_keys_are_not() {
    let api = Api::start().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    assert_eq!(status(&api, &admin, "/api/v1/jobs").await, 200);

    for _ in 0..20 {
        assert_eq!(status(&api, "guess", "/api/v1/jobs").await, 401);
    }

    let reply = api.send("GET", "/api/v1/jobs", &[("X-API-Key", "guess")], b"").await;
    reply.problem(429, "rate_limited");
    assert!(reply.header("retry-after").is_some());
    assert_eq!(status(&api, &admin, "/api/v1/jobs").await, 200);
}

#[tokio::test]
async fn keys_are_listed_rotated_and_revoked_at_once() {
    let api = Api::start().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let body = r#"{"role":"viewer","queues":["mail.*"],"label":"screen"}"#;
    let (id, first) = made(&api, body, Some(&admin)).await;
    assert_eq!(status(&api, &first, "/api/v1/queues").await, 200);
    let by_admin = [("X-API-Key", admin.as_str())];

    let path = format!("/api/v1/keys/{id}/rotate");
    let rotated = api.send("POST", &path, &by_admin, br#"{"overlap":"0s"}"#).await.json();
    let second = rotated["key"].as_str().expect("a key").to_owned();

    assert_eq!(status(&api, &first, "/api/v1/queues").await, 401);
    assert_eq!(status(&api, &second, "/api/v1/queues").await, 200);
    let page = api.send("GET", "/api/v1/keys", &by_admin, b"").await;
    assert!(!page.text().contains(&second[16..]) && !page.text().contains("digest"));
    let page = page.json();
    let listed = page["keys"].as_array().expect("a list");
    let listed = listed.iter().find(|key| key["id"] == *id).expect("listed");
    assert_eq!((&listed["role"], &listed["label"]), (&"viewer".into(), &"screen".into()));
    assert!(listed["last_used_at"].is_string());
    let path = format!("/api/v1/keys/{id}");
    assert_eq!(api.send("DELETE", &path, &by_admin, b"").await.status, 204);
    assert_eq!(status(&api, &second, "/api/v1/queues").await, 401);
    let reply = api.send("POST", "/api/v1/keys", &by_admin, br#"{"queues":["a b"]}"#).await;
    assert_eq!(reply.problem(422, "validation_error"), ["/role"]);
}

#[tokio::test]
async fn a_secret_that_was_rotated_away_ends_with_the_overlap() {
    let (api, clock) = Api::over_clock().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let (id, first) = made(&api, r#"{"role":"viewer"}"#, Some(&admin)).await;
    let (by_admin, path) = ([("X-API-Key", admin.as_str())], format!("/api/v1/keys/{id}/rotate"));
    let rotated = api.send("POST", &path, &by_admin, br#"{"overlap":"5s"}"#).await.json();
    let second = rotated["key"].as_str().expect("a key").to_owned();

    for secret in [&first, &second] {
        assert_eq!(status(&api, secret, "/api/v1/queues").await, 200);
    }
    clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(status(&api, &first, "/api/v1/queues").await, 401);
    assert_eq!(status(&api, &second, "/api/v1/queues").await, 200);
}

#[tokio::test]
async fn nobody_makes_a_key_for_more_than_they_have() {
    let api = Api::start().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let bound = r#"{"role":"admin","namespaces":["default"]}"#;
    let (_, bound) = made(&api, bound, Some(&admin)).await;
    let (id, _) = made(&api, r#"{"role":"viewer"}"#, Some(&admin)).await;
    let by_bound = [("X-API-Key", bound.as_str())];

    for body in [r#"{"role":"viewer"}"#, r#"{"role":"viewer","namespaces":["default","b"]}"#] {
        let reply = api.send("POST", "/api/v1/keys", &by_bound, body.as_bytes()).await;
        reply.problem(403, "forbidden");
    }
    let path = format!("/api/v1/keys/{id}");
    api.send("DELETE", &path, &by_bound, b"").await.problem(404, "not_found");
    let page = api.send("GET", "/api/v1/keys", &by_bound, b"").await.json();
    assert_eq!(page["count"], 1);
    made(&api, r#"{"role":"viewer","namespaces":["default"]}"#, Some(&bound)).await;
}

#[tokio::test]
async fn viewers_see_jobs_without_what_they_carry() {
    let api = Api::start().await;
    let worker = api.worker().await;
    let id = api.enqueue(r#"{"type":"echo","payload":"p-canary"}"#).await;
    api.get(&format!("/api/v1/jobs/{id}/wait?timeout=10s")).await;
    worker.stop().await;
    let nodes = r#"{"nodes":[{"name":"n","type":"t","payload":"p-canary"}]}"#;
    let workflow = api.post("/api/v1/workflows", nodes).await.json();
    let schedule = r#"{"name":"s","interval":"1h","job":{"type":"t","payload":"p-canary"}}"#;
    assert_eq!(api.post("/api/v1/schedules", schedule).await.status, 201);
    let (_, viewer) = made(&api, r#"{"role":"viewer"}"#, None).await;
    let workflow = format!("/api/v1/workflows/{}", workflow["id"].as_str().expect("an id"));

    for path in [
        &format!("/api/v1/jobs/{id}"),
        "/api/v1/jobs",
        &workflow,
        "/api/v1/schedules",
        "/api/v1/schedules/s",
    ] {
        let reply = api.send("GET", path, &[("X-API-Key", &viewer)], b"").await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.text().contains("p-canary"), "{path}: {}", reply.text());
        assert_eq!(reply.json()["payload"], serde_json::Value::Null);
    }
    for part in ["result", "wait", "logs", "checkpoint"] {
        assert_eq!(status(&api, &viewer, &format!("/api/v1/jobs/{id}/{part}")).await, 403);
    }
}

#[tokio::test]
async fn the_audit_says_who_did_what() {
    let api = Api::start().await;
    let id = api.enqueue(JOB).await;
    let (name, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let by_admin = [("X-API-Key", admin.as_str()), ("X-Request-ID", "r-1")];
    let cancel = format!("/api/v1/jobs/{id}/cancel");
    let cancelled = api.send("POST", &cancel, &by_admin, br#"{"reason":"why"}"#).await;
    assert_eq!(cancelled.status, 200);

    let own = api.send("GET", "/api/v1/audit?action=job.cancel", &by_admin, b"").await;
    let all = api.send("GET", "/api/v1/audit?everywhere=true", &by_admin, b"").await;

    assert!(!own.text().contains("p-canary"));
    let line = own.json()["audit"][0].clone();
    assert_eq!((&line["actor"], &line["role"]), (&name.clone().into(), &"admin".into()));
    assert_eq!((&line["action"], &line["target"]), (&"job.cancel".into(), &id.into()));
    assert_eq!((&line["ip"], &line["detail"]), (&"127.0.0.1".into(), &"why".into()));
    assert_eq!((&line["request_id"], &line["namespace"]), (&"r-1".into(), &"default".into()));
    let made = all.json()["audit"][1].clone();
    assert_eq!((&made["action"], &made["target"]), (&"key.create".into(), &name.into()));
    assert_eq!(made["actor"], "local");
    for query in ["everywhere=maybe", "actor=a&actor=b", "cursor=x", "who=me"] {
        let path = format!("/api/v1/audit?{query}");
        api.send("GET", &path, &by_admin, b"").await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_to_keep_off() {
    let api = Api::start().await;

    for path in ["/live", "/nowhere", "/api/v1", "/metrics"] {
        let reply = api.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let policy = reply.header("content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn a_worker_whose_key_is_bound_to_queues_stays_in_them() {
    let api = Api::start().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let bound = r#"{"role":"worker","queues":["mail.*"]}"#;
    let (_, key) = made(&api, bound, Some(&admin)).await;
    let post = async |key: &str, path: &str, body: &str| {
        let path = format!("/api/v1{path}");
        api.send("POST", &path, &[("X-API-Key", key)], body.as_bytes()).await
    };
    for queue in ["mail.de", "sms"] {
        let job = format!(r#"{{"type":"t","queue":"{queue}"}}"#);
        assert_eq!(post(&admin, "/jobs", &job).await.status, 201);
    }
    let foreign = post(&admin, "/jobs/claim", r#"{"queues":["sms"]}"#).await.json();
    let (other, token) = (&foreign["jobs"][0]["id"], &foreign["jobs"][0]["lease"]["token"]);
    let other = other.as_str().expect("an id");

    for body in ["{}", r#"{"queues":["sms"]}"#, r#"{"queues":["mail.de","sms"]}"#] {
        for path in ["/workers", "/jobs/claim"] {
            assert_eq!(post(&key, path, body).await.status, 403, "{path} {body}");
        }
    }
    let worker = post(&key, "/workers", r#"{"queues":["mail.de"]}"#).await.json();
    let worker = format!("/workers/{}", worker["worker_id"].as_str().expect("an id"));
    let claim = format!("{worker}/claim");
    for body in ["{}", r#"{"queues":["sms"]}"#] {
        assert_eq!(post(&key, &claim, body).await.status, 403, "{body}");
    }
    let mine = post(&key, &claim, r#"{"queues":["mail.de"],"limit":9}"#).await.json();
    let jobs = mine["jobs"].as_array().expect("a list");
    assert_eq!((jobs.len(), &jobs[0]["queue"]), (1, &"mail.de".into()), "{mine}");
    let held = format!(r#"{{"token":{token}}}"#);
    for action in ["complete", "fail", "release", "logs"] {
        let reply = post(&key, &format!("/jobs/{other}/{action}"), &held).await;
        assert_eq!(reply.status, 404, "{action}: {reply:?}");
    }
    let (id, token) = (&jobs[0]["id"], &jobs[0]["lease"]["token"]);
    let item = |queue: &str| {
        format!(
            r#"{{"items":[{{"id":{id},"token":{token},"outcome":"complete","enqueue":[{{"type":"t","queue":"{queue}"}}]}}]}}"#
        )
    };
    let settle = format!("{worker}/settle");
    let outside = post(&key, &settle, &item("sms")).await.json();
    assert_eq!(outside["items"][0]["status"], "invalid", "{outside}");
    let inside = post(&key, &settle, &item("mail.fr")).await.json();
    assert_eq!(inside["items"][0]["status"], "applied", "{inside}");
}

#[tokio::test]
async fn refused_changes_are_in_the_audit_once_a_minute() {
    let (api, clock) = Api::over_clock().await;
    let (_, admin) = made(&api, r#"{"role":"admin"}"#, None).await;
    let (id, viewer) = made(&api, r#"{"role":"viewer"}"#, Some(&admin)).await;
    let bound = r#"{"role":"worker","queues":["mail"]}"#;
    let (_, worker) = made(&api, bound, Some(&admin)).await;
    let send = async |method: &str, key: &str, path: &str| {
        api.send(method, path, &[("X-API-Key", key)], b"{}").await.status
    };

    for _ in 0..3 {
        assert_eq!(send("POST", &viewer, "/api/v1/jobs").await, 403);
    }
    clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(send("POST", &viewer, "/api/v1/jobs").await, 403);
    assert_eq!(send("POST", &worker, "/api/v1/workers").await, 403);
    assert_eq!(send("GET", &worker, "/api/v1/jobs").await, 403);

    let path = "/api/v1/audit?everywhere=true&action=request.refused";
    let audit = api.send("GET", path, &[("X-API-Key", &admin)], b"").await.json();
    let lines = audit["audit"].as_array().expect("a list");
    let targets: Vec<&str> = lines.iter().filter_map(|line| line["target"].as_str()).collect();
    let (jobs, workers) = ("POST /api/v1/jobs", "POST /api/v1/workers");
    assert_eq!(targets, [workers, jobs, jobs], "{audit}");
    assert_eq!((&lines[2]["actor"], &lines[2]["role"]), (&id.into(), &"viewer".into()));
}
