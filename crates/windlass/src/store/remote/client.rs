//! HTTP clients for servers: whom they trust, and as whom they speak.
//!
//! Invariant: no redirect is followed, so that a key goes to nobody but the server that was named.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take unless a request says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How a server is reached: the key that is shown to it, and who may vouch for it beside those that this
/// machine trusts.
#[derive(Clone, Default)]
pub struct ServerAccess {
    /// The API key.
    pub api_key: Option<String>,
    /// Certificates (PEM) of authorities that may vouch for the server.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for ServerAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerAccess").field("ca_file", &self.ca_file).finish_non_exhaustive()
    }
}

/// A client for the server at `url` (`http://HOST:PORT` or `https://HOST:PORT`), and the URL as it was read.
///
/// # Errors
/// [`Error::Incompatible`] when the URL is none of a server, or key or certificates cannot be used.
pub fn http_client(url: &str, access: &ServerAccess) -> Result<(Client, Url), Error> {
    let wrong = |why: &str| Error::incompatible(format!("`{url}` is not a server: {why}"));
    const FORM: &str = "write it as http://HOST:PORT or https://HOST:PORT";
    let base = Url::parse(url).map_err(|error| wrong(&format!("{error}: {FORM}")))?;
    if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none_or(str::is_empty) {
        return Err(wrong(FORM));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Error::incompatible("a server is not named with a user: give an API key"));
    }
    let mut client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .tls_backend_preconfigured(tls(&base, access)?)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(key) = &access.api_key {
        let header = HeaderValue::from_str(&format!("Bearer {key}"));
        // What was given is not repeated.
        let mut header = header.map_err(|_| Error::incompatible("the API key is no API key"))?;
        header.set_sensitive(true);
        client = client.default_headers(HeaderMap::from_iter([(AUTHORIZATION, header)]));
    }
    if is_loopback(&base) {
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| Error::incompatible(error.to_string()))?;
    Ok((client, base))
}

/// Who is believed: the authorities of this machine, those of the web where it knows none, and those of the
/// file.
fn tls(base: &Url, access: &ServerAccess) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    if base.scheme() == "https" {
        // What cannot be read of the machine's own is no reason to trust less of the rest.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    if let Some(file) = &access.ca_file {
        let wrong = |why: String| Error::incompatible(format!("{}: {why}", file.display()));
        let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<_, _>>);
        let found: Vec<CertificateDer<'static>> =
            found.map_err(|error| wrong(error.to_string()))?;
        if found.is_empty() {
            return Err(wrong("holds no certificate (PEM)".to_owned()));
        }
        for one in found {
            roots.add(one).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::bug(format!("TLS cannot be set up: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Proxies are for other machines.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str, access: &ServerAccess) -> Result<Url, Error> {
        http_client(url, access).map(|(_, base)| base)
    }

    #[test]
    fn only_http_addresses_are_servers() {
        let access = ServerAccess::default();
        for url in ["127.0.0.1:8080", "ftp://e.org", "sqlite:x.db", "http://", "https://a:b@e.org"]
        {
            assert!(matches!(open(url, &access), Err(Error::Incompatible { .. })), "{url}");
        }
        for url in ["http://[::1]:8080", "https://example.org/queue"] {
            assert!(open(url, &access).is_ok(), "{url}");
        }
    }

    #[test]
    fn keys_and_certificates_that_are_none_are_named_and_not_repeated() {
        let key = ServerAccess { api_key: Some("s3cret\n".to_owned()), ca_file: None };
        let file = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
        let certificate = ServerAccess { api_key: None, ca_file: file };

        let refused = open("https://e.org", &key).unwrap_err().to_string();
        assert!(!refused.contains("s3cret") && !format!("{key:?}").contains("s3cret"), "{refused}");
        let refused = open("https://e.org", &certificate).unwrap_err().to_string();
        assert!(refused.contains("Cargo.toml: holds no certificate"), "{refused}");
    }
}
