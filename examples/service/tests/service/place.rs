//! A database for one test, and what a test asks of it.

use std::path::PathBuf;
use std::time::Duration;

use example_service::jobs::Email;
use example_service::shop::NewOrder;
use example_service::{Config, Shop};
use sqlx::Connection as _;
use tempfile::TempDir;
use windlass::{JobFilter, JobRecord};
use windlass_testkit::Backend;

/// Far beyond what anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A folder with a configuration.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) config: Config,
}

impl Place {
    /// On a file.
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let database = format!("sqlite:{}", folder.path().join("orders.db").display());
        Self::new(folder, database)
    }

    /// On a server, in schemas of its own; none where there is no server.
    pub(crate) async fn postgres() -> Option<Self> {
        let (server, fresh) = (Backend::Postgres.server_url()?, Backend::Postgres.fresh_url()?);
        let schema = fresh.rsplit_once("schema=").map(|(_, name)| format!("shop_{name}")).unwrap();
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        let make = sqlx::AssertSqlSafe(format!("create schema {schema}"));
        sqlx::raw_sql(make).execute(&mut connection).await.unwrap();
        let database = format!("{fresh}&options=-csearch_path%3D{schema}");
        Some(Self::new(TempDir::new().unwrap(), database))
    }

    fn new(folder: TempDir, database: String) -> Self {
        let config = Config {
            database,
            http: "127.0.0.1:0".to_owned(),
            workers: 4,
            lease: Duration::from_secs(30),
            mail_file: folder.path().join("mail.jsonl"),
            webhook: None,
        };
        Self { folder, config }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) async fn shop(&self) -> Shop {
        Shop::open(&self.config.database, self.config.webhook.clone()).await.unwrap()
    }

    /// Waits until no order of a process that was killed can come any more: its server may be told to commit and be
    /// at it still. SQLite has no server.
    pub(crate) async fn no_order_is_under_way(&self) {
        if self.config.database.starts_with("sqlite:") {
            return;
        }
        let mut connection = sqlx::PgConnection::connect(&self.config.database).await.unwrap();
        // Given when whoever has written to the table has ended.
        let wait = "begin; lock table orders in share mode; commit";
        sqlx::raw_sql(wait).execute(&mut connection).await.unwrap();
    }

    /// The ids of the emails that were sent, as often as they were.
    pub(crate) fn mail(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.config.mail_file).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str::<Email>(line).unwrap().id).collect()
    }
}

pub(crate) fn order(item: &str, quantity: i64) -> NewOrder {
    NewOrder { email: "ada@example.org".to_owned(), item: item.to_owned(), quantity }
}

/// All jobs of a kind, once they have ended.
pub(crate) async fn ended(shop: &Shop, kind: &str) -> Vec<JobRecord> {
    let queue = shop.queue();
    let filter = JobFilter::new().kind(kind).limit(500);
    let mut jobs = Vec::new();
    for job in queue.list(filter).await.unwrap().jobs {
        let job = queue.wait(job.id, DEADLINE).await.unwrap();
        assert!(job.state.is_terminal(), "{job:?}");
        jobs.push(job);
    }
    jobs
}
