//! Free ports of the loopback interface.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::error::Error;

/// Below the ports that Linux gives to outgoing connections (from 32768): a client that tries again
/// and again while a server is down would sooner or later be given the server's own port. Above
/// those of well-known services.
const PORTS: Range<u16> = 20_000..32_000;

/// A port that nobody listens on. The first candidate is random, so that processes which look at
/// the same time find different ones.
pub(crate) fn free() -> Result<u16, Error> {
    let random = RandomState::new().hash_one(0) % u64::from(PORTS.end - PORTS.start);
    let offset = u16::try_from(random).expect("a remainder is less than the divisor");
    let mut candidates = (PORTS.start + offset..PORTS.end).chain(PORTS);
    candidates.find(|port| is_free(*port)).ok_or_else(|| Error::Failed {
        program: "search for a free port".to_owned(),
        output: format!("every port from {} to {} is taken", PORTS.start, PORTS.end - 1),
    })
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_not_free() {
        assert!(PORTS.contains(&free().unwrap()));
        // Whatever port it is given: another test may take the one that `free` has just named.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();

        assert!(!is_free(port));
        drop(listener);
    }
}
