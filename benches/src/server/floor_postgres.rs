//! The floor on PostgreSQL: `for update skip locked`, prepared statements.

use sqlx::SqlStr;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqlSafeStr as _,
};

use super::floor::Floor;
use super::scratch::Scratch;
use crate::{Bench, PAYLOAD};

/// Plans as pinned as ours.
const SETTINGS: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off;
    set enable_hashjoin = off; set enable_mergejoin = off; set enable_bitmapscan = off; set jit = off";

pub(crate) struct PostgresFloor {
    connection: PgConnection,
    insert: SqlStr,
    insert_many: SqlStr,
    select: SqlStr,
    delete: SqlStr,
    mark: SqlStr,
}

impl Floor for PostgresFloor {
    async fn connect(scratch: &Scratch) -> Bench<Self> {
        let mut connection = PgConnection::connect(scratch.server()).await?;
        let table = format!("{}floor", scratch.prefix());
        let make = format!(
            "create table if not exists {table}
               (id bigint primary key, is_taken boolean not null default false, payload bytea not null)"
        );
        connection.execute(AssertSqlSafe(make)).await?;
        connection.execute(SETTINGS).await?;
        let text = |sql: String| AssertSqlSafe(sql).into_sql_str();
        Ok(Self {
            connection,
            insert: text(format!("insert into {table} (id, payload) values ($1, $2)")),
            insert_many: text(format!(
                "insert into {table} (id, payload)
                 select * from unnest($1::bigint[], $2::bytea[])"
            )),
            select: text(format!(
                "select id, payload from {table} order by id limit $1 for update skip locked"
            )),
            delete: text(format!("delete from {table} where id = any ($1)")),
            mark: text(format!(
                "update {table} set is_taken = true
                 where id = any (array(
                   select id from {table} where not is_taken order by id limit $1
                   for update skip locked))
                 returning id, payload"
            )),
        })
    }

    async fn insert(&mut self, id: i64) -> Bench<()> {
        let insert = sqlx::query(self.insert.clone()).bind(id).bind(PAYLOAD.as_slice());
        insert.execute(&mut self.connection).await?;
        Ok(())
    }

    async fn insert_many(&mut self, first: i64, count: i64) -> Bench<()> {
        let ids: Vec<i64> = (first..first + count).collect();
        let payloads = vec![PAYLOAD.as_slice(); ids.len()];
        let insert = sqlx::query(self.insert_many.clone()).bind(ids).bind(payloads);
        insert.execute(&mut self.connection).await?;
        Ok(())
    }

    async fn take(&mut self, batch: usize) -> Bench<usize> {
        self.connection.execute("begin").await?;
        let ids = self.read(self.select.clone(), batch).await?;
        self.delete(&ids).await?;
        self.connection.execute("commit").await?;
        Ok(ids.len())
    }

    async fn take_and_finish(&mut self, batch: usize) -> Bench<usize> {
        let ids = self.read(self.mark.clone(), batch).await?;
        self.delete(&ids).await?;
        Ok(ids.len())
    }
}

impl PostgresFloor {
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

    async fn delete(&mut self, ids: &[i64]) -> Bench<()> {
        let delete = sqlx::query(self.delete.clone()).bind(ids);
        delete.execute(&mut self.connection).await?;
        Ok(())
    }
}
