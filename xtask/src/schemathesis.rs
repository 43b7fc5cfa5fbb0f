//! Requests made of the description of the API, against a server of our own: no answer may be a 5xx or
//! break the description. The tool is for Python; without it, or without a network to get it, the step is
//! skipped and says so.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::cargo::{cargo, root};

/// The release this was tried with.
const PACKAGE: &str = "schemathesis==4.32.5";

/// What has to hold for every answer. That every request which fits the description is accepted is not
/// asked: some rules are between members, and a description cannot say them.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method";

/// Says how the tool writes what it does not know.
const HOOKS: &str = "\
import schemathesis

@schemathesis.serializer('application/x-ndjson')
def lines(context, value):
    return str(value).encode(errors='replace')
";

const READY_WITHIN: Duration = Duration::from_secs(30);

/// Runs the tool; `args` go to it.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Some(tool) = tool() else {
        println!("skipped: python3 with {PACKAGE} cannot be had (no Python, or no network)");
        return Ok(());
    };
    cargo(&["build", "-q", "-p", "windlass-cli"], &[])?;
    let address = free_address()?;
    let key_file = folder().join("key");
    // One of an earlier run belongs to a database that has gone.
    drop(std::fs::remove_file(&key_file));
    let server = Server(serve(&address, &key_file)?);
    wait_until_ready(&address)?;
    let read = std::fs::read_to_string(&key_file);
    let key =
        read.map_err(|error| Failure::Failed(format!("cannot read {key_file:?}: {error}")))?;
    let description = format!("http://{address}/api/v1/openapi.json");
    let hooks = folder().join("hooks.py");
    let written = std::fs::write(&hooks, HOOKS);
    written.map_err(|error| Failure::Failed(format!("cannot write {hooks:?}: {error}")))?;
    let mut command = Command::new(tool);
    command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", folder());
    command.args(["run", &description, "--checks", CHECKS, "--phases", "examples,coverage"]);
    // Waits last as long as they are asked to, which the tool takes for an outage.
    command.args(["--exclude-path-regex", "(/wait|/v1/events|/ticker/next)$"]);
    command.args(["--header", &format!("Authorization: Bearer {}", key.trim())]);
    command.args(["--seed", "1", "--no-color"]).args(args).current_dir(folder());
    let status = command.status();
    drop(server);
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("schemathesis ended with {status}"))),
        Err(error) => Err(Failure::Failed(format!("cannot run schemathesis: {error}"))),
    }
}

/// A server that ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn folder() -> PathBuf {
    root().join("target/schemathesis")
}

/// The tool, installed below `target` when it is not there yet.
fn tool() -> Option<PathBuf> {
    let folder = folder();
    let tool = folder.join("bin/schemathesis");
    if tool.is_file() {
        return Some(tool);
    }
    let folder = folder.to_str()?;
    let is_made = is_success(Command::new("python3").args(["-m", "venv", folder]));
    let pip = Path::new(folder).join("bin/pip");
    let is_there = is_made && is_success(Command::new(pip).args(["install", "--quiet", PACKAGE]));
    is_there.then_some(tool)
}

fn is_success(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

fn free_address() -> Result<String, Failure> {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    address
        .map(|address| address.to_string())
        .map_err(|error| Failure::Failed(format!("there is no free port: {error}")))
}

/// It has a key, because the tool makes some and is an outsider from then on; and no worker, because the
/// tool finds it and has it terminated, and the server with it.
fn serve(address: &str, key_file: &Path) -> Result<Child, Failure> {
    let mut command = Command::new(root().join("target/debug/windlass"));
    command.args(["serve", "--http", address, "--database", "memory:", "--api-only"]);
    command.arg("--bootstrap-key-file").arg(key_file).stdout(Stdio::null());
    command
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Failure::Failed(format!("cannot start the server: {error}")))
}

fn wait_until_ready(address: &str) -> Result<(), Failure> {
    let started = Instant::now();
    while started.elapsed() < READY_WITHIN {
        if is_ready(address) {
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    Err(Failure::Failed("the server does not get ready".to_owned()))
}

fn is_ready(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(address)?;
        let request =
            format!("GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
