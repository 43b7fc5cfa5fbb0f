//! Runs the binary: once to its end, or as a server until it is stopped. Every wait has a deadline.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Far beyond what anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A folder of its own to run the binary in.
pub(crate) struct Folder(TempDir);

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The binary in this folder, without what the caller's environment says about Windlass.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("WINDLASS_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        finish(self.command(args).spawn().unwrap())
    }

    /// Runs with this on stdin.
    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Done {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        finish(child)
    }

    /// Runs what has to succeed, and returns its stdout without the last line break.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        done.stdout.trim_end().to_owned()
    }

    /// Runs what has to succeed with `-o json`.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.ok(&args)).unwrap()
    }
}

/// Asks again until there is an answer; each question runs the binary, so this does not spin.
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        if let Some(answer) = ask() {
            return answer;
        }
    }
    panic!("it did not come about in time");
}

fn finish(child: Child) -> Done {
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(DEADLINE) else {
        signal(id, "KILL");
        panic!("the process did not end in time");
    };
    let output = output.unwrap();
    Done {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status();
    assert!(sent.unwrap().success());
}

/// A server at work.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    /// Where it listens.
    pub(crate) url: String,
}

impl Server {
    /// Starts `serve` on a free port and waits until it says where it listens.
    pub(crate) fn start(folder: &Folder, args: &[&str]) -> Self {
        Self::start_on(folder, "127.0.0.1:0", args)
    }

    /// As `start`, on an address.
    pub(crate) fn start_on(folder: &Folder, http: &str, args: &[&str]) -> Self {
        Self::launch(folder, http, args, &[])
    }

    /// As `start`, with these variables.
    pub(crate) fn start_in(folder: &Folder, args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::launch(folder, "127.0.0.1:0", args, environment)
    }

    fn launch(folder: &Folder, http: &str, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let args: Vec<&str> =
            ["serve", "--http", http].into_iter().chain(args.iter().copied()).collect();
        let mut command = folder.command(&args);
        command.envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let lines = read_lines(child.stderr.take().unwrap());
        let mut server = Self { child, lines, url: String::new() };
        let line = server.until("listening on");
        server.url = line.split_whitespace().last().unwrap().to_owned();
        server
    }

    /// Starts `worker run` and waits until it says what it runs.
    pub(crate) fn start_worker(folder: &Folder, args: &[&str]) -> Self {
        let args: Vec<&str> = ["worker", "run"].into_iter().chain(args.iter().copied()).collect();
        let mut child =
            folder.command(&args).env("SECRET", "s").stdout(Stdio::null()).spawn().unwrap();
        let lines = read_lines(child.stderr.take().unwrap());
        let mut worker = Self { child, lines, url: String::new() };
        worker.until(" runs `");
        worker
    }

    /// Waits for a line on stderr that contains `text`.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line with `{text}`: {error}"),
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for the end: its code, and what was written to stderr since the last look.
    pub(crate) fn end(mut self) -> (i32, String) {
        let end = Instant::now() + DEADLINE;
        let mut text = String::new();
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => text.push_str(&format!("{line}\n")),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the server did not end: {text}"),
            }
        }
        (self.child.wait().unwrap().code().unwrap_or(-1), text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The lines as they come; the channel closes with the process.
fn read_lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
