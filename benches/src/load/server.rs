//! The server under load: a process of its own, on a free port of this machine.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::client::Connection;
use crate::{Bench, process};

/// A server that ends with this.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts `program serve` in `folder` with the database at `url`, and waits until it listens.
    pub(super) fn start(program: &Path, folder: &Path, url: &str, args: &[&str]) -> Bench<Self> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WINDLASS_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--http", "127.0.0.1:0", "--database", url]).args(args);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let log = BufReader::new(child.stderr.take().ok_or("no stderr")?);
        let mut server = Self { child, address: ([127, 0, 0, 1], 0).into() };
        let mut lines = log.lines().map_while(Result::ok);
        let listening = lines.find(|line| line.contains("listening on"));
        let listening = listening.ok_or("the server does not start")?;
        let address = listening.rsplit("//").next().unwrap_or_default();
        server.address = address.trim_end_matches('/').parse()?;
        // A pipe that nobody reads would hold up whoever logs.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    pub(super) async fn connection(&self) -> Bench<Connection> {
        Ok(Connection::open(self.address).await?)
    }

    /// As many connections, all open.
    pub(super) async fn connections(&self, number: usize) -> Bench<Vec<Connection>> {
        let mut all = Vec::with_capacity(number);
        for _ in 0..number {
            all.push(self.connection().await?);
        }
        Ok(all)
    }

    /// Resident memory in MiB.
    pub(super) fn rss_mib(&self) -> Bench<f64> {
        Ok(process::rss_mib_of(&self.child.id().to_string()).ok_or("the server is gone")?)
    }

    /// The share of a core, in percent, that it used since `meter`.
    pub(super) fn cpu_percent(&self, meter: &Meter) -> Bench<f64> {
        let used = self.cpu_seconds()? - meter.cpu_seconds;
        Ok(used / meter.started.elapsed().as_secs_f64() * 100.0)
    }

    pub(super) fn meter(&self) -> Bench<Meter> {
        Ok(Meter { cpu_seconds: self.cpu_seconds()?, started: Instant::now() })
    }

    fn cpu_seconds(&self) -> Bench<f64> {
        let seconds = process::cpu_seconds_of(&self.child.id().to_string());
        Ok(seconds.ok_or("the server is gone")?)
    }
}

/// Processor time used up to an instant.
pub(super) struct Meter {
    cpu_seconds: f64,
    started: Instant,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program to start, which has to be there.
pub(super) fn program(path: &Path) -> Bench<PathBuf> {
    let found = path.canonicalize();
    Ok(found.map_err(|error| format!("no server at {}: {error}", path.display()))?)
}
