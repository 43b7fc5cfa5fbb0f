//! The databases' own clients, as an application or a person would use them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Runs statements with a database's own client and returns what it printed.
fn client(program: &str, args: &[&str], statements: &str) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .env("PGOPTIONS", "-c client_min_messages=warning")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error} (cargo xtask db up installs it)"));
    let mut input = child.stdin.take().expect("an input");
    input.write_all(statements.as_bytes()).expect("statements");
    drop(input);
    child.wait_with_output().expect("an end")
}

/// What a client printed, provided that it succeeded.
pub(crate) fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs statements with `psql`; `windlass.` in them stands for the schema that `url` names.
pub(crate) fn psql(url: &str, statements: &str) -> Output {
    let (url, schema) = url.split_once("?schema=").expect("a schema");
    let statements = statements.replace("windlass.", &format!("{schema}."));
    client("psql", &["-qAt", "-v", "ON_ERROR_STOP=1", url], &statements)
}

/// Runs statements with `mariadb`; `windlass_` in them stands for the prefix that `url` names.
pub(crate) fn mariadb(url: &str, statements: &str) -> Output {
    let (url, prefix) = url.split_once("?prefix=").expect("a prefix");
    let url = url.trim_start_matches("mysql://");
    let (login, place) = url.split_once('@').expect("a login");
    let (user, password) = login.split_once(':').expect("a password");
    let (server, database) = place.split_once('/').expect("a database");
    let (host, port) = server.split_once(':').expect("a port");
    let (user, password) = (format!("-u{user}"), format!("-p{password}"));
    let (host, port) = (format!("-h{host}"), format!("-P{port}"));
    let statements = statements.replace("windlass_", prefix);
    client("mariadb", &["-N", "-B", &user, &password, &host, &port, database], &statements)
}
