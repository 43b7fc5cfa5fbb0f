//! `serve` while its database server is away: it waits, and says so, unless waiting is of no use.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use windlass_servers::{Kind, Server as Database, TemporaryFolder, find};

use crate::program::{Folder, Server, eventually};

/// A database server of this test's own; none, visibly, where the programs are not installed.
#[expect(clippy::print_stderr, reason = "a skip that is seen")]
pub(crate) fn database(kind: Kind) -> Option<(Database, TemporaryFolder)> {
    if find(kind).is_none() {
        assert!(std::env::var_os("CI").is_none(), "{kind} is not installed (cargo xtask db up)");
        eprintln!("skipped: {kind} is not installed (cargo xtask db up)");
        return None;
    }
    let folder = TemporaryFolder::new(&format!("outage-{kind}"), false).unwrap();
    Some((Database::start(kind, folder.path()).unwrap(), folder))
}

/// Status and body of a GET.
pub(crate) fn get(server: &Server, path: &str) -> (u16, Value) {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// Starts without the database, and works once it is there.
fn waits_for_it(database: &mut Database, args: &[&str]) {
    let folder = Folder::new();
    let url = database.url();
    database.stop().unwrap();
    let server = Server::start(&folder, &[&["--database", url.as_str()], args].concat());

    let (live, ready, health) =
        (get(&server, "/live"), get(&server, "/ready"), get(&server, "/health"));
    let submit = ["submit", "echo", "--wait", "--server", &server.url];
    let refused = folder.run(&submit);
    database.start_again().unwrap();
    eventually(|| (get(&server, "/ready").0 == 200).then_some(()));

    assert_eq!(live.0, 200);
    assert_eq!(ready, (503, serde_json::json!({"ready": false, "missing": ["store"]})));
    assert_eq!((health.0, &health.1["components"]["store"]["healthy"]), (503, &Value::Bool(false)));
    assert_eq!(refused.code, 6, "{refused:?}");
    folder.ok(&submit);
    assert_eq!(get(&server, "/health").0, 200);
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
}

/// Ends at once, with a message.
fn refuses(url: &str, message: &str) {
    let folder = Folder::new();
    let done = folder.run(&["serve", "--http", "127.0.0.1:0", "--database", url]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains(message), "{done:?}");
}

#[test]
fn a_server_waits_for_postgres() {
    let Some((mut database, _folder)) = database(Kind::Postgres) else { return };
    let url = database.url();
    Folder::new().ok(&["db", "migrate", "--database", &url]);

    waits_for_it(&mut database, &["--no-migrate"]);

    refuses(&url.replace(":windlass@", ":wrong@"), "password authentication failed");
    refuses(&format!("{url}s"), "does not exist");
    database.query("update windlass.meta set value = 99 where name = 'compatible_from'").unwrap();
    refuses(&url, "install a newer Windlass");
}

#[test]
fn a_server_waits_for_mariadb() {
    let Some((mut database, _folder)) = database(Kind::MariaDb) else { return };
    let url = database.url();

    waits_for_it(&mut database, &[]);

    refuses(&url.replace(":windlass@", ":wrong@"), "Access denied");
    refuses(&format!("{url}s"), "Unknown database");
    database.query("update windlass_meta set value = 99 where name = 'compatible_from'").unwrap();
    refuses(&url, "install a newer Windlass");
}

#[test]
fn a_server_that_waits_ends_when_asked() {
    let folder = Folder::new();
    // Nothing listens on the port of a socket that was closed.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://windlass@127.0.0.1:{port}/windlass");
    let server = Server::start(&folder, &["--database", &url]);

    server.signal("TERM");

    assert_eq!(server.end().0, 0);
    refuses("postgres://windlass@127.0.0.1:port/windlass", "database URL cannot be read");
    refuses("mysql://windlass@127.0.0.1", "names no database");
}
