//! PostgreSQL: a cluster whose superuser is `windlass`.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::find;
use crate::kind::Kind;
use crate::place::{Place, run};
use crate::server::{DATABASE, HOST, PASSWORD, USER};

/// As durable as in production, because tests kill the server; sized for 2 cores. The rest is
/// PostgreSQL's default.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 300
shared_buffers = '256MB'
max_wal_size = '4GB'
fsync = on
synchronous_commit = on
full_page_writes = on
autovacuum = on
timezone = 'UTC'
log_timezone = 'UTC'
";

pub(crate) fn initialise(place: &Place) -> Result<(), Error> {
    let program = find::required(Kind::Postgres)?;
    place.initialise(|data| {
        let password = place.write("password", PASSWORD)?;
        let mut initdb = place.command(&program.with_file_name("initdb"));
        initdb.args(["--username", USER, "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        initdb.args(["--auth-local", "trust", "--auth-host", "scram-sha-256"]);
        initdb.arg("--pwfile").arg(&password).arg("--pgdata").arg(data);
        run(initdb)?;
        // Read after postgresql.conf, and already owned by the account.
        let settings = data.join("postgresql.auto.conf");
        fs::write(&settings, SETTINGS).map_err(Error::file("write", &settings))?;
        create_database(&program, place, data)
    })
}

pub(crate) fn server(program: &Path, place: &Place, port: u16) -> Command {
    let mut server = place.command(program);
    server.arg("-D").arg(place.data()).arg("-k").arg(&place.folder);
    server.arg("-p").arg(port.to_string());
    server
}

/// `psql`, which also speaks to PgBouncer.
pub(crate) fn client(port: u16, sql: &str) -> Result<Command, Error> {
    let program = find::client(Kind::Postgres).ok_or_else(|| Error::missing(Kind::Postgres))?;
    let mut psql = Command::new(program);
    psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"]);
    psql.args(["--host", HOST, "--port", &port.to_string()]);
    psql.args(["--username", USER, "--dbname", DATABASE, "--command", sql]);
    psql.env("PGPASSWORD", PASSWORD).env("PGCONNECT_TIMEOUT", "5");
    Ok(psql)
}

/// In single-user mode: a server that listens would need a port before the data is complete.
fn create_database(program: &Path, place: &Place, data: &Path) -> Result<(), Error> {
    let path = place.write("create.sql", &format!("create database {DATABASE}\n"))?;
    let script = File::open(&path).map_err(Error::file("open", &path))?;
    let mut single = place.command(program);
    single.args(["--single", "-F", "-D"]).arg(data).arg("postgres").stdin(script);
    run(single).map(drop)
}
