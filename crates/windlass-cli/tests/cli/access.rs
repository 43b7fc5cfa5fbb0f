//! Keys from the command line, who may reach a server, and what never gets into a log.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Folder, Server};
use crate::queues::{at, everywhere};

const DATABASE: [&str; 2] = ["--database", "sqlite:data/windlass.db"];

/// Sends a request as it is, and returns the whole answer.
fn raw(server: &Server, request: &str) -> String {
    let address = server.url.split("//").nth(1).unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    let (line, rest) = request.split_once("\r\n").unwrap();
    let request = format!("{line}\r\nHost: {address}\r\nConnection: close\r\n{rest}");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn keys_are_made_listed_rotated_and_revoked() {
    everywhere(|folder, place| {
        let create =
            ["keys", "create", "--role", "producer", "--for-queue", "mail.*", "--label", "x"];
        // On a server the first one has to be of an admin, or nobody could make another.
        let admin = folder.ok(&at(&["keys", "create", "--role", "admin"], place));
        std::fs::write(folder.path().join("key"), format!("{admin}\n")).unwrap();
        let file = ["--api-key-file", "key"];
        let run = |args: &[&str]| folder.run(&at(&at(args, place), file));

        let made = run(&create);
        let key = made.stdout.trim();
        let id = &key[3..15];

        assert_eq!((made.code, key.len()), (0, 59), "{made:?}");
        assert!(made.stderr.contains("not shown again") && !made.stderr.contains(key), "{made:?}");
        let listed = run(&["keys", "list"]).stdout;
        assert!(listed.contains(id) && listed.contains("mail.*") && !listed.contains(&key[16..]));
        let rotated = run(&["keys", "rotate", id, "--overlap", "0s"]);
        assert_eq!((rotated.code, &rotated.stdout[..15]), (0, &key[..15]), "{rotated:?}");
        assert_ne!(rotated.stdout.trim(), key);
        assert_eq!(run(&["keys", "revoke", id, "--yes"]).code, 0);
        assert_eq!(run(&["keys", "revoke", "nobodyhasthis", "--yes"]).code, 3);
        assert_eq!(run(&["keys", "create", "--role", "king"]).code, 2);
        let audit = run(&["audit", "list", "--everywhere", "--target", id]).stdout;
        let actions: Vec<&str> = audit
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().find(|it| it.starts_with("key.")))
            .collect();
        assert_eq!(actions, ["key.revoke", "key.rotate", "key.create"], "{audit}");
    });
}

#[test]
fn whoever_opens_a_database_directly_is_in_its_audit() {
    let folder = Folder::new();
    let place = ["--database", "sqlite:jobs.db"];
    let id = folder.ok(&at(&["submit", "echo", "--payload", "\"canary\"", "-o", "id"], place));
    folder.ok(&at(&["queues", "pause", "default", "--reason", "away"], place));
    folder.ok(&at(&["jobs", "cancel", &id], place));

    let audit = folder.ok(&at(&["audit", "list", "-o", "jsonl"], place));

    let lines: Vec<&str> = audit.lines().collect();
    assert_eq!(lines.len(), 2, "{audit}");
    assert!(lines[0].contains("job.cancel") && lines[0].contains(&id), "{audit}");
    assert!(lines[1].contains("queue.pause") && lines[1].contains("away"), "{audit}");
    assert!(lines.iter().all(|line| line.contains(r#""actor":"local""#)), "{audit}");
    assert!(!audit.contains("canary"), "{audit}");
}

#[test]
fn other_machines_are_let_in_with_a_key_only() {
    let folder = Folder::new();
    let serve = ["serve", "--http", "0.0.0.0:0", "--api-only"];

    let refused = folder.run(&serve);
    let behind = folder.run(&["serve", "--http", ":0", "--trust-proxy", "10.0.0.0/8"]);

    for done in [&refused, &behind] {
        assert_eq!(done.code, 2, "{done:?}");
        let hint = "windlass keys create --role admin --database sqlite:./data/windlass.db";
        assert!(done.stderr.contains(hint) && done.stderr.contains("--insecure-no-auth"));
    }
    let key = folder.ok(&at(&["keys", "create", "--role", "admin"], DATABASE));
    let server = Server::start_on(&folder, "0.0.0.0:0", &["--api-only"]);
    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    let list = ["jobs", "list", "--server", &url];
    let without = folder.run(&list);
    assert_eq!(without.code, 5, "{without:?}");
    let mut command = folder.command(&list);
    let with = command.env("WINDLASS_API_KEY", key).output().unwrap();
    assert!(with.status.success(), "{with:?}");
}

#[test]
fn without_keys_other_machines_are_let_in_when_someone_says_so() {
    let folder = Folder::new();
    let mut server = Server::start_on(&folder, "0.0.0.0:0", &["--api-only", "--insecure-no-auth"]);
    let url = server.url.replace("0.0.0.0", "127.0.0.1");

    assert!(server.until("WARNING").contains("read and change every job"));
    folder.ok(&["jobs", "list", "--server", &url]);
}

#[test]
fn the_first_key_comes_from_a_file_or_goes_into_one() {
    let folder = Folder::new();
    let args = ["--api-only", "--bootstrap-key-file", "first.key"];
    let list = |server: &Server| {
        let url = server.url.replace("0.0.0.0", "127.0.0.1");
        folder.run(&["jobs", "list", "--server", &url, "--api-key-file", "first.key"]).code
    };

    let server = Server::start_on(&folder, "0.0.0.0:0", &args);
    assert_eq!(list(&server), 0);
    let mode = std::fs::metadata(folder.path().join("first.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(server);
    // It counts as long as it is not revoked, and is read, not made, on another database.
    let again: Vec<&str> = args.into_iter().chain(["--database", "sqlite:other.db"]).collect();
    assert_eq!(list(&Server::start_on(&folder, "0.0.0.0:0", &again)), 0);
    std::fs::write(folder.path().join("first.key"), "no key at all").unwrap();
    let third = ["--database", "sqlite:third.db"];
    let refused = folder.run(&at(&at(&["serve"], third), ["--bootstrap-key-file", "first.key"]));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(!refused.stderr.contains("no key at all"), "{refused:?}");
}

#[test]
fn secrets_never_get_into_logs_errors_or_metrics() {
    let folder = Folder::new();
    let admin = folder.ok(&at(&["keys", "create", "--role", "admin"], DATABASE));
    let server = Server::start(&folder, &["--log-level", "debug", "--log-format", "json"]);
    let key = format!("X-API-Key: {admin}\r\n");
    let post = |path: &str, head: &str, body: &str| {
        let length = body.len();
        let head = format!("{head}X-Secret: canary-header\r\nContent-Length: {length}\r\n");
        raw(&server, &format!("POST {path} HTTP/1.1\r\n{head}\r\n{body}"))
    };
    let get = |path: &str, head: &str| raw(&server, &format!("GET {path} HTTP/1.1\r\n{head}\r\n"));

    let stored = post("/api/v1/jobs", &key, r#"{"type":"sleep","payload":{"s":"canary-payload"}}"#);
    assert!(stored.contains(" 201 "), "{stored}");
    let echo = r#"{"type":"echo","payload":"canary-payload"}"#;
    let id = post("/api/v1/jobs", &key, echo);
    let id = id.split(r#""id":""#).nth(1).unwrap().split('"').next().unwrap();
    let waited = get(&format!("/api/v1/jobs/{id}/wait"), &key);
    assert!(waited.contains("completed"), "{waited}");
    let answers = [
        post(
            "/api/v1/jobs",
            &key,
            r#"{"type":"t","payload":{"s":"canary-payload"},"priority":99}"#,
        ),
        post("/api/v1/jobs", &key, r#"{"type":"t","payload":"canary-payload"#),
        post("/api/v1/jobs", "X-API-Key: canary-key\r\n", "{}"),
        post("/api/v1/jobs", "Authorization: Bearer canary-key\r\n", "{}"),
        get("/api/v1/jobs?api_key=canary-key", &key),
        get("/metrics", &key),
        get("/health", &key),
        get("/api/v1/keys", &key),
        get("/api/v1/audit?everywhere=true", &key),
    ];
    let mut unreachable = folder.command(&["jobs", "list", "--server", &server.url]);
    let refused = unreachable.env("WINDLASS_API_KEY", "canary-key").output().unwrap();
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");

    server.signal("TERM");
    let (code, log) = server.end();

    assert_eq!(code, 0, "{log}");
    assert!(log.contains("a request with a wrong key was refused"), "{log}");
    let refused = String::from_utf8(refused.stderr).unwrap();
    for text in answers.iter().chain([&log, &refused]) {
        assert!(!text.contains("canary-") && !text.contains(&admin[16..]), "{text}");
    }
}

#[test]
fn the_password_of_a_database_is_not_shown() {
    let folder = Folder::new();
    let url = "postgres://ada:canary-password@127.0.0.1:1/jobs";
    let mut server = Server::start(&folder, &["--database", url, "--log-level", "debug"]);

    server.until("the database is away");
    server.signal("TERM");
    let (code, log) = server.end();
    let direct = folder.run(&["jobs", "list", "--database", url]);

    assert_eq!((code, direct.code), (0, 6), "{log} {direct:?}");
    assert!(!log.contains("canary-") && !direct.stderr.contains("canary-"), "{log} {direct:?}");
}
