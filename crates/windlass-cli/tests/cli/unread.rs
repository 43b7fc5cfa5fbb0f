//! A server whose stderr nobody reads, or nobody can read any more: it runs its jobs, and ends when it is asked to.

use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _, pipe};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::program::{Folder, eventually, signal};

/// A server that logs all it can, and both ends of its stderr, read up to where it says where it listens.
struct Server {
    child: Child,
    url: String,
    reader: BufReader<PipeReader>,
    writer: PipeWriter,
}

impl Server {
    fn start(folder: &Folder) -> Self {
        let (reader, writer) = pipe().unwrap();
        let args = ["serve", "--http", "127.0.0.1:0", "--log-level", "trace"];
        let stderr = writer.try_clone().unwrap();
        let child = folder.command(&args).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let mut reader = BufReader::with_capacity(64, reader);
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "it ended");
        }
        let url = line.split_whitespace().last().unwrap().to_owned();
        Self { child, url, reader, writer }
    }

    fn run_jobs(&self, folder: &Folder) {
        for _ in 0..3 {
            let at = ["--server", &self.url, "--wait"];
            folder.ok(&["submit", "echo", at[0], at[1], at[2]]);
        }
    }

    fn end(mut self) {
        signal(self.child.id(), "TERM");
        let code = eventually(|| {
            thread::yield_now();
            self.child.try_wait().unwrap()
        });
        assert_eq!(code.code(), Some(0));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Fills the pipe, and whatever room there comes to be in it, until nobody can read it any more.
fn fill(mut writer: PipeWriter) {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..1 << 20 {
            if writer.write_all(&[b'\n'; 1024]).is_err() {
                return;
            }
            sender.send(()).ok();
        }
    });
    // A pipe holds 64 KiB: the last of it is filled while the jobs begin.
    (0..60).for_each(|_| receiver.recv().unwrap());
}

#[test]
fn a_server_works_on_while_nobody_reads_its_stderr() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    fill(server.writer.try_clone().unwrap());

    server.run_jobs(&folder);

    server.end();
}

#[test]
fn a_server_works_on_when_nobody_can_read_its_stderr() {
    let folder = Folder::new();
    let mut server = Server::start(&folder);
    let (reader, writer) = pipe().unwrap();
    (server.reader, server.writer) = (BufReader::new(reader), writer);

    server.run_jobs(&folder);

    server.end();
}
