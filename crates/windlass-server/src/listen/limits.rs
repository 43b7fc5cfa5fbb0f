//! How long and how many: the bounds of connections.

use std::time::Duration;

/// Bounds of the connections of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For the head of a request, from its first byte; for the first byte of a connection; for a TLS handshake.
    /// Default: 10 s.
    pub head: Duration,
    /// For the next request on a connection that is kept. Default: 75 s.
    pub idle: Duration,
    /// For a body, and another second for every 8 KiB of it that has come. Default: 10 s.
    pub body: Duration,
    /// How long a client may read nothing of its answer. Default: 30 s.
    pub write: Duration,
    /// Connections. Default: 10,000.
    pub connections: usize,
    /// Connections from one address (of IPv6: from one /64). This machine and known proxies may have more. Default: 256.
    pub connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(10),
            write: Duration::from_secs(30),
            connections: 10_000,
            connections_per_address: 256,
        }
    }
}
