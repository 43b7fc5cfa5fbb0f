//! Servers that speak TLS, and whom the client believes.

use crate::program::{Folder, Server};

const CERT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../windlass-server/tests/api/tls/test-only.pem");
const KEY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../windlass-server/tests/api/tls/test-only.key");

#[test]
fn a_server_with_a_private_authority_is_believed_when_its_certificate_is_named() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--tls-cert", CERT, "--tls-key", KEY]);
    // The certificate is for this name.
    let url = server.url.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("https://"), "{url}");

    let submit = ["submit", "echo", "-p", "7", "--wait", "--server", &url, "--ca-file", CERT];
    let done = folder.json(&submit);
    let mut by_environment = folder.command(&["status", "--server", &url]);
    let by_environment = by_environment.env("WINDLASS_CA_FILE", CERT).status().unwrap();
    let unknown = folder.run(&["status", "--server", &url]);
    let other_name = folder.run(&["status", "--server", &server.url, "--ca-file", CERT]);
    let no_file = folder.run(&["status", "--server", &url, "--ca-file", "missing.pem"]);

    assert_eq!(done["result"], 7, "{done}");
    assert!(by_environment.success());
    assert_eq!(unknown.code, 6, "{unknown:?}");
    assert!(unknown.stderr.contains("certificate"), "{unknown:?}");
    assert_eq!(other_name.code, 6, "{other_name:?}");
    assert_eq!(no_file.code, 2, "{no_file:?}");
}
