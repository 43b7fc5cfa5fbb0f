//! Orders, in the database in which the jobs are.
//!
//! Invariant: whatever belongs together is written in one transaction.

use std::str::FromStr as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use windlass::{Ctx, Queue, TraceContext};

use crate::jobs::{CallPartner, Email, Notify};

/// What the shop sells, and how many there are at first.
const STOCK: [(&str, i64); 3] = [("kettle", 1_000), ("teapot", 1_000), ("samovar", 1)];

const SQLITE_TABLES: &str = "
    create table if not exists orders (id integer primary key autoincrement, email text not null,
        item text not null, quantity integer not null, day text not null default (date('now')));
    create table if not exists stock (item text primary key, left_over integer not null);
    create table if not exists note (id integer primary key autoincrement, order_id integer not null unique);
    create table if not exists report (day text primary key, sold integer not null)";

const POSTGRES_TABLES: &str = "
    create table if not exists orders (id bigint generated always as identity primary key, email text not null,
        item text not null, quantity bigint not null, day text not null default (current_date::text));
    create table if not exists stock (item text primary key, left_over bigint not null);
    create table if not exists note (id bigint generated always as identity primary key,
        order_id bigint not null unique);
    create table if not exists report (day text primary key, sold bigint not null)";

/// Connections of the service's own, beside those of the queue.
#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The same statements on either database: sqlx's types differ, so each has a copy that the compiler checks.
macro_rules! in_transaction {
    ($pool:expr, |$tx:ident| $work:block) => {
        match $pool {
            // Immediate: SQLite has one writer, and this one wants to write from the start.
            Pool::Sqlite(pool) => {
                let mut $tx = pool.begin_with("begin immediate").await?;
                $work
            }
            Pool::Postgres(pool) => {
                let mut $tx = pool.begin().await?;
                $work
            }
        }
    };
}

/// An order as a customer makes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Where the confirmation goes.
    pub email: String,
    /// What.
    pub item: String,
    /// How many, at least one.
    pub quantity: i64,
}

/// An order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    /// Its number.
    pub id: i64,
    /// Where the confirmation goes.
    pub email: String,
    /// What.
    pub item: String,
    /// How many.
    pub quantity: i64,
}

/// An order's columns.
type Row = (i64, String, String, i64);

impl From<Row> for Order {
    fn from((id, email, item, quantity): Row) -> Self {
        Self { id, email, item, quantity }
    }
}

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShopError {
    /// The order asks for nothing that can be sold.
    #[error("quantity is {0} (1 to 100 allowed)")]
    Quantity(i64),
    /// Not so many are there.
    #[error("there are not that many of `{0}`")]
    SoldOut(String),
    /// The database.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The queue.
    #[error("the queue failed: {0}")]
    Queue(#[from] windlass::Error),
}

/// The shop.
#[derive(Debug, Clone)]
pub struct Shop {
    pool: Pool,
    queue: Queue,
    webhook: Option<String>,
}

impl Shop {
    /// Opens queue and tables in one database, and makes what is missing.
    ///
    /// # Errors
    /// When the database cannot be reached or is of another kind.
    pub async fn open(database: &str, webhook: Option<String>) -> Result<Self, ShopError> {
        let queue = Queue::open(database).await?;
        let pool = if database.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(database)?
                .journal_mode(SqliteJournalMode::Wal)
                // A job in a transaction is as durable as the connection makes it.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(10));
            Pool::Sqlite(SqlitePool::connect_with(options).await?)
        } else {
            Pool::Postgres(PgPoolOptions::new().max_connections(8).connect(database).await?)
        };
        let shop = Self { pool, queue, webhook };
        shop.prepare().await?;
        Ok(shop)
    }

    async fn prepare(&self) -> Result<(), ShopError> {
        in_transaction!(&self.pool, |tx| {
            let tables =
                if matches!(self.pool, Pool::Sqlite(_)) { SQLITE_TABLES } else { POSTGRES_TABLES };
            sqlx::raw_sql(tables).execute(&mut *tx).await?;
            for (item, n) in STOCK {
                let fill = "insert into stock (item, left_over) values ($1, $2) on conflict (item) do nothing";
                sqlx::query(fill).bind(item).bind(n).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        })
    }

    /// The queue, which is in the same database.
    pub const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Accepts an order: the order, what is left in stock and the jobs are stored together, or nothing is.
    ///
    /// # Errors
    /// [`ShopError::Quantity`], [`ShopError::SoldOut`]: then there is neither order nor job.
    pub async fn place(
        &self,
        new: &NewOrder,
        trace: Option<&TraceContext>,
    ) -> Result<Order, ShopError> {
        if !(1..=100).contains(&new.quantity) {
            return Err(ShopError::Quantity(new.quantity));
        }
        in_transaction!(&self.pool, |tx| {
            let insert = "insert into orders (email, item, quantity) values ($1, $2, $3) \
                          returning id, email, item, quantity";
            let insert = sqlx::query_as(insert).bind(&new.email).bind(&new.item).bind(new.quantity);
            let row: Row = insert.fetch_one(&mut *tx).await?;
            let order = Order::from(row);
            let id = order.id;

            let confirmation = Email {
                id: format!("order-{id}"),
                to: order.email.clone(),
                text: format!("Order {id}: {} x {}. Thank you!", order.quantity, order.item),
            };
            let mut jobs = vec![job(&confirmation)?, job(&Notify { order: id })?];
            if let Some(url) = &self.webhook {
                jobs.push(job(&CallPartner { order: id, url: url.clone() })?);
            }
            let jobs = jobs.into_iter().map(|job| {
                let job = job.correlation_id(format!("order-{id}"));
                match trace {
                    Some(trace) => job.trace(trace),
                    None => job,
                }
            });
            self.queue.enqueue_batch_within(jobs.collect(), &mut tx).await?;

            // Last on purpose: what is refused here takes order and jobs with it.
            let take =
                "update stock set left_over = left_over - $1 where item = $2 and left_over >= $1";
            let taken =
                sqlx::query(take).bind(new.quantity).bind(&new.item).execute(&mut *tx).await?;
            if taken.rows_affected() == 0 {
                tx.rollback().await?;
                return Err(ShopError::SoldOut(new.item.clone()));
            }
            tx.commit().await?;
            Ok(order)
        })
    }

    /// An order, if there is one of this number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn order(&self, id: i64) -> Result<Option<Order>, ShopError> {
        in_transaction!(&self.pool, |tx| {
            let find = "select id, email, item, quantity from orders where id = $1";
            let row: Option<Row> = sqlx::query_as(find).bind(id).fetch_optional(&mut *tx).await?;
            Ok(row.map(Order::from))
        })
    }

    /// The numbers of all orders, and of those the warehouse was told of, each in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn numbers(&self) -> Result<(Vec<i64>, Vec<i64>), ShopError> {
        in_transaction!(&self.pool, |tx| {
            let orders =
                sqlx::query_scalar("select id from orders order by id").fetch_all(&mut *tx).await?;
            let notes = "select order_id from note order by order_id";
            Ok((orders, sqlx::query_scalar(notes).fetch_all(&mut *tx).await?))
        })
    }

    /// Writes the warehouse's note and ends the job in one transaction: once, however often the job runs.
    ///
    /// # Errors
    /// When the database fails, or another attempt owns the job by now.
    pub async fn note<S>(&self, order: i64, ctx: &Ctx<S>) -> Result<i64, ShopError>
    where
        S: Send + Sync + 'static,
    {
        in_transaction!(&self.pool, |tx| {
            let insert = "insert into note (order_id) values ($1) returning id";
            let note: i64 = sqlx::query_scalar(insert).bind(order).fetch_one(&mut *tx).await?;
            ctx.complete_within(&note, &mut tx).await?;
            tx.commit().await?;
            Ok(note)
        })
    }

    /// How many pieces were sold on a day.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sold_on(&self, day: &str) -> Result<i64, ShopError> {
        in_transaction!(&self.pool, |tx| {
            let sum =
                "select cast(coalesce(sum(quantity), 0) as bigint) from orders where day = $1";
            Ok(sqlx::query_scalar(sum).bind(day).fetch_one(&mut *tx).await?)
        })
    }

    /// Keeps a report; a second one of the same day changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_report(&self, day: &str, sold: i64) -> Result<(), ShopError> {
        in_transaction!(&self.pool, |tx| {
            let keep =
                "insert into report (day, sold) values ($1, $2) on conflict (day) do nothing";
            sqlx::query(keep).bind(day).bind(sold).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(())
        })
    }
}

fn job<J: windlass::Job>(job: &J) -> Result<windlass::NewJob, ShopError> {
    Ok(windlass::NewJob::of(job)?)
}
