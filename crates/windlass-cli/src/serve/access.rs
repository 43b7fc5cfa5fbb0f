//! Who may reach the server, and how it is spoken to: keys, TLS, proxies.
//!
//! Invariant: nobody from another machine is served without a key, unless someone has said so.

use std::convert::Infallible;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::FalseyValueParser;
use tokio::signal::unix::{SignalKind, signal};
use windlass::{ApiKey, Queue};
use windlass_server::{BasePath, Network, Server, Tls};

use crate::client::refuse_missing;
use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    /// Accept every caller on an address that other machines can reach, as long as there is no API key
    #[arg(
        long,
        env = "WINDLASS_INSECURE_NO_AUTH",
        value_parser = FalseyValueParser::new(),
        help_heading = "Access"
    )]
    insecure_no_auth: bool,

    /// The first API key, of role admin: read from this file, or made and written into it
    #[arg(
        long,
        value_name = "FILE",
        env = "WINDLASS_AUTH__BOOTSTRAP_KEY_FILE",
        help_heading = "Access"
    )]
    bootstrap_key_file: Option<PathBuf>,

    /// Also answer for these host names on a loopback address, as a proxy on this machine may ask for
    #[arg(
        long,
        value_name = "NAMES",
        env = "WINDLASS_AUTH__HOSTS",
        value_delimiter = ',',
        help_heading = "Access"
    )]
    hosts: Vec<String>,

    /// Speak TLS with this chain of certificates (PEM); SIGHUP reads it again
    #[arg(
        long,
        value_name = "FILE",
        env = "WINDLASS_TLS__CERT",
        requires = "tls_key",
        help_heading = "Access"
    )]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(
        long,
        value_name = "FILE",
        env = "WINDLASS_TLS__KEY",
        requires = "tls_cert",
        help_heading = "Access"
    )]
    tls_key: Option<PathBuf>,

    /// Believe the X-Forwarded-For of proxies in these networks, such as 10.0.0.0/8
    #[arg(
        long,
        value_name = "CIDR",
        env = "WINDLASS_TRUST_PROXY",
        value_delimiter = ',',
        help_heading = "Access"
    )]
    trust_proxy: Vec<Network>,

    /// Shown below this path by a proxy, such as /jobs: the dashboard's links begin with it
    #[arg(
        long,
        value_name = "PATH",
        env = "WINDLASS_BASE_PATH",
        default_value = "/",
        help_heading = "Access"
    )]
    base_path: BasePath,
}

/// What the arguments come to.
#[derive(Debug)]
pub(crate) struct Access {
    tls: Option<Tls>,
    /// Whether a key is needed from the start.
    needs_key: bool,
    /// Whether other machines come in without one.
    pub(crate) is_open: bool,
    bootstrap: Option<PathBuf>,
}

impl AccessArgs {
    /// Reads what has to be read before anybody is let in.
    pub(crate) fn open(&self, address: Option<SocketAddr>) -> Result<Access, Failure> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Some(
                Tls::open(cert, key)
                    .map_err(|error| Failure::usage(format!("cannot speak TLS: {error}")))?,
            ),
            (None, None) => None,
            // The command line refuses this; a file may still say it.
            _ => {
                return Err(Failure::usage(
                    "a certificate and its key belong together, and one is missing",
                ));
            }
        };
        let is_loopback = address.is_some_and(|address| address.ip().is_loopback());
        let is_reached = !is_loopback || !self.trust_proxy.is_empty();
        Ok(Access {
            tls,
            needs_key: is_reached && !self.insecure_no_auth,
            is_open: is_reached && self.insecure_no_auth,
            bootstrap: self.bootstrap_key_file.clone(),
        })
    }

    pub(crate) fn apply(&self, access: &Access, server: Server) -> Server {
        let server = server.proxies(self.trust_proxy.iter().copied());
        let server = server.base_path(self.base_path.clone());
        let server = server.keys_needed(access.needs_key).hosts(self.hosts.iter());
        match &access.tls {
            Some(tls) => server.tls(tls.clone()),
            None => server,
        }
    }
}

impl Access {
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Refuses what cannot be right before anything is made: a key is needed, and a new database has none.
    pub(crate) fn check_before(&self, database: &str) -> Result<(), Failure> {
        let is_new = refuse_missing(database).is_err();
        if is_new && self.needs_key && self.bootstrap.is_none() {
            return Err(no_key(database));
        }
        Ok(())
    }

    /// Makes sure that there is a key where one is needed.
    pub(crate) async fn check(&self, queue: &Queue, database: &str) -> Result<(), Failure> {
        if let Some(file) = &self.bootstrap
            && !queue.has_keys().await?
            && queue.bring_first_key(first_key(file)?).await?
        {
            tracing::info!(file = %file.display(), "the first API key was brought");
        }
        if !self.needs_key || queue.has_keys().await? {
            return Ok(());
        }
        Err(no_key(database))
    }

    /// Reads the certificate again whenever someone asks for it.
    pub(crate) async fn reload(&self) -> Infallible {
        let hangup = signal(SignalKind::hangup());
        let (Some(tls), Ok(mut hangup)) = (&self.tls, hangup) else {
            return std::future::pending().await;
        };
        loop {
            if hangup.recv().await.is_none() {
                return std::future::pending().await;
            }
            match tls.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => tracing::error!(%error, "the certificate stays as it was"),
            }
        }
    }
}

fn no_key(database: &str) -> Failure {
    Failure::usage(
        "the server can be reached from other machines, and there is no API key: whoever connects could read and \
         change every job",
    )
    .hint(format!(
        "make a key with `windlass keys create --role admin --database {database}`, listen on 127.0.0.1, or say \
         --insecure-no-auth if the network itself is guarded"
    ))
}

/// The key in a file, which is made with a new one if it is not there.
fn first_key(file: &Path) -> Result<ApiKey, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::Failure, format!("--bootstrap-key-file `{}`: {why}", file.display()))
    };
    match std::fs::read_to_string(file) {
        Ok(text) => ApiKey::parse(text.trim())
            .ok_or_else(|| failed(&"holds something else than an API key")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = ApiKey::random()?;
            let made =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
            let written = made.and_then(|mut made| writeln!(made, "{}", key.reveal()));
            written.map_err(|error| failed(&error))?;
            Ok(key)
        }
        Err(error) => Err(failed(&error)),
    }
}
