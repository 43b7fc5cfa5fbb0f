//! The address of the server.

use std::net::SocketAddr;

use tokio::net::{TcpListener, lookup_host};

use crate::exit::{Exit, Failure, with_causes};

/// Binds `--http`: `HOST:PORT`, or `:PORT` on this machine.
///
/// Port 0 means any free one.
pub(crate) async fn bind(http: &str) -> Result<TcpListener, Failure> {
    let full = if http.starts_with(':') { format!("127.0.0.1{http}") } else { http.to_owned() };
    let addresses: Vec<SocketAddr> = lookup_host(&full)
        .await
        .map_err(|error| {
            Failure::usage(format!("`{http}` is no address to listen on: {error}"))
                .hint("write it as 127.0.0.1:8080, or :8080 for the same")
        })?
        .collect();
    TcpListener::bind(&*addresses).await.map_err(|error| cannot_bind(&full, &error))
}

fn cannot_bind(address: &str, error: &std::io::Error) -> Failure {
    let failure =
        Failure::new(Exit::Failure, format!("cannot listen on {address}: {}", with_causes(error)));
    match error.kind() {
        std::io::ErrorKind::AddrInUse => failure
            .hint("another process listens there, perhaps another server: choose one with --http"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_alone_means_this_machine() {
        let listener = bind(":0").await.unwrap();

        assert!(listener.local_addr().unwrap().ip().is_loopback());
    }

    #[tokio::test]
    async fn a_port_in_use_is_said_to_be() {
        let first = bind(":0").await.unwrap();

        let refused = bind(&first.local_addr().unwrap().to_string()).await.unwrap_err();

        assert_eq!(refused.exit, Exit::Failure);
        assert!(refused.to_string().contains("--http"));
    }
}
