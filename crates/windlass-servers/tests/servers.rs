//! Each kind of server through its life, seen through its own client.
//!
//! A kind that is not installed is a failure when `CI=true` and a visible skip otherwise.

#![expect(clippy::unwrap_used, reason = "what goes wrong here is a failed test")]

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use windlass_servers::{Error, Kind, Server, TemporaryFolder, find};

/// A client connects within milliseconds; a busy machine gets its time.
const PATIENCE: Duration = Duration::from_secs(30);

fn is_here(kind: Kind) -> bool {
    let is_here = find(kind).is_some();
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(is_here || !is_ci, "{kind} is not installed, and CI=true");
    if !is_here {
        // Past the test runner, which shows the output of failed tests only.
        let message = format!("SKIPPED: {kind} is not installed\n");
        std::io::stderr().write_all(message.as_bytes()).unwrap();
    }
    is_here
}

fn folder(kind: Kind) -> TemporaryFolder {
    TemporaryFolder::new(&format!("test-{kind}"), false).unwrap()
}

fn keeps_its_data_through_a_crash(kind: Kind) {
    let folder = folder(kind);
    let mut server = Server::start(kind, folder.path()).unwrap();
    let url = server.url();
    server.query("create table kept (n int primary key)").unwrap();
    server.query("insert into kept values (42)").unwrap();

    server.kill().unwrap();
    assert!(!server.is_running());
    server.start_again().unwrap();

    assert_eq!(server.url(), url);
    assert_eq!(server.query("select n from kept").unwrap(), "42");
    server.stop().unwrap();
    assert!(!server.is_running());
    assert!(server.query("select n from kept").is_err());
}

fn is_gone(pid: &str) -> bool {
    // What is dead but not waited for has an entry still: `PID (NAME) Z ..`
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::yield_now();
    }
}

#[test]
fn postgres_keeps_its_data_through_a_crash() {
    if is_here(Kind::Postgres) {
        keeps_its_data_through_a_crash(Kind::Postgres);
    }
}

#[test]
fn mariadb_keeps_its_data_through_a_crash() {
    if is_here(Kind::MariaDb) {
        keeps_its_data_through_a_crash(Kind::MariaDb);
    }
}

#[test]
fn another_process_finds_the_server_and_kills_every_backend() {
    if !is_here(Kind::Postgres) {
        return;
    }
    let folder = folder(Kind::Postgres);
    let state_file = folder.path().join("state");
    let mut server = Server::start(Kind::Postgres, folder.path()).unwrap();
    server.leave_running(&state_file).unwrap();
    drop(server);
    let mut found = Server::attach(&state_file).unwrap();
    let busy = Server::attach(&state_file).unwrap();
    let client = thread::spawn(move || busy.query("select pg_sleep(600)"));
    eventually("a busy backend", || {
        let sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
        found.query(sleeping).unwrap() == "1"
    });
    let backends = found.query("select pid from pg_stat_activity").unwrap();

    found.kill().unwrap();

    assert!(backends.lines().count() > 3);
    assert!(backends.lines().all(is_gone), "{backends}");
    assert!(client.join().unwrap().is_err());
    found.start_again().unwrap();
    let mut found = Server::attach(&state_file).unwrap();
    assert!(found.is_running());
    found.stop().unwrap();
}

#[test]
fn pgbouncer_passes_queries_on() {
    if !is_here(Kind::PgBouncer) || !is_here(Kind::Postgres) {
        return;
    }
    let (behind, before) = (folder(Kind::Postgres), folder(Kind::PgBouncer));
    let server = Server::start(Kind::Postgres, behind.path()).unwrap();
    let mut pooler = Server::start_pooler(server.port(), before.path()).unwrap();
    let port = server.port().to_string();
    assert_eq!(pooler.query("select inet_server_port()").unwrap(), port);

    pooler.kill().unwrap();
    pooler.start_again().unwrap();

    assert_eq!(pooler.query("select inet_server_port()").unwrap(), port);
    pooler.stop().unwrap();
}

#[test]
fn pgbouncer_does_not_start_alone() {
    let folder = folder(Kind::PgBouncer);

    let started = Server::start(Kind::PgBouncer, folder.path());

    assert!(matches!(started, Err(Error::NeedsServer)));
}
