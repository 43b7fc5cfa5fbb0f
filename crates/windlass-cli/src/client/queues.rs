//! Queues and namespaces, on a server or in a database.

use reqwest::Method;
use serde_json::{Value, json};
use windlass::PauseScope;
use windlass::protocol::{
    ExplainObject, NamedPage, NamespaceObject, QueueObject, QueueStatsObject, TypeObject,
    read_new_queue, read_pause_everywhere, read_purge, read_queue_patch,
};

use super::Target;
use super::database::{Database, object, refused};
use super::http::Server;
use crate::exit::Failure;
use crate::output::Object;

/// Which part of what jobs there are a pause is about.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) queue: Option<String>,
    pub(crate) kind: Option<String>,
}

impl Target {
    pub(crate) async fn queues(&self, after: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.page("queues", after).await,
            Self::Database(database) => database.queues(after).await,
        }
    }

    pub(crate) async fn queue(&self, name: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.call(Method::GET, &at("queues", name, ""), None).await,
            Self::Database(database) => {
                object(&QueueObject::from(&database.queue().queue(name).await?))
            }
        }
    }

    /// Why nothing of a queue or schedule (`queues`, `schedules`) runs.
    pub(crate) async fn explain_named(&self, kind: &str, name: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.call(Method::GET, &at(kind, name, "/explain"), None).await
            }
            Self::Database(database) => {
                let queue = database.queue();
                let blockers = match kind {
                    "queues" => queue.explain_queue(name).await?,
                    _ => queue.explain_schedule(name).await?,
                };
                object(&ExplainObject::from(blockers.as_slice()))
            }
        }
    }

    pub(crate) async fn create_queue(&self, body: &Value) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.call(Method::POST, "queues", Some(body)).await,
            Self::Database(database) => {
                let (name, settings) = read_new_queue(&bytes(body)).map_err(|it| refused(&it))?;
                object(&QueueObject::from(&database.queue().create_queue(&name, settings).await?))
            }
        }
    }

    pub(crate) async fn set_queue(&self, name: &str, body: &Value) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.call(Method::PATCH, &at("queues", name, ""), Some(body)).await
            }
            Self::Database(database) => {
                let patch = read_queue_patch(&bytes(body)).map_err(|it| refused(&it))?;
                let found = database.queue().queue(name).await?;
                let settings = patch.apply(found.settings);
                let changed =
                    database.queue().configure_queue(name, settings, Some(found.version)).await?;
                object(&QueueObject::from(&changed))
            }
        }
    }

    pub(crate) async fn delete_queue(&self, name: &str, force: bool) -> Result<(), Failure> {
        match self {
            Self::Server(server) => server.remove(&at("queues", name, ""), force).await,
            Self::Database(database) => {
                Ok(database.queue().delete_queue(name, force, None).await?)
            }
        }
    }

    pub(crate) async fn purge_queue(&self, name: &str, body: &Value) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.call(Method::POST, &at("queues", name, "/purge"), Some(body)).await
            }
            Self::Database(database) => {
                let states = read_purge(&bytes(body)).map_err(|it| refused(&it))?;
                let deleted = database.queue().purge_queue(name, &states).await?;
                object(&json!({ "deleted": deleted }))
            }
        }
    }

    pub(crate) async fn queue_stats(&self, name: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.call(Method::GET, &at("queues", name, "/stats"), None).await
            }
            Self::Database(database) => {
                let queue = database.queue();
                queue.queue(name).await?;
                let stats = queue.stats().await?;
                object(&QueueStatsObject::new(name, queue.namespace(), &stats))
            }
        }
    }

    /// Pauses with these options, or ends the pause.
    pub(crate) async fn change_pause(
        &self,
        scope: &Scope,
        pause: Option<Value>,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.change_pause(scope, pause).await,
            Self::Database(database) => database.change_pause(scope, pause).await,
        }
    }

    pub(crate) async fn namespaces(&self, after: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.page("namespaces", after).await,
            Self::Database(database) => {
                let names = database.queue().namespaces(after).await?;
                let items: Vec<_> = names.iter().map(|name| NamespaceObject { name }).collect();
                object(&NamedPage::new("namespaces", items, None))
            }
        }
    }

    pub(crate) async fn create_namespace(&self, name: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.call(Method::POST, "namespaces", Some(&json!({ "name": name }))).await
            }
            Self::Database(database) => {
                database.queue().create_namespace(name).await?;
                object(&NamespaceObject { name })
            }
        }
    }

    pub(crate) async fn delete_namespace(&self, name: &str, force: bool) -> Result<(), Failure> {
        match self {
            Self::Server(server) => server.remove(&at("namespaces", name, ""), force).await,
            Self::Database(database) => Ok(database.queue().delete_namespace(name, force).await?),
        }
    }
}

impl Server {
    pub(super) async fn page(&self, list: &str, after: &str) -> Result<Object, Failure> {
        let request = self.request(Method::GET, list);
        self.object(request.query(&[("cursor", after), ("limit", "500")])).await
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Object, Failure> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.object(request).await
    }

    async fn remove(&self, path: &str, force: bool) -> Result<(), Failure> {
        self.send(self.request(Method::DELETE, path).query(&[("force", force)])).await?;
        Ok(())
    }

    async fn change_pause(&self, scope: &Scope, pause: Option<Value>) -> Result<Object, Failure> {
        let action = if pause.is_some() { "/pause" } else { "/resume" };
        let mut body = pause.unwrap_or_else(|| json!({}));
        let path = match (&scope.queue, &scope.kind) {
            (Some(queue), kind) => {
                if let Some(kind) = kind {
                    body["type"] = kind.as_str().into();
                }
                at("queues", queue, action)
            }
            (None, kind) => at("types", kind.as_deref().unwrap_or_default(), action),
        };
        self.call(Method::POST, &path, Some(&body)).await
    }
}

impl Database {
    async fn queues(&self, after: &str) -> Result<Object, Failure> {
        let queues = self.queue().queues(after).await?;
        let items: Vec<_> = queues.iter().map(QueueObject::from).collect();
        object(&NamedPage::new("queues", items, None))
    }

    async fn change_pause(&self, scope: &Scope, pause: Option<Value>) -> Result<Object, Failure> {
        let options = match &pause {
            Some(body) => Some(read_pause_everywhere(&bytes(body)).map_err(|it| refused(&it))?),
            None => None,
        };
        let kind = scope.kind.clone();
        let wanted = match (scope.queue.clone(), kind) {
            (Some(queue), Some(kind)) => PauseScope::KindInQueue { queue, kind },
            (Some(queue), None) => PauseScope::Queue(queue),
            (None, kind) => PauseScope::Kind(kind.unwrap_or_default()),
        };
        let told = match options {
            Some(options) => Some(self.queue().pause(wanted, options).await?),
            None => {
                self.queue().resume(wanted).await?;
                None
            }
        };
        match (&scope.queue, &scope.kind) {
            (Some(queue), _) => object(&QueueObject::from(&self.queue().queue(queue).await?)),
            (None, kind) => {
                object(&TypeObject::new(kind.as_deref().unwrap_or_default(), told.as_ref()))
            }
        }
    }
}

/// The address of a thing by its name, which is checked where it is used.
pub(super) fn at(list: &str, name: &str, action: &str) -> String {
    let encoded: String = name.bytes().map(encoded).collect();
    format!("{list}/{encoded}{action}")
}

fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"._:-".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

pub(super) fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}
