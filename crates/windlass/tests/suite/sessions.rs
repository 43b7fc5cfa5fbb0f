//! Sessions of people who signed in with a key: opened, read by every process, ended.

use std::time::Duration;

use windlass::{ApiKey, NewKey, Queue, Role, SESSION_LASTS, SESSIONS_OF_KEY_MAX};
use windlass_testkit::{Admin, Backend, Harness, every_backend};

every_backend!(
    a_session_stands_for_its_key_until_its_time_ends,
    a_session_ends_with_the_secret_that_opened_it,
    a_key_has_so_many_sessions_and_the_oldest_ends,
    sessions_whose_time_has_ended_are_pruned,
);

async fn open(queue: &Queue, key: &ApiKey) -> String {
    queue.open_session(key).await.expect("an answer").expect("the key counts")
}

async fn key_of(queue: &Queue, session: &str) -> Option<String> {
    queue.session(session).await.expect("an answer").map(|session| session.key.id)
}

async fn a_session_stands_for_its_key_until_its_time_ends(t: &Harness) {
    let (record, key) = t.queue.create_key(NewKey::new(Role::Operator)).await.expect("made");
    let (first, second) = (open(&t.queue, &key).await, open(&t.queue, &key).await);
    let other = t.reopen().await.unwrap_or_else(|| t.queue.clone());

    let found = other.session(&first).await.expect("an answer").expect("it counts");

    assert_eq!((found.key.id, found.key.role), (record.id.clone(), Role::Operator));
    assert_eq!(found.expires_at, t.clock.now() + SESSION_LASTS);
    assert!(first.len() == 43 && first != second);
    for wrong in ["", "nonsense", &key.reveal(), &first[1..], record.id.as_str()] {
        assert_eq!(key_of(&t.queue, wrong).await, None, "{wrong}");
    }
    let stranger = ApiKey::random().expect("a key");
    assert_eq!(t.queue.open_session(&stranger).await.expect("an answer"), None);
    other.end_session(&first).await.expect("ended");
    other.end_session(&first).await.expect("it has ended already");
    assert_eq!(key_of(&t.queue, &first).await, None);
    t.advance(SESSION_LASTS - Duration::from_secs(1));
    assert_eq!(key_of(&t.queue, &second).await, Some(record.id));
    t.advance(Duration::from_secs(1));
    assert_eq!(key_of(&t.queue, &second).await, None);
}

async fn a_session_ends_with_the_secret_that_opened_it(t: &Harness) {
    let expires_at = Some(t.clock.now() + Duration::from_secs(3600));
    let short = NewKey { expires_at, ..NewKey::new(Role::Viewer) };
    let (_, short) = t.queue.create_key(short).await.expect("made");
    let (record, old) = t.queue.create_key(NewKey::new(Role::Viewer)).await.expect("made");
    let (of_short, of_old) = (open(&t.queue, &short).await, open(&t.queue, &old).await);
    let overlap = Duration::from_secs(1800);
    let (_, new) = t.queue.rotate_key(&record.id, overlap).await.expect("rotated");
    let of_new = open(&t.queue, &new).await;

    assert!(key_of(&t.queue, &of_old).await.is_some() && key_of(&t.queue, &of_new).await.is_some());
    t.advance(overlap);
    assert_eq!(key_of(&t.queue, &of_old).await, None);
    assert_eq!(t.queue.open_session(&old).await.expect("an answer"), None);
    assert!(key_of(&t.queue, &of_new).await.is_some());
    t.queue.revoke_key(&record.id).await.expect("revoked");
    assert_eq!(key_of(&t.queue, &of_new).await, None);
    assert_eq!(t.queue.open_session(&new).await.expect("an answer"), None);
    assert!(key_of(&t.queue, &of_short).await.is_some());
    t.advance(overlap);
    assert_eq!(key_of(&t.queue, &of_short).await, None);
}

async fn a_key_has_so_many_sessions_and_the_oldest_ends(t: &Harness) {
    let (_, key) = t.queue.create_key(NewKey::new(Role::Viewer)).await.expect("made");
    let (_, another) = t.queue.create_key(NewKey::new(Role::Viewer)).await.expect("made");
    let (first, untouched) = (open(&t.queue, &key).await, open(&t.queue, &another).await);
    t.advance(Duration::from_secs(1));
    let second = open(&t.queue, &key).await;
    t.advance(Duration::from_secs(1));
    for _ in 2..SESSIONS_OF_KEY_MAX {
        open(&t.queue, &key).await;
    }
    assert!(key_of(&t.queue, &first).await.is_some());

    let last = open(&t.queue, &key).await;

    assert_eq!(key_of(&t.queue, &first).await, None);
    for session in [&second, &last, &untouched] {
        assert!(key_of(&t.queue, session).await.is_some());
    }
}

async fn sessions_whose_time_has_ended_are_pruned(t: &Harness) {
    let (_, key) = t.queue.create_key(NewKey::new(Role::Viewer)).await.expect("made");
    for _ in 0..3 {
        open(&t.queue, &key).await;
        t.advance(SESSION_LASTS / 2);
    }
    let last = open(&t.queue, &key).await;

    t.queue.prune().await.expect("pruned");

    assert_eq!(rows(t).await.unwrap_or(2), 2);
    t.advance(SESSION_LASTS / 2);
    assert!(key_of(&t.queue, &last).await.is_some());
    t.advance(SESSION_LASTS / 2);
    t.queue.prune().await.expect("pruned");
    assert_eq!(rows(t).await.unwrap_or(0), 0);
}

/// Sessions that are stored; none for a database in memory, which nobody else can open.
async fn rows(t: &Harness) -> Option<i64> {
    if let Some(file) = t.app_url().strip_prefix("sqlite:") {
        let connection = rusqlite::Connection::open(file).expect("the file");
        let sql = "select count(*) from windlass_session";
        return Some(connection.query_row(sql, [], |row| row.get(0)).expect("a number"));
    }
    let backend = match t.url().split(':').next()? {
        "postgres" | "postgresql" => Backend::Postgres,
        "mysql" | "mariadb" => Backend::Mysql,
        _ => return None,
    };
    let mut admin = Admin::connect(backend, t.url()).await;
    let sql = format!("select count(*) from {}session", Admin::tables(t.url()));
    let counted = admin.numbers(&sql).await;
    counted.first().copied()
}
