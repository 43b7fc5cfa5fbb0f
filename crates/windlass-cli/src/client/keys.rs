//! API keys and the audit, on a server or in a database.

use reqwest::Method;
use serde_json::value::RawValue;
use windlass::AuditFilter;
use windlass::protocol::{
    AuditObject, KeyObject, NamedPage, read_key_edit, read_new_key, read_rotation,
};

use super::Target;
use super::database::{object, refused};
use super::queues::at;
use crate::exit::Failure;
use crate::output::Object;

impl Target {
    pub(crate) async fn keys(&self, after: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.page("keys", after).await,
            Self::Database(database) => {
                let keys = database.queue().keys(after).await?;
                let items: Vec<_> = keys.iter().map(KeyObject::from).collect();
                object(&NamedPage::new("keys", items, None))
            }
        }
    }

    pub(crate) async fn create_key(&self, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.object(server.post("keys", body)).await,
            Self::Database(database) => {
                let new = read_new_key(body.get().as_bytes()).map_err(|it| refused(&it))?;
                let (record, key) = database.queue().create_key(new).await?;
                object(&KeyObject::with_secret(&record, &key))
            }
        }
    }

    pub(crate) async fn change_key(&self, id: &str, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let request = server.request(Method::PATCH, &at("keys", id, ""));
                server.object(request.json(body)).await
            }
            Self::Database(database) => {
                let edit = read_key_edit(body.get().as_bytes()).map_err(|it| refused(&it))?;
                object(&KeyObject::from(&database.queue().change_key(id, edit).await?))
            }
        }
    }

    pub(crate) async fn rotate_key(&self, id: &str, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.post(&at("keys", id, "/rotate"), body)).await
            }
            Self::Database(database) => {
                let overlap = read_rotation(body.get().as_bytes()).map_err(|it| refused(&it))?;
                let (record, key) = database.queue().rotate_key(id, overlap).await?;
                object(&KeyObject::with_secret(&record, &key))
            }
        }
    }

    pub(crate) async fn revoke_key(&self, id: &str) -> Result<(), Failure> {
        match self {
            Self::Server(server) => {
                server.send(server.request(Method::DELETE, &at("keys", id, ""))).await?;
            }
            Self::Database(database) => drop(database.queue().revoke_key(id).await?),
        }
        Ok(())
    }

    pub(crate) async fn audit(&self, wanted: AuditFilter) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let mut query = vec![("limit", wanted.limit.to_string())];
                query.extend(wanted.actor.map(|actor| ("actor", actor)));
                query.extend(wanted.action.map(|action| ("action", action)));
                query.extend(wanted.target.map(|target| ("target", target)));
                query.extend(wanted.everywhere.then(|| ("everywhere", "true".to_owned())));
                query.extend(wanted.before.map(|id| ("cursor", id.to_string())));
                server.object(server.request(Method::GET, "audit").query(&query)).await
            }
            Self::Database(database) => {
                let limit = wanted.limit;
                let lines = database.queue().audit(wanted).await?;
                let items: Vec<_> = lines.iter().map(AuditObject::from).collect();
                // There may be more before the last of a full page.
                let next =
                    lines.last().filter(|_| lines.len() >= limit).map(|it| it.id.to_string());
                object(&NamedPage::new("audit", items, next))
            }
        }
    }
}
