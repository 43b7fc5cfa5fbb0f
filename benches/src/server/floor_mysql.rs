//! The floor on MySQL and MariaDB: `for update skip locked`, prepared statements.

use sqlx::SqlStr;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, Row as _, SqlSafeStr as _,
};

use super::floor::Floor;
use super::scratch::Scratch;
use crate::{Bench, PAYLOAD};

pub(crate) struct MySqlFloor {
    connection: MySqlConnection,
    table: String,
    insert: SqlStr,
    select: SqlStr,
    select_free: SqlStr,
}

impl Floor for MySqlFloor {
    async fn connect(scratch: &Scratch) -> Bench<Self> {
        let mut connection = MySqlConnection::connect(scratch.server()).await?;
        connection.execute("set session transaction isolation level read committed").await?;
        let table = format!("{}floor", scratch.prefix());
        let make = format!(
            "create table if not exists {table}
               (id bigint not null primary key, is_taken tinyint not null default 0,
                payload longblob not null) engine = InnoDB"
        );
        connection.execute(AssertSqlSafe(make)).await?;
        let text = |sql: String| AssertSqlSafe(sql).into_sql_str();
        let select = |condition: &str| {
            text(format!(
                "select id, payload from {table} force index (primary) {condition} order by id
                 limit ? for update skip locked"
            ))
        };
        Ok(Self {
            connection,
            insert: text(format!("insert into {table} (id, payload) values (?, ?)")),
            select: select(""),
            select_free: select("where is_taken = 0"),
            table,
        })
    }

    async fn insert(&mut self, id: i64) -> Bench<()> {
        let insert = sqlx::query(self.insert.clone()).bind(id).bind(PAYLOAD.as_slice());
        insert.execute(&mut self.connection).await?;
        Ok(())
    }

    async fn insert_many(&mut self, first: i64, count: i64) -> Bench<()> {
        let rows = list("(?, ?)", usize::try_from(count)?);
        let text = format!("insert into {} (id, payload) values {rows}", self.table);
        let mut insert = sqlx::query(AssertSqlSafe(text));
        for id in first..first + count {
            insert = insert.bind(id).bind(PAYLOAD.as_slice());
        }
        insert.execute(&mut self.connection).await?;
        Ok(())
    }

    async fn take(&mut self, batch: usize) -> Bench<usize> {
        self.connection.execute("start transaction").await?;
        let ids = self.read(self.select.clone(), batch).await?;
        self.on_each("delete from", "", &ids).await?;
        self.connection.execute("commit").await?;
        Ok(ids.len())
    }

    async fn take_and_finish(&mut self, batch: usize) -> Bench<usize> {
        self.connection.execute("start transaction").await?;
        let ids = self.read(self.select_free.clone(), batch).await?;
        self.on_each("update", "set is_taken = 1", &ids).await?;
        self.connection.execute("commit").await?;
        self.on_each("delete from", "", &ids).await?;
        Ok(ids.len())
    }
}

impl MySqlFloor {
    async fn read(&mut self, sql: SqlStr, batch: usize) -> Bench<Vec<i64>> {
        let query = sqlx::query(sql).bind(i64::try_from(batch)?);
        let rows = query.fetch_all(&mut self.connection).await?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            std::hint::black_box(row.try_get::<Vec<u8>, _>(1)?);
            ids.push(row.try_get(0)?);
        }
        Ok(ids)
    }

    async fn on_each(&mut self, verb: &str, change: &str, ids: &[i64]) -> Bench<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let marks = list("?", ids.len());
        let text = format!("{verb} {} {change} where id in ({marks})", self.table);
        let mut query = sqlx::query(AssertSqlSafe(text));
        for id in ids {
            query = query.bind(*id);
        }
        query.execute(&mut self.connection).await?;
        Ok(())
    }
}

fn list(item: &str, count: usize) -> String {
    vec![item; count].join(", ")
}
