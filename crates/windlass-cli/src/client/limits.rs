//! Limits, on a server or in a database.

use reqwest::Method;
use serde_json::value::RawValue;
use windlass::protocol::{LimitObject, NamedPage, read_limit};

use super::Target;
use super::database::{object, refused};
use super::queues::at;
use crate::exit::Failure;
use crate::output::Object;

impl Target {
    pub(crate) async fn limits(&self, after: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.page("limits", after).await,
            Self::Database(database) => {
                let limits = database.queue().limits(after).await?;
                let items: Vec<_> = limits.iter().map(LimitObject::from).collect();
                object(&NamedPage::new("limits", items, None))
            }
        }
    }

    pub(crate) async fn limit(&self, name: &str) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.request(Method::GET, &at("limits", name, ""))).await
            }
            Self::Database(database) => {
                object(&LimitObject::from(&database.queue().limit(name).await?))
            }
        }
    }

    pub(crate) async fn set_limit(&self, name: &str, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let request = server.request(Method::PUT, &at("limits", name, ""));
                server.object(request.json(body)).await
            }
            Self::Database(database) => {
                let limit = read_limit(body.get().as_bytes()).map_err(|it| refused(&it))?;
                object(&LimitObject::from(&database.queue().set_limit(name, limit, None).await?))
            }
        }
    }

    pub(crate) async fn delete_limit(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::Server(server) => {
                server.send(server.request(Method::DELETE, &at("limits", name, ""))).await?;
                Ok(())
            }
            Self::Database(database) => Ok(database.queue().delete_limit(name, None).await?),
        }
    }
}
