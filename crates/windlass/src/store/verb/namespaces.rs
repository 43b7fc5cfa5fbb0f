//! Namespaces: list, create, delete.

use std::sync::Arc;

use crate::Error;
use crate::job::Act;
use crate::store::driver::{Param, Row, Tx, Verb, Waits};
use crate::store::settings;
use crate::store::statements::Sql;
use crate::store::{QueuePage, Shared};

/// Reads the names of namespaces.
#[derive(Debug)]
pub(crate) struct ListNamespaces {
    pub(crate) page: QueuePage,
}

impl Verb for ListNamespaces {
    type Reply = Vec<String>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<String>, Error> {
        let limit = i64::try_from(self.page.limit).unwrap_or(i64::MAX);
        let params = [self.page.after.as_str().into(), limit.into()];
        tx.query(Sql::NamespaceList, &params).await?.read(|row: &mut Row<'_>| Row::text(row))
    }
}

/// Makes a namespace.
#[derive(Debug)]
pub(crate) struct AddNamespace {
    pub(crate) name: String,
}

impl Verb for AddNamespace {
    type Reply = ();

    fn act(&self) -> Option<Act> {
        Some(Act::new(&"".into(), "namespace.create", &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let name = self.name.as_str();
        // One at a time, so that two of the same name meet here and not at the table's key.
        settings::touch(tx).await?;
        if !tx.query(Sql::NamespaceGet, &[name.into()]).await?.is_empty() {
            return Err(Error::conflict(format!("namespace `{name}` exists already")));
        }
        tx.execute(Sql::NamespaceAdd, &[name.into()]).await?;
        settings::remember(tx).await?;
        Ok(())
    }

    async fn landed<T: Tx>(&self, (): &(), tx: &mut T) -> Result<bool, Error> {
        Ok(!tx.query(Sql::NamespaceGet, &[self.name.as_str().into()]).await?.is_empty())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Deletes a namespace without queues: its name is free, and nothing of it is found again.
#[derive(Debug)]
pub(crate) struct RemoveNamespace {
    pub(crate) name: String,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for RemoveNamespace {
    type Reply = ();

    fn act(&self) -> Option<Act> {
        Some(Act::new(&"".into(), "namespace.delete", &*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let name = self.name.as_str();
        settings::touch(tx).await?;
        let id = tx.query(Sql::NamespaceGet, &[name.into()]).await?.first_int()?;
        let id = id.ok_or_else(|| Error::not_found(format!("namespace `{name}`")))?;
        let first = [id.into(), "".into(), Param::Int(1)];
        if !tx.query(Sql::QueueList, &first).await?.is_empty() {
            return Err(Error::conflict(format!(
                "namespace `{name}` holds queues: delete them first, or delete it with force"
            )));
        }
        if !tx.query(Sql::ScheduleUsed, &[id.into()]).await?.is_empty() {
            return Err(Error::conflict(format!(
                "namespace `{name}` holds schedules: delete them first, or delete it with force"
            )));
        }
        // Without queues there are no jobs: these are left over.
        tx.execute(Sql::BundleClear, &[id.into()]).await?;
        let all = self.shared.settings.at(tx, None).await?;
        let always = crate::Timestamp::from_micros(0);
        for pause in all.pauses(always).filter(|pause| pause.namespace_id == id) {
            let params = [pause.namespace_id, pause.queue_id, pause.kind_id].map(Param::Int);
            tx.execute(Sql::PauseRemove, &params).await?;
        }
        // Not a name: rows that still point here keep something to point at, and nobody finds it.
        let renamed = format!("~{id}");
        tx.execute(Sql::NamespaceRename, &[id.into(), renamed.as_str().into()]).await?;
        settings::remember(tx).await?;
        Ok(())
    }

    async fn landed<T: Tx>(&self, (): &(), tx: &mut T) -> Result<bool, Error> {
        Ok(tx.query(Sql::NamespaceGet, &[self.name.as_str().into()]).await?.is_empty())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}
