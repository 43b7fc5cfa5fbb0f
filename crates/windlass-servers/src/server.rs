//! A running server of any kind: its life from an empty folder over crashes to a clean stop.
//!
//! A server that is returned has answered a query.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::find;
use crate::kind::Kind;
use crate::place::{Place, run};
use crate::process::{Process, wait_until};
use crate::state::State;
use crate::{mariadb, pgbouncer, port, postgres};

pub(crate) const HOST: &str = "127.0.0.1";
pub(crate) const USER: &str = "windlass";
pub(crate) const PASSWORD: &str = "windlass";
pub(crate) const DATABASE: &str = "windlass";

/// Recovery after a crash replays at most 4 GB of log (`max_wal_size`), on a slow disk.
const ANSWERS_WITHIN: Duration = Duration::from_secs(120);

/// A clean stop writes what is in memory, at most 256 MB; after that the server is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

/// The kernel may take a while to free the memory of a killed server.
const DIES_WITHIN: Duration = Duration::from_secs(30);

/// Somebody may take a free port before the server does; three times in a row is another problem.
const PORT_ATTEMPTS_MAX: u32 = 3;

/// A private database server, stopped when dropped unless it is left running on purpose.
#[derive(Debug)]
pub struct Server {
    place: Place,
    port: u16,
    process: Process,
    /// Written anew when the process changes.
    state_file: Option<PathBuf>,
    stops_on_drop: bool,
}

impl Server {
    /// Starts a server with its files in `folder`, which is created and initialised if need be.
    ///
    /// The data of a server that was stopped or killed is used as it is. A folder belongs to one
    /// server at a time.
    ///
    /// # Errors
    /// [`Error::NeedsServer`] for PgBouncer, [`Error::Missing`] when the programs are not
    /// installed, [`Error::Failed`] when one fails, [`Error::Late`] when the server does not answer
    /// within two minutes, and [`Error::Io`] when the folder cannot be used.
    pub fn start(kind: Kind, folder: &Path) -> Result<Self, Error> {
        if kind == Kind::PgBouncer {
            return Err(Error::NeedsServer);
        }
        find::required(kind)?;
        let place = Place::prepare(kind, folder)?;
        match kind {
            Kind::MariaDb => mariadb::initialise(&place)?,
            Kind::Postgres | Kind::PgBouncer => postgres::initialise(&place)?,
        }
        Self::start_on_free_port(&place, |_| Ok(()))
    }

    /// Starts PgBouncer in front of the PostgreSQL server that listens on `server_port`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_pooler(server_port: u16, folder: &Path) -> Result<Self, Error> {
        find::required(Kind::PgBouncer)?;
        let place = Place::prepare(Kind::PgBouncer, folder)?;
        Self::start_on_free_port(&place, |port| pgbouncer::configure(&place, port, server_port))
    }

    /// A server that an earlier process left running, whether it still runs or not. It is not
    /// stopped when dropped.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no such file and [`Error::State`] when it is something else.
    pub fn attach(state_file: &Path) -> Result<Self, Error> {
        let State { kind, port, id, folder } = State::read(state_file)?;
        Ok(Self {
            place: Place::at(kind, &folder)?,
            port,
            process: Process::adopt(id),
            state_file: Some(state_file.to_owned()),
            stops_on_drop: false,
        })
    }

    /// What kind of server this is.
    pub fn kind(&self) -> Kind {
        self.place.kind
    }

    /// The loopback port it listens on, the same after [`Server::start_again`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with all its files, its log among them.
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Where clients connect, as user `windlass` with all privileges to a database `windlass`.
    pub fn url(&self) -> String {
        let scheme = match self.kind() {
            Kind::Postgres | Kind::PgBouncer => "postgres",
            Kind::MariaDb => "mysql",
        };
        format!("{scheme}://{USER}:{PASSWORD}@{HOST}:{}/{DATABASE}", self.port)
    }

    /// Whether the server's process is there.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Runs SQL through the command line client and returns the rows it prints, a line each.
    ///
    /// # Errors
    /// [`Error::Failed`] when the server cannot be reached or refuses.
    pub fn query(&self, sql: &str) -> Result<String, Error> {
        Ok(run(self.client(sql)?)?.trim_end().to_owned())
    }

    /// Kills the server and all its processes at once: a crash. What they wrote to files stays
    /// written, so this shows nothing about disks that lose power.
    ///
    /// # Errors
    /// [`Error::Late`] when a process is still there after 30 s.
    pub fn kill(&mut self) -> Result<(), Error> {
        if self.process.kill_all(DIES_WITHIN) { Ok(()) } else { Err(self.late("did not die")) }
    }

    /// Stops the server cleanly without waiting for its clients, and kills it when that takes more
    /// than 30 s. A server that has ended already is fine.
    ///
    /// # Errors
    /// As [`Server::kill`].
    pub fn stop(&mut self) -> Result<(), Error> {
        self.process.signal(self.kind().stop_signal());
        if self.process.ended(STOPS_WITHIN) { Ok(()) } else { self.kill() }
    }

    /// Starts the server again on the same folder and port, and waits until it has recovered and
    /// answers. One that still runs goes on.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        if self.process.is_running() {
            return Ok(());
        }
        self.process.let_go();
        self.process = launch(&self.place, self.port)?;
        if !self.stops_on_drop {
            self.process.release();
        }
        // Before the wait, which may fail and leave a process that somebody has to find.
        if let Some(path) = &self.state_file {
            self.state().write(path)?;
        }
        self.wait_for_answer()
    }

    /// Leaves the server running when this is dropped, and writes to `state_file` what
    /// [`Server::attach`] needs.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written; the server is then still stopped on drop.
    pub fn leave_running(&mut self, state_file: &Path) -> Result<(), Error> {
        self.state().write(state_file)?;
        self.state_file = Some(state_file.to_owned());
        self.stops_on_drop = false;
        self.process.release();
        Ok(())
    }

    fn start_on_free_port(
        place: &Place,
        configure: impl Fn(u16) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let port = port::free()?;
            configure(port)?;
            let process = launch(place, port)?;
            let place = place.clone();
            let mut server = Self { place, port, process, state_file: None, stops_on_drop: true };
            match server.wait_for_answer() {
                Ok(()) => return Ok(server),
                Err(Error::Failed { .. })
                    if attempt < PORT_ATTEMPTS_MAX && !port::is_free(port) =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn wait_for_answer(&mut self) -> Result<(), Error> {
        let mut has_ended = false;
        let is_over = wait_until(ANSWERS_WITHIN, || {
            has_ended = !self.process.is_running();
            has_ended || self.answers()
        });
        match (is_over, has_ended) {
            (true, false) => Ok(()),
            (true, true) => {
                let output = format!("ended at its start: {}", self.place.end_of_log());
                Err(Error::Failed { program: self.kind().name().to_owned(), output })
            }
            (false, _) => Err(self.late("did not answer")),
        }
    }

    /// Tries a connection first, which is cheaper than to start a client.
    fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
            && self.query("select 1").is_ok()
    }

    fn client(&self, sql: &str) -> Result<Command, Error> {
        match self.kind() {
            Kind::Postgres | Kind::PgBouncer => postgres::client(self.port, sql),
            Kind::MariaDb => mariadb::client(self.port, sql),
        }
    }

    fn state(&self) -> State {
        let folder = self.place.folder.clone();
        State { kind: self.kind(), port: self.port, id: self.process.id, folder }
    }

    fn late(&self, what: &str) -> Error {
        Error::Late { what: format!("{} {what}", self.kind()), log: self.place.end_of_log() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.stops_on_drop {
            // Nobody is left to tell, and what survives SIGKILL only the kernel can end.
            drop(self.stop());
        }
    }
}

fn launch(place: &Place, port: u16) -> Result<Process, Error> {
    let program = find::required(place.kind)?;
    let mut command = match place.kind {
        Kind::Postgres => postgres::server(&program, place, port),
        Kind::MariaDb => mariadb::server(&program, place, port)?,
        Kind::PgBouncer => pgbouncer::server(&program, place),
    };
    place.log_output(&mut command)?;
    Process::spawn(command)
}
