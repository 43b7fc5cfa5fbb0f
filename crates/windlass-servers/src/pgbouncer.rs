//! PgBouncer in transaction mode: what an application meets behind a hosted PostgreSQL.

use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::place::Place;
use crate::server::{HOST, PASSWORD, USER};

const SETTINGS: &str = "pgbouncer.ini";

/// Every database of the server is reachable, so tests can have one each.
pub(crate) fn configure(place: &Place, port: u16, server_port: u16) -> Result<(), Error> {
    place.write("users.txt", &format!("\"{USER}\" \"{PASSWORD}\"\n"))?;
    let folder = place.folder.display();
    let settings = format!(
        "[databases]\n\
         * = host={HOST} port={server_port}\n\
         [pgbouncer]\n\
         listen_addr = {HOST}\n\
         listen_port = {port}\n\
         unix_socket_dir = {folder}\n\
         auth_type = plain\n\
         auth_file = {folder}/users.txt\n\
         pool_mode = transaction\n\
         max_client_conn = 500\n\
         default_pool_size = 20\n\
         ignore_startup_parameters = extra_float_digits\n"
    );
    place.write(SETTINGS, &settings).map(drop)
}

pub(crate) fn server(program: &Path, place: &Place) -> Command {
    let mut server = place.command(program);
    server.arg(place.folder.join(SETTINGS));
    server
}
