//! Where a webhook may go: scheme, port, and every address its name has.
//!
//! Invariant: whoever controls a name, or its server, cannot make this machine call another inside its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use reqwest::Url;
use tokio::net::lookup_host;

/// Ports that need no permission.
const PORTS: [u16; 3] = [80, 443, 8443];

/// Networks of IPv4 that are nobody's, or not everybody's.
const RESERVED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The part of IPv6 that is given out, and what in it is not: protocols, Teredo, documentation, 6to4.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const RESERVED_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// A URL that is called, and what it may resolve to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(super) url: Url,
    pub(super) host: String,
    pub(super) port: u16,
    allow: Vec<IpNet>,
}

/// Why nobody is called.
#[derive(Debug)]
pub(super) enum NoAddress {
    /// The name has no address now.
    Unknown(std::io::Error),
    /// It must not be called.
    Refused(String),
}

impl Target {
    /// Checks what can be known before the name is resolved.
    pub(crate) fn new(url: &str, allow: &[String], ports: &[u16]) -> Result<Self, String> {
        let wrong = |why: String| Err(format!("http: {why}"));
        let url = match Url::parse(url) {
            Ok(url) => url,
            Err(error) => return wrong(error.to_string()),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return wrong(format!("`{}` is no scheme to call (https or http)", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("a user and a password have no place in a URL".to_owned());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return wrong("names no host".to_owned());
        };
        if !PORTS.contains(&port) && !ports.contains(&port) {
            return wrong(format!(
                "port {port} is not among `ports` (80, 443 and 8443 need not be)"
            ));
        }
        let network = |text: &String| match (text.parse(), text.parse::<IpAddr>()) {
            (Ok(network), _) => Ok(network),
            (_, Ok(address)) => Ok(IpNet::from(address)),
            _ => Err(format!("allow: `{text}` is no network (as in 10.1.0.0/16)")),
        };
        let allow: Vec<IpNet> = allow.iter().map(network).collect::<Result<_, _>>()?;
        if url.scheme() == "http" && allow.is_empty() {
            return wrong("without TLS only networks in `allow` are called".to_owned());
        }
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { url, host, port, allow })
    }

    /// The addresses to connect to: all that the name has now, if every single one may be called.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, NoAddress> {
        let found = match self.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_) => {
                let found = lookup_host((self.host.as_str(), self.port)).await;
                found.map_err(NoAddress::Unknown)?.collect()
            }
        };
        match found.iter().find(|address| !self.allows(address.ip())) {
            // Which address it is stays here: whoever submits jobs may not know this network.
            Some(_) => Err(NoAddress::Refused(format!(
                "`{}` has an address that must not be called (see `allow`)",
                self.host
            ))),
            None => Ok(found),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_allowed = self.allow.iter().any(|network| network.contains(&address));
        is_allowed || (self.url.scheme() == "https" && is_public(address))
    }
}

/// True for addresses anybody may call.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !RESERVED_V4.iter().any(|(network, prefix)| {
            address.to_bits() >> (32 - prefix) == network.to_bits() >> (32 - prefix)
        }),
        IpAddr::V6(address) => {
            let is_in = |(network, prefix): &(Ipv6Addr, u32)| {
                address.to_bits() >> (128 - prefix) == network.to_bits() >> (128 - prefix)
            };
            is_in(&GLOBAL_V6) && !RESERVED_V6.iter().any(is_in)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_called(url: &str, allow: &[&str]) -> bool {
        let allow: Vec<String> = allow.iter().map(|it| (*it).to_owned()).collect();
        let target = Target::new(url, &allow, &[]).unwrap();
        target.allows(target.host.parse().unwrap())
    }

    #[test]
    fn addresses_inside_of_networks_are_not_called_in_any_spelling() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[5f00::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[ff02::1]",
            "[100::1]",
        ] {
            assert!(!is_called(&format!("https://{host}/"), &[]), "{host}");
        }
        for host in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]"] {
            assert!(is_called(&format!("https://{host}/"), &[]), "{host}");
        }
    }

    #[test]
    fn what_is_allowed_is_called_without_tls_as_well() {
        assert!(is_called("http://127.0.0.1/", &["127.0.0.0/8"]));
        assert!(is_called("https://[::ffff:10.1.2.3]/", &["10.1.0.0/16"]));
        assert!(!is_called("http://1.1.1.1/", &["127.0.0.1"]));
    }

    #[test]
    fn what_no_webhook_is_is_refused_at_once() {
        for url in [
            "file:///etc/passwd",
            "gopher://e.org/",
            "ftp://e.org/",
            "https://",
            "e.org",
            "https://ada@e.org/",
            "https://ada:pw@e.org/",
            "https://e.org:22/",
            "https://e.org:25/",
            "https://e.org:6379/",
            "http://e.org/",
        ] {
            assert!(Target::new(url, &[], &[]).is_err(), "{url}");
        }
        assert!(Target::new("https://e.org:9000/", &[], &[9000]).is_ok());
        assert!(Target::new("https://e.org/", &["ten".to_owned()], &[]).is_err());
    }

    #[tokio::test]
    async fn a_name_with_an_address_inside_is_refused() {
        for host in ["localhost", "localhost."] {
            let target = Target::new(&format!("https://{host}/"), &[], &[]).unwrap();

            let refused = target.addresses().await;

            // Some machines do not know the second spelling.
            assert!(refused.is_err(), "{host}");
        }
    }
}
