//! `[handlers.TYPE]` of `serve`: commands, and calls of a listener of this test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::program::{Folder, Server, eventually};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request as it came.
#[derive(Debug)]
struct Call {
    head: Vec<String>,
    body: String,
}

impl Call {
    fn header(&self, name: &str) -> &str {
        let line = self.head.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }
}

/// Answers each connection with the next of `answers`, and passes on what was asked.
fn listen(answers: Vec<Vec<u8>>) -> (u16, Receiver<Call>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, calls) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            sender.send(read(&stream)).unwrap();
            // Whoever has read enough of an answer hangs up.
            drop((&stream).write_all(&answer));
        }
    });
    (port, calls)
}

fn read(stream: &TcpStream) -> Call {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let mut call = Call { head, body: String::new() };
    let mut body = vec![0; call.header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    call.body = String::from_utf8(body).unwrap();
    call
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

fn serve(folder: &Folder, config: &str) -> Server {
    std::fs::write(folder.path().join("handlers.toml"), config).unwrap();
    std::fs::write(folder.path().join("notify.key"), SECRET).unwrap();
    Server::start(folder, &["--config", "handlers.toml"])
}

/// A handler that calls `port` of this machine.
fn notify(port: u16, rest: &str) -> String {
    format!(
        "[handlers.notify]\nhttp = 'http://127.0.0.1:{port}/hooks?x=1'\nsecret_file = 'notify.key'\n\
         allow = ['127.0.0.1']\nports = [{port}]\n{rest}\n"
    )
}

fn submit(folder: &Folder, server: &Server, args: &[&str]) -> String {
    folder.ok(&[&["submit"], args, &["-o", "id", "--server", &server.url]].concat())
}

fn reaches(folder: &Folder, server: &Server, id: &str, state: &str) -> Value {
    eventually(|| {
        let job = folder.json(&["jobs", "get", id, "--server", &server.url]);
        (job["state"] == state).then_some(job)
    })
}

#[test]
fn a_configured_command_runs_the_jobs_of_its_type_from_its_queue() {
    let folder = Folder::new();
    let server = serve(
        &folder,
        "[handlers.count]\nexec = ['wc', '-c']\nqueue = 'media'\nconcurrency = 2\ntimeout = '1m'",
    );

    let here = submit(&folder, &server, &["count", "--queue", "media", "-p", "\"four\""]);
    let elsewhere = submit(&folder, &server, &["count"]);

    assert_eq!(reaches(&folder, &server, &here, "completed")["result"], 6);
    reaches(&folder, &server, &elsewhere, "pending");
}

#[test]
fn a_call_is_signed_and_what_it_answers_is_the_result() {
    let folder = Folder::new();
    let (port, calls) = listen(vec![answer("200 OK", "", r#"{"seen":1}"#)]);
    let server = serve(&folder, &notify(port, ""));

    let id = submit(&folder, &server, &["notify", "-p", r#"{"n": 1}"#]);

    let job = reaches(&folder, &server, &id, "completed");
    let call = calls.recv().unwrap();
    assert_eq!(job["result"]["seen"], 1);
    assert_eq!((&*call.head[0], &*call.body), ("POST /hooks?x=1 HTTP/1.1", r#"{"n": 1}"#));
    assert_eq!(call.header("webhook-id"), format!("job_{id}"));
    assert_eq!(call.header("host"), format!("127.0.0.1:{port}"));
    assert_eq!(call.header("content-type"), "application/json");
    // 32 bytes in base64; that they are the right ones is tested where they are made.
    let signature = call.header("webhook-signature").strip_prefix("v1,").unwrap();
    assert_eq!((signature.len(), signature.ends_with('=')), (44, true), "{signature}");
    assert!(call.header("webhook-timestamp").parse::<u64>().is_ok());
}

#[test]
fn a_status_decides_what_becomes_of_the_job() {
    let folder = Folder::new();
    let (port, calls) = listen(vec![
        answer("410 Gone", "", ""),
        answer("302 Found", "location: http://127.0.0.1/secret\r\n", ""),
        answer("429 Too Many Requests", "retry-after: 3600\r\n", ""),
        answer("200 OK", "", &"x".repeat(70_000)),
        b"SSH-2.0-OpenSSH\r\n".to_vec(),
    ]);
    let server = serve(&folder, &notify(port, ""));
    let call = |state: &str| {
        let id = submit(&folder, &server, &["notify"]);
        let job = reaches(&folder, &server, &id, state);
        drop(calls.recv().unwrap());
        let cancel = ["jobs", "cancel", &id, "--server", &server.url];
        drop((state == "retrying").then(|| folder.ok(&cancel)));
        job["last_error"].as_str().unwrap().to_owned()
    };

    assert_eq!(call("failed"), "answered 410");
    assert_eq!(call("retrying"), "answered 302: redirects are not followed");
    assert_eq!(call("retrying"), "answered 429");
    assert_eq!(call("failed"), "answered 200 with more than 65536 bytes");
    assert!(call("retrying").starts_with("the call failed: "));
}

#[test]
fn a_target_that_never_answers_times_out() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = serve(&folder, &notify(port, "timeout = '100ms'"));

    let id = submit(&folder, &server, &["notify", "--max-attempts", "1"]);

    let job = reaches(&folder, &server, &id, "dead_letter");
    assert!(job["last_error"].as_str().unwrap().starts_with("timed out after "), "{job}");
}

#[test]
fn an_address_inside_is_not_called() {
    let folder = Folder::new();
    let server = serve(
        &folder,
        "[handlers.notify]\nhttp = 'https://localhost/'\nsecret_file = 'notify.key'",
    );

    let id = submit(&folder, &server, &["notify"]);

    let job = reaches(&folder, &server, &id, "failed");
    assert!(job["last_error"].as_str().unwrap().contains("must not be called"), "{job}");
}

#[test]
fn a_file_that_is_wrong_starts_nothing() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("wrong.toml"), "[handlers.a]\nspeed = 1").unwrap();

    let done = folder.run(&["serve", "--http", "127.0.0.1:0", "--config", "wrong.toml"]);

    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("wrong.toml") && done.stderr.contains("wrong.toml:2"), "{done:?}");
    assert!(!folder.path().join("data").exists());
}
