//! Exit codes, which scripts rely on, and answers from servers that are none of ours.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::program::{Folder, Server};

#[test]
fn every_exit_code_means_what_it_says() {
    let folder = Folder::new();
    let place = ["--database", "sqlite:jobs.db"];
    let at = |args: &[&str]| folder.run(&[args, &place].concat());
    let id = |args: &[&str]| at(&[args, &["-o", "id"]].concat()).stdout.trim().to_owned();
    let waiting = id(&["submit", "echo", "--delay", "1h"]);
    let ready = id(&["submit", "echo"]);
    let cancelled = id(&["submit", "echo"]);

    for (args, code) in [
        (&["jobs", "cancel", &cancelled][..], 0),
        (&["jobs", "get", &waiting, "--namespace", "no such name"], 2),
        (&["jobs", "get", "1"], 3),
        (&["jobs", "cancel", &cancelled], 4),
        (&["jobs", "retry", &ready], 4),
        (&["jobs", "wait", &waiting, "--timeout", "1ms"], 7),
        (&["jobs", "cancel", &waiting, "1"], 8),
        (&["jobs", "wait", &cancelled, "--timeout", "1m"], 9),
    ] {
        let done = at(args);
        assert_eq!(done.code, code, "{args:?}: {done:?}");
        assert!(code == 0 || done.stderr.contains("error: "), "{args:?}: {done:?}");
    }
    assert_eq!(folder.run(&["jobs", "list", "--server", "http://127.0.0.1:1"]).code, 6);
    let server = Server::start(&folder, &["--api-only", "--database", "sqlite:locked.db"]);
    folder.ok(&["keys", "create", "--role", "admin", "--server", &server.url]);
    assert_eq!(folder.run(&["jobs", "list", "--server", &server.url]).code, 5);
    let taken = server.url.trim_start_matches("http://");
    assert_eq!(folder.run(&["serve", "--http", taken, "--database", "memory:"]).code, 1);
}

#[test]
fn zone_and_language_of_the_machine_change_nothing() {
    let folder = Folder::new();
    let preview = ["schedules", "preview", "0 9 1 1 *", "--database", "sqlite:jobs.db"];
    folder.ok(&["submit", "echo", "--database", "sqlite:jobs.db"]);
    let run = |zone: &str, language: &str| {
        let mut command = folder.command(&preview);
        let done = command.env("TZ", zone).env("LC_ALL", language).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };

    let plain = run("UTC", "C");

    assert_eq!(run("Asia/Kolkata", "tr_TR.UTF-8"), plain);
    assert_eq!(run("America/St_Johns", "de_DE"), plain);
}

/// Answers one request with this.
fn stranger(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _read = connection.read(&mut request).unwrap();
        connection.write_all(answer.as_bytes()).unwrap();
    });
    url
}

#[test]
fn another_kind_of_server_is_told_apart() {
    let folder = Folder::new();
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let done = folder.run(&["jobs", "list", "--server", &stranger(answer)]);

        assert!((1..=6).contains(&done.code), "{answer}: {done:?}");
        assert!(done.stderr.starts_with("error: ") && done.stdout.is_empty(), "{answer}: {done:?}");
    }
}

#[test]
fn what_is_out_of_range_is_refused_with_the_range_and_leaves_nothing() {
    let folder = Folder::new();
    for (line, why) in [
        ("submit echo --max-attempts 4294967296", "is not in 1..=2147483647"),
        ("gq submit --type echo --max-attempts 0", "is not in 1..=2147483647"),
        ("serve --http 127.0.0.1:0 --queues bad$", "may only contain letters"),
        ("worker run --queue bad$ -- true", "may only contain letters"),
    ] {
        let refused = folder.run(&line.split(' ').collect::<Vec<_>>());

        assert_eq!(refused.code, 2, "{line}: {refused:?}");
        assert!(refused.stderr.contains(why), "{line}: {refused:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{line}");
    }
}
