//! A running server of any kind: its life from an empty folder over crashes to a clean stop.
//!
//! A data folder is either complete or not there, so a start can be repeated after any failure.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::install::install;
use crate::kind::Kind;
use crate::place::{Place, run};
use crate::process::{Process, wait_until};
use crate::state::State;
use crate::{mariadb, pgbouncer, postgres};

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
const PORT_ATTEMPTS: u32 = 3;

/// Below the ports that Linux gives to outgoing connections (from 32768): a client that tries again
/// and again while a server is down would sooner or later be given the server's own port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A private database server, stopped when dropped unless it is left running on purpose.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    port: u16,
    place: Place,
    program: PathBuf,
    process: Process,
    /// Written anew when the process changes.
    state_file: Option<PathBuf>,
    stops_on_drop: bool,
}

impl Server {
    /// Starts a server with its files in `folder`, which is created and initialised if need be, and
    /// waits until it answers.
    ///
    /// Installs the programs if they are missing, see [`install`].
    ///
    /// # Errors
    /// [`Error::NeedsServer`] for PgBouncer; [`Error::Missing`] or [`Error::Failed`] when the
    /// programs cannot be had or fail, [`Error::Late`] when the server does not answer, and
    /// [`Error::Io`] when the folder cannot be used.
    pub fn start(kind: Kind, folder: &Path) -> Result<Self, Error> {
        let program = install(kind)?;
        let place = Place::prepare(kind, folder)?;
        match kind {
            Kind::PgBouncer => return Err(Error::NeedsServer),
            _ if place.data().exists() => {}
            Kind::Postgres => postgres::initialise(&program, &place)?,
            Kind::MariaDb => mariadb::initialise(&place)?,
        }
        Self::start_on_free_port(kind, &place, &program, |_| Ok(()))
    }

    /// Starts PgBouncer in front of the PostgreSQL server on `server_port`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_pooler(server_port: u16, folder: &Path) -> Result<Self, Error> {
        let program = install(Kind::PgBouncer)?;
        let place = Place::prepare(Kind::PgBouncer, folder)?;
        let configure = |port| pgbouncer::configure(&place, port, server_port);
        Self::start_on_free_port(Kind::PgBouncer, &place, &program, configure)
    }

    /// A server that an earlier process left running, or that has ended since. It is not stopped
    /// when dropped.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no such file, [`Error::State`] when it is something else, and
    /// [`Error::Missing`] when the server's programs have gone.
    pub fn attach(state_file: &Path) -> Result<Self, Error> {
        let State { kind, port, id, folder } = State::read(state_file)?;
        let program = crate::find::find(kind).ok_or_else(|| Error::missing(kind))?;
        Ok(Self {
            kind,
            port,
            place: Place::at(kind, &folder)?,
            program,
            process: Process::adopt(id),
            state_file: Some(state_file.to_owned()),
            stops_on_drop: false,
        })
    }

    /// What kind of server this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The loopback port it listens on, the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with all its files, its log among them.
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Where clients connect, as user `windlass` with all privileges to a database `windlass`.
    pub fn url(&self) -> String {
        let scheme = self.kind.url_scheme();
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

    /// Kills the server with all its processes at once, as a crash of the machine would, except
    /// that what was written to files stays written.
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
        self.process.signal(self.kind.stop_signal());
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
        self.process = launch(self.kind, &self.place, &self.program, self.port)?;
        self.wait_for_answer()?;
        self.state_file.clone().map_or(Ok(()), |path| self.state().write(&path))
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
        Ok(())
    }

    fn start_on_free_port(
        kind: Kind,
        place: &Place,
        program: &Path,
        configure: impl Fn(u16) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            configure(port)?;
            let process = launch(kind, place, program, port)?;
            let (place, program) = (place.clone(), program.to_owned());
            let mut server =
                Self { kind, port, place, program, process, state_file: None, stops_on_drop: true };
            match server.wait_for_answer() {
                Ok(()) => return Ok(server),
                Err(error) if attempt == PORT_ATTEMPTS || is_free(port) => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    fn wait_for_answer(&mut self) -> Result<(), Error> {
        let mut has_ended = false;
        let answers = wait_until(ANSWERS_WITHIN, || {
            has_ended = !self.process.is_running();
            // A connection is cheaper to try than a client is to start.
            has_ended || (is_listening(self.port) && self.query("select 1").is_ok())
        });
        if has_ended {
            let output = format!("ended at its start: {}", self.place.end_of_log());
            return Err(Error::Failed { program: self.kind.name().to_owned(), output });
        }
        if answers { Ok(()) } else { Err(self.late("did not answer")) }
    }

    fn client(&self, sql: &str) -> Result<Command, Error> {
        match self.kind {
            Kind::Postgres | Kind::PgBouncer => postgres::client(self.port, sql),
            Kind::MariaDb => mariadb::client(self.port, sql),
        }
    }

    fn state(&self) -> State {
        let folder = self.place.folder.clone();
        State { kind: self.kind, port: self.port, id: self.process.id, folder }
    }

    fn late(&self, what: &str) -> Error {
        Error::Late { what: format!("{} {what}", self.kind), log: self.place.end_of_log() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.stops_on_drop {
            // Nobody is left to tell; a server that survives SIGKILL is the kernel's.
            drop(self.stop());
        }
    }
}

fn launch(kind: Kind, place: &Place, program: &Path, port: u16) -> Result<Process, Error> {
    let mut command = match kind {
        Kind::Postgres => postgres::server(program, place, port),
        Kind::MariaDb => mariadb::server(program, place, port)?,
        Kind::PgBouncer => pgbouncer::server(program, place),
    };
    place.log_output(&mut command)?;
    Process::spawn(command)
}

/// A port of [`PORTS`] that nobody listens on, from a random place on.
fn free_port() -> Result<u16, Error> {
    let count = u64::from(PORTS.end - PORTS.start);
    let random = RandomState::new().hash_one(0) % count;
    let offset = u16::try_from(random).expect("a remainder is less than the divisor");
    let mut candidates = (PORTS.start + offset..PORTS.end).chain(PORTS);
    candidates.find(|port| is_free(*port)).ok_or_else(|| Error::Failed {
        program: "free port".to_owned(),
        output: format!("every port from {} to {} is taken", PORTS.start, PORTS.end - 1),
    })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn is_listening(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
