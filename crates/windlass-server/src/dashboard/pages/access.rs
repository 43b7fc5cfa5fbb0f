//! Who may do what, and who did: API keys, the audit; what this server is.

use askama::Template;
use serde_json::Value;
use windlass::protocol::read_new_key;
use windlass::{AuditFilter, AuditRecord, KeyRecord, Timestamp};

use super::Base;
use crate::dashboard::forms::Form;
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{Safe, brief, encoded, maybe_time, span, time, word_badge};
use crate::problem::Problem;
use crate::request::Name;
use crate::routes::Answer;

/// Lines or keys on a page.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    base: Base,
    rows: Vec<Line>,
    filters: Vec<(&'static str, String)>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    base: Base,
    rows: Vec<Key>,
    next: Option<String>,
    /// Shown once: nobody can read it again.
    secret: Option<String>,
}

#[derive(Template)]
#[template(path = "about.html")]
struct AboutPage {
    version: String,
    up: String,
    namespace: String,
    role: &'static str,
}

struct Line {
    at: Safe,
    actor: String,
    role: String,
    ip: String,
    action: String,
    target: String,
    link: Option<String>,
    detail: String,
    /// The whole of it, and its first characters.
    request_id: String,
    request: String,
}

struct Key {
    id: String,
    label: String,
    role: &'static str,
    bound: String,
    badge: Safe,
    is_live: bool,
    created: Safe,
    created_by: String,
    used: Safe,
    expires: Safe,
}

pub(in crate::dashboard) async fn audit(viewer: Viewer) -> Answer {
    let filled = |name: &str| viewer.parameter(name).filter(|text| !text.is_empty());
    let before = filled("before").map(|text| text.parse()).transpose();
    let before = before.map_err(|_| Problem::unreadable("before: must be the id of a line"))?;
    let filter = AuditFilter {
        actor: filled("actor"),
        action: filled("action"),
        target: filled("target"),
        before,
        limit: PAGE + 1,
        ..AuditFilter::default()
    };
    let names = ["actor", "action", "target"];
    let filters = names.map(|name| (name, filled(name).unwrap_or_default()));
    let mut lines = viewer.queue.audit(filter).await?;
    let more = lines.len() > PAGE;
    lines.truncate(PAGE);
    let next = lines.last().filter(|_| more).map(|last| {
        let kept = filters.iter().map(|(name, value)| format!("&{name}={}", encoded(value)));
        format!("?before={}{}", last.id, kept.collect::<String>())
    });
    let base = Base::of(&viewer);
    let rows = lines.iter().map(|line| Line::of(&base.root, line)).collect();
    let content = AuditPage { base, rows, filters: filters.to_vec(), next };
    viewer.page("Audit", "audit", &content).await
}

impl Line {
    fn of(root: &str, line: &AuditRecord) -> Self {
        let what = line.action.split('.').next().unwrap_or_default();
        let is_id = line.target.bytes().all(|byte| byte.is_ascii_digit());
        let link = match what {
            "job" if is_id => Some(format!("{root}/jobs/{}", line.target)),
            "queue" => Some(format!("{root}/queues/{}", encoded(&line.target))),
            "schedule" => Some(format!("{root}/schedules/{}", encoded(&line.target))),
            "operation" if is_id => Some(format!("{root}/operations/{}", line.target)),
            "workflow" if is_id => Some(format!("{root}/workflows/{}", line.target)),
            _ => None,
        };
        Self {
            at: time(line.at),
            actor: line.actor.clone(),
            role: line.role.clone(),
            ip: line.ip.clone().unwrap_or_default(),
            action: line.action.clone(),
            target: line.target.clone(),
            link,
            detail: brief(&line.detail, 200),
            request: brief(line.request_id.as_deref().unwrap_or_default(), 8),
            request_id: line.request_id.clone().unwrap_or_default(),
        }
    }
}

pub(in crate::dashboard) async fn keys(viewer: Viewer) -> Answer {
    show_keys(viewer, None).await
}

async fn show_keys(viewer: Viewer, secret: Option<String>) -> Answer {
    let after = viewer.parameter("after").unwrap_or_default();
    let mut keys = viewer.queue.keys(&after).await?;
    let more = keys.len() > PAGE;
    keys.truncate(PAGE);
    let next = keys.last().filter(|_| more).map(|key| encoded(&key.id));
    keys.retain(|key| viewer.caller.has_all_of(&key.namespaces, &key.queues));
    let now = viewer.now();
    let rows = keys.iter().map(|key| Key::of(key, now)).collect();
    let content = KeysPage { base: Base::of(&viewer), rows, next, secret };
    viewer.page("Keys", "keys", &content).await
}

impl Key {
    fn of(key: &KeyRecord, now: Timestamp) -> Self {
        let badge = match key.revoked_at {
            Some(_) => word_badge("cancelled", "revoked"),
            None if key.is_live(now) => word_badge("completed", "live"),
            None => word_badge("failed", "expired"),
        };
        let bound = |what: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        let bounds = [bound("namespaces", &key.namespaces), bound("queues", &key.queues)];
        let bounds: Vec<String> = bounds.into_iter().flatten().collect();
        Self {
            id: key.id.clone(),
            label: key.label.clone(),
            role: key.role.as_str(),
            bound: if bounds.is_empty() { "everything".to_owned() } else { bounds.join("; ") },
            badge,
            is_live: key.is_live(now),
            created: time(key.created_at),
            created_by: key.created_by.clone(),
            used: maybe_time(key.used_at),
            expires: maybe_time(key.expires_at),
        }
    }
}

pub(in crate::dashboard) async fn create(viewer: Viewer, form: Form) -> Answer {
    let mut members = form.members(&["role", "label", "expires_at"]);
    for name in ["namespaces", "queues"] {
        let names = form.text(name).unwrap_or_default().split([',', ' ', '\n', '\r']);
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        if !names.is_empty() {
            members.insert(name.to_owned(), names.into());
        }
    }
    let new = read_new_key(Value::Object(members).to_string().as_bytes())?;
    viewer.caller.check_grant(&new)?;
    let (_, key) = viewer.queue.create_key(new).await?;
    viewer.app.keys.changed();
    show_keys(viewer, Some(key.reveal())).await
}

pub(in crate::dashboard) async fn revoke(viewer: Viewer, Name(id): Name) -> Answer {
    let key = viewer.queue.key(&id).await?;
    if !viewer.caller.has_all_of(&key.namespaces, &key.queues) {
        // A key that allows more than the caller's own is, to them, not there.
        return Err(Problem::not_found(format!("key `{id}` not found")));
    }
    viewer.queue.revoke_key(&id).await?;
    viewer.app.keys.changed();
    see(&format!("{}/keys?notice=key-revoked", viewer.root()))
}

pub(in crate::dashboard) async fn about(viewer: Viewer) -> Answer {
    let content = AboutPage {
        version: viewer.app.version.clone(),
        up: span(viewer.app.uptime()),
        namespace: viewer.queue.namespace().to_owned(),
        role: viewer.caller.role().as_str(),
    };
    viewer.page("About", "about", &content).await
}
