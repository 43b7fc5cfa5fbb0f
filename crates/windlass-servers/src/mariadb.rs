//! MariaDB, or MySQL where its folder is named: InnoDB without a binary log, one user with all privileges.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::find;
use crate::kind::Kind;
use crate::place::{Place, run};
use crate::server::{DATABASE, HOST, PASSWORD, USER};

/// As durable as in production, because tests kill the server; sized for 2 cores. Without a binary
/// log a commit is one flush, of InnoDB's own log.
const SETTINGS: [&str; 8] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--max-connections=500",
    "--innodb-buffer-pool-size=256M",
    "--innodb-flush-log-at-trx-commit=1",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
];

/// What only MariaDB takes.
const OF_MARIADB: [&str; 1] = ["--innodb-log-file-size=256M"];

/// What only MySQL takes: no second protocol, and no folder of the system's.
const OF_MYSQL: [&str; 2] = ["--mysqlx=off", "--secure-file-priv="];

pub(crate) fn initialise(place: &Place) -> Result<(), Error> {
    place.initialise(|data| {
        if is_mysql() {
            let mut server = place.command(&find::required(Kind::MariaDb)?);
            server.args(["--no-defaults", "--initialize-insecure"]).args(OF_MYSQL);
            server.arg(option("--datadir=", data));
            return run(server).map(drop);
        }
        let program = find::mariadb_initialiser().ok_or_else(|| Error::missing(Kind::MariaDb))?;
        let mut initialiser = place.command(&program);
        // Without the test database there is no anonymous user either, who would hide ours.
        initialiser.args(["--no-defaults", "--skip-test-db"]).arg(option("--datadir=", data));
        run(initialiser).map(drop)
    })
}

pub(crate) fn server(program: &Path, place: &Place, port: u16) -> Result<Command, Error> {
    // Run at every start, before the first connection is accepted.
    let accounts = place.write("accounts.sql", &accounts())?;
    let mut server = place.command(program);
    server.arg("--no-defaults").args(SETTINGS).arg(format!("--port={port}"));
    if is_mysql() {
        server.args(OF_MYSQL)
    } else {
        server.args(OF_MARIADB)
    };
    server.arg(option("--datadir=", &place.data()));
    server.arg(option("--socket=", &place.folder.join("socket")));
    server.arg(option("--pid-file=", &place.folder.join("pid")));
    server.arg(option("--init-file=", &accounts));
    Ok(server)
}

pub(crate) fn client(port: u16, sql: &str) -> Result<Command, Error> {
    let program = find::client(Kind::MariaDb).ok_or_else(|| Error::missing(Kind::MariaDb))?;
    let mut client = Command::new(program);
    client.args(["--no-defaults", "--batch", "--skip-column-names", "--connect-timeout=5"]);
    client.args(["--protocol=tcp", "--default-character-set=utf8mb4"]);
    client.arg(format!("--host={HOST}")).arg(format!("--port={port}"));
    client.arg(format!("--user={USER}")).arg(format!("--password={PASSWORD}"));
    client.arg(format!("--execute={sql}")).arg(DATABASE);
    Ok(client)
}

/// One statement a line, as the server's init file wants it.
fn accounts() -> String {
    // MySQL has a better method of its own, MariaDB's client speaks both.
    let identified = if is_mysql() {
        format!("by '{PASSWORD}'")
    } else {
        format!("via mysql_native_password using password('{PASSWORD}')")
    };
    format!(
        "create database if not exists {DATABASE} character set utf8mb4;\n\
         create user if not exists {USER}@'%' identified {identified};\n\
         grant all privileges on *.* to {USER}@'%' with grant option;\n"
    )
}

fn is_mysql() -> bool {
    find::is_overridden(Kind::MariaDb)
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}
