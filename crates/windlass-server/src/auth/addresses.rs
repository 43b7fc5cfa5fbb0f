//! Where requests come from, through proxies that may be believed.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{Extensions, HeaderMap};

/// Addresses in a header that are looked at: real chains are short.
const HOPS_MAX: usize = 16;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// Without a connection, as in tests of the router alone, it is this machine.
    pub(crate) fn of(extensions: &Extensions) -> IpAddr {
        let here = std::net::Ipv4Addr::LOCALHOST.into();
        extensions.get::<Self>().map_or(here, |peer| peer.0.to_canonical())
    }
}

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    /// How many of the first of 128 bits count.
    prefix: u32,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no range of addresses such as 10.0.0.0/8");
        let (ip, length) = match text.split_once('/') {
            Some((ip, length)) => (ip, Some(length)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if length > most {
            return Err(wrong());
        }
        Ok(Self { bits: bits(ip), prefix: 128 - most + length })
    }
}

impl Network {
    fn contains(self, ip: IpAddr) -> bool {
        let rest = 128 - self.prefix;
        (bits(ip) ^ self.bits).checked_shr(rest).unwrap_or(0) == 0
    }
}

/// The address as one of IPv6.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// Proxies whose word is taken for where a request came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(pub(crate) Vec<Network>);

impl Proxies {
    pub(crate) fn contain(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(ip))
    }

    /// Who asked: the peer, or the last address before the proxies we know.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contain(peer) {
            return peer;
        }
        let values = headers.get_all("x-forwarded-for").into_iter().rev();
        let hops = values.filter_map(|value| value.to_str().ok()).flat_map(|list| list.rsplit(','));
        let mut client = peer;
        for hop in hops.take(HOPS_MAX) {
            let Ok(ip) = hop.trim().parse::<IpAddr>() else { break };
            client = ip.to_canonical();
            if !self.contain(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::/0", "1.2.3.4", ""),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(ip(inside)), "{inside}");
            assert!(outside.is_empty() || !network.contains(ip(outside)), "{outside}");
        }
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "host/8", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_known_proxies_are_believed() {
        let proxies = Proxies(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6, 192.0.2.1".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.2".parse().unwrap());

        assert_eq!(proxies.client(ip("203.0.113.9"), &headers), ip("203.0.113.9"));
        assert_eq!(proxies.client(ip("10.0.0.1"), &headers), ip("192.0.2.1"));
        assert_eq!(proxies.client(ip("10.0.0.1"), &HeaderMap::new()), ip("10.0.0.1"));
        headers.append("x-forwarded-for", "garbage".parse().unwrap());
        assert_eq!(proxies.client(ip("10.0.0.1"), &headers), ip("10.0.0.1"));
    }
}
