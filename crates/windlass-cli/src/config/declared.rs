//! What a file declares: queues and schedules, brought into the database when `serve` starts, and handlers.
//!
//! Invariant: a pause is never ended by this, and what is no longer declared stays as it is.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use windlass::protocol::{
    QueuePatch, Refusal, read_new_queue, read_new_schedule, read_queue_patch,
};
use windlass::{Error, Queue, QueueSettings, Schedule};

use super::located::{Located, Mistake, Shape};
use crate::serve::handlers::{Entry, Handlers};

/// How often settings are read again because someone else changed them meanwhile.
const ROUNDS_MAX: usize = 5;

/// In a file, where there is no null: kept until someone deletes it.
const FOREVER: &str = "forever";

/// Queues, schedules and handlers of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    pub(crate) path: PathBuf,
    queues: Vec<(String, QueuePatch)>,
    schedules: Vec<(String, Schedule)>,
    /// As they are written, each with its line.
    entries: Vec<(String, usize, Entry)>,
    pub(crate) handlers: Handlers,
    /// Each table of the above with its line, as JSON, to show it.
    pub(crate) shown: Vec<(String, usize, Value)>,
}

impl Declared {
    pub(super) fn read(members: &[(String, Located)]) -> Result<Self, Mistake> {
        let mut declared = Self::default();
        let table = |name: &str| members.iter().find(|(known, _)| known == name).map(|it| &it.1);
        let mut common = Map::new();
        if let Some(defaults) = table("defaults") {
            common = object(&defaults.json());
            check(defaults, "", read_queue_patch(&bytes(&common)))?;
        }
        if let Some(retention) = table("retention") {
            let kept = with_nulls(object(&retention.json()));
            let alone = Map::from_iter([("retention".to_owned(), Value::Object(kept.clone()))]);
            check(retention, "/retention", read_queue_patch(&bytes(&alone)))?;
            if common.contains_key("retention") {
                return Err(Mistake::new(
                    retention.line,
                    "`retention` stands in `defaults` as well",
                ));
            }
            common.insert("retention".to_owned(), Value::Object(kept));
        }
        if let Some(queues) = table("queues").filter(|it| matches!(it.shape, Shape::Table(_))) {
            for (name, own) in tables("queues", queues)? {
                declared.queue(name, own, &common)?;
            }
        }
        if !common.is_empty() && !declared.queues.iter().any(|(name, _)| name == "default") {
            let none = Located { line: 1, shape: Shape::Table(Vec::new()) };
            declared.queue("default", &none, &common)?;
        }
        if let Some(schedules) = table("schedules") {
            for (name, own) in tables("schedules", schedules)? {
                declared.schedule(name, own)?;
            }
        }
        if let Some(handlers) = table("handlers") {
            for (kind, own) in tables("handlers", handlers)? {
                let entry =
                    serde_json::from_value(own.json()).map_err(|why| misfit(kind, own, &why))?;
                declared.entries.push((kind.to_owned(), own.line, entry));
                declared.shown.push((format!("handlers.{kind}"), own.line, own.json()));
            }
        }
        Ok(declared)
    }

    /// Takes the handlers, with the files that they name: those beside the file.
    pub(super) fn take_handlers(&mut self, file: &Path) -> Result<(), Mistake> {
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        for (kind, line, entry) in std::mem::take(&mut self.entries) {
            let added = self.handlers.add(&kind, entry, folder);
            added.map_err(|why| Mistake::new(line, format!("[handlers.{kind}] {why}")))?;
        }
        Ok(())
    }

    fn queue(
        &mut self,
        name: &str,
        own: &Located,
        common: &Map<String, Value>,
    ) -> Result<(), Mistake> {
        let mut members = object(&own.json());
        if let Some(Value::Object(kept)) = members.remove("retention") {
            members.insert("retention".to_owned(), Value::Object(with_nulls(kept)));
        }
        check(own, "", read_queue_patch(&bytes(&members)))?;
        for (member, value) in common {
            // A delay of its own stands for a backoff of its own.
            let is_said = match member.as_str() {
                "backoff" | "retry_delay" => {
                    members.contains_key("backoff") || members.contains_key("retry_delay")
                }
                _ => members.contains_key(member),
            };
            match (members.get_mut(member), value) {
                (Some(Value::Object(own)), Value::Object(common)) if member == "retention" => {
                    for (state, span) in common {
                        own.entry(state).or_insert_with(|| span.clone());
                    }
                }
                _ if is_said => {}
                _ => {
                    members.insert(member.clone(), value.clone());
                }
            }
        }
        let patch = check(own, "", read_queue_patch(&bytes(&members)))?;
        self.shown.push((format!("queues.{name}"), own.line, Value::Object(members.clone())));
        members.insert("name".to_owned(), name.into());
        check(own, "", read_new_queue(&bytes(&members)))?;
        self.queues.push((name.to_owned(), patch));
        Ok(())
    }

    fn schedule(&mut self, name: &str, own: &Located) -> Result<(), Mistake> {
        let mut members = object(&own.json());
        let mut shown = members.clone();
        if let Some(payload) = shown.get_mut("job").and_then(|job| job.get_mut("payload")) {
            *payload = "***".into();
        }
        self.shown.push((format!("schedules.{name}"), own.line, Value::Object(shown)));
        members.insert("name".to_owned(), name.into());
        let (name, schedule) = check(own, "", read_new_schedule(&bytes(&members)))?;
        self.schedules.push((name, schedule));
        Ok(())
    }

    /// Brings the declarations into the namespace `default`.
    pub(crate) async fn apply(&self, queue: &Queue) -> Result<(), Error> {
        for (name, patch) in &self.queues {
            settle(queue, name, patch).await?;
        }
        for (name, schedule) in &self.schedules {
            queue.declare_schedule(name, schedule.clone()).await?;
        }
        Ok(())
    }
}

/// Makes a queue, or changes what the file says of it and nothing else.
async fn settle(queue: &Queue, name: &str, patch: &QueuePatch) -> Result<(), Error> {
    let mut last = Error::Conflict {
        code: "conflict",
        message: format!("queue `{name}` changes all the time"),
    };
    for _ in 0..ROUNDS_MAX {
        let found = match queue.queue(name).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => {
                match queue.create_queue(name, patch.apply(QueueSettings::default())).await {
                    Err(error @ Error::Conflict { .. }) => last = error,
                    done => return done.map(drop),
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        let wanted = patch.apply(found.settings.clone());
        if wanted == found.settings {
            return Ok(());
        }
        match queue.configure_queue(name, wanted, Some(found.version)).await {
            Err(error @ (Error::Conflict { .. } | Error::NotFound { .. })) => last = error,
            done => return done.map(drop),
        }
    }
    Err(last)
}

fn tables<'a>(
    list: &str,
    table: &'a Located,
) -> Result<impl Iterator<Item = (&'a str, &'a Located)>, Mistake> {
    let Shape::Table(members) = &table.shape else {
        return Err(Mistake::new(table.line, format!("`{list}` is not a table")));
    };
    if let Some((name, other)) = members.iter().find(|it| !matches!(it.1.shape, Shape::Table(_))) {
        let message = format!("`{list}.{name}` is {}, and not a table", other.kind());
        return Err(Mistake::new(other.line, message));
    }
    for (name, own) in members {
        windlass::check_name(name)
            .map_err(|why| Mistake::new(own.line, format!("the name `{name}` {why}")))?;
    }
    Ok(members.iter().map(|(name, own)| (name.as_str(), own)))
}

/// What a reader of the API says, at the line of the member it says it of.
fn check<T>(table: &Located, prefix: &str, read: Result<T, Refusal>) -> Result<T, Mistake> {
    read.map_err(|refusal| {
        let first = refusal.errors().first();
        let pointer = first.map(|error| error.pointer.trim_start_matches(prefix).to_owned());
        Mistake::new(
            table.line_of(&pointer.unwrap_or_default()),
            refusal
                .message()
                .replace("is not a member this request has", "is no setting of this table"),
        )
    })
}

/// What is wrong with a handler, at the line of the member that it has too much.
fn misfit(kind: &str, own: &Located, why: &serde_json::Error) -> Mistake {
    let why = why.to_string();
    let named = why.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    Mistake::new(own.line_of(named.unwrap_or_default()), format!("[handlers.{kind}] {why}"))
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn with_nulls(mut kept: Map<String, Value>) -> Map<String, Value> {
    for span in kept.values_mut() {
        if span.as_str() == Some(FOREVER) {
            *span = Value::Null;
        }
    }
    kept
}

fn bytes(members: &Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec(members).unwrap_or_default()
}
