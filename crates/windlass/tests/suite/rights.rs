//! A program whose database user may read and write rows, and nothing else.

use std::time::Duration;

use windlass::{Error, NewJob, Queue, State, schema};
use windlass_testkit::{Admin, Backend};

/// Gives a new user the rights that docs/databases.md names, and returns its address.
async fn user_without_tables(backend: Backend, url: &str) -> String {
    let mut admin = Admin::connect(backend, url).await;
    let (user, tables) = (format!("u{:x}", fastrand::u64(..) >> 16), Admin::tables(url));
    let schema = tables.trim_end_matches('.');
    let statements = match backend {
        Backend::Mysql => vec![
            format!("create user {user}@'%' identified by 'secret'"),
            format!("grant select, insert, update, delete on windlass.* to {user}@'%'"),
        ],
        Backend::Postgres | Backend::PgBouncer => vec![
            format!("create role {user} login password 'secret'"),
            format!("grant usage on schema {schema} to {user}"),
            format!(
                "grant select, insert, update, delete on all tables in schema {schema} to {user}"
            ),
            format!("grant usage on all sequences in schema {schema} to {user}"),
            format!("grant execute on function {tables}add_days(bigint, bigint) to {user}"),
            format!(
                "grant execute on function {tables}drop_day(bigint, bigint, bigint, bigint, bigint, bigint, \
                 bigint) to {user}"
            ),
        ],
    };
    for statement in statements {
        admin.run(&statement).await;
    }
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (_, place) = rest.split_once('@').expect("a URL with a user");
    format!("{scheme}://{user}:secret@{place}")
}

#[tokio::test]
async fn a_user_who_may_not_make_tables_can_do_everything_else() {
    for backend in [Backend::Postgres, Backend::Mysql] {
        let Some(url) = backend.fresh_url() else { return };
        schema::migrate(&url).await.expect("tables");
        let queue =
            Queue::open(&user_without_tables(backend, &url).await).await.expect("a database");
        let worker = queue.worker().handle_raw("mail", async |payload, _| windlass::Ok(payload));
        let worker = worker.start().await.expect("a worker");

        let job = queue.enqueue_new(NewJob::new("mail", "1")).await.expect("a job").id();
        let delayed = NewJob::new("mail", "2").delay(Duration::from_secs(3600));
        let delayed = queue.enqueue_new(delayed).await.expect("a job").id();

        let done = queue.wait(job, Duration::from_secs(30)).await.expect("a job");
        assert_eq!(done.state, State::Completed);
        queue.cancel(delayed, None).await.expect("cancelled");
        queue.delete(delayed, false).await.expect("deleted");
        assert_eq!(queue.verify().await.expect("a check"), Vec::<String>::new());
        worker.stop().await;
        queue.close().await;
    }
}

#[tokio::test]
async fn a_user_who_may_not_make_tables_is_told_so_where_some_are_missing() {
    for backend in [Backend::Postgres, Backend::Mysql] {
        let (Some(url), Some(other)) = (backend.fresh_url(), backend.fresh_url()) else { return };
        schema::migrate(&url).await.expect("tables");
        let user = user_without_tables(backend, &url).await;
        // The same user, and tables that nobody has made.
        let (_, options) = other.split_once('?').expect("options");
        let (place, _) = user.split_once('?').expect("options");

        let error = Queue::open(&format!("{place}?{options}")).await.expect_err("refused");

        assert!(matches!(error, Error::Incompatible { .. }), "{error:?}");
        assert!(error.to_string().contains("denied"), "{error}");
    }
}
