//! Every block of code in the docs is run, compiled or read; one that cannot be says why.
//!
//! Blocks of `sh` run one after another, in a folder of the page's own, beside a server of its own. A line before a
//! block may say `<!-- file: NAME -->`: the block is written there for the ones after it; or `<!-- not run: WHY -->`.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::program::{Folder, Server};

/// Pages whose blocks have tests of their own (`protocol.rs`).
const ELSEWHERE: [&str; 1] = ["workers.md"];

/// What the pages call the server.
const ADDRESSES: [&str; 2] = ["http://127.0.0.1:8080", "localhost:8080"];

/// Far beyond what the blocks of a page take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Pages at a time.
const TOGETHER: usize = 4;

#[derive(Debug)]
struct Block {
    language: String,
    text: String,
    line: usize,
    /// `file` or `not run`, and what is said of it.
    note: Option<(String, String)>,
}

fn repository() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let (mut is_open, mut before) = (false, "");
    for (index, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), is_open) {
            (Some(language), false) => {
                let note = before.strip_prefix("<!-- ").and_then(|note| note.strip_suffix(" -->"));
                let note = note.and_then(|note| note.split_once(": "));
                let note = note.map(|(what, about)| (what.to_owned(), about.to_owned()));
                let (language, text) = (language.to_owned(), String::new());
                found.push(Block { language, text, line: index + 1, note });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => {
                let block = found.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) if !line.is_empty() => before = line,
            (None, false) => {}
        }
        if line.starts_with("```") {
            before = "";
        }
    }
    found
}

/// What is wrong with the blocks of a page that can be said without running them.
fn unmarked(page: &str, blocks: &[Block], is_compiled: bool) -> Vec<String> {
    let problem = |block: &Block| -> Option<String> {
        let is_excused = block.note.as_ref().is_some_and(|(what, _)| what == "not run");
        if is_excused {
            return None;
        }
        match block.language.as_str() {
            "sh" | "python" | "toml" | "text" | "console" => None,
            "json" => serde_json::from_str::<serde_json::Value>(&block.text)
                .err()
                .map(|error| error.to_string()),
            "rust" | "rust,no_run" if is_compiled => None,
            other => Some(format!("`{other}` is neither run nor excused")),
        }
    };
    let problems = blocks.iter().filter_map(|block| Some((block.line, problem(block)?)));
    problems.map(|(line, problem)| format!("{page}:{line}: {problem}")).collect()
}

/// Runs the blocks of `sh` of a page, with the files that it says; whatever fails is told.
fn run(page: &str, blocks: &[Block]) -> Result<(), String> {
    let is_run = |block: &&Block| block.note.as_ref().is_none_or(|(what, _)| what == "file");
    let blocks: Vec<&Block> = blocks.iter().filter(is_run).collect();
    let folder = Folder::new();
    for block in blocks.iter().filter(|block| block.language == "toml" && block.note.is_none()) {
        std::fs::write(folder.path().join("shown.toml"), &block.text).unwrap();
        let done = folder.run(&["config", "show", "--config", "shown.toml"]);
        if done.code != 0 {
            return Err(format!("{page}:{}: {}", block.line, done.stderr));
        }
    }
    if !blocks.iter().any(|block| block.language == "sh") {
        return Ok(());
    }
    let server = Server::start(&folder, &[]);
    let here = |text: &str| {
        ADDRESSES.iter().fold(text.to_owned(), |text, address| text.replace(address, &server.url))
    };
    let mut script = "set -eu\n".to_owned();
    for block in blocks {
        match (&block.note, block.language.as_str()) {
            (Some((_, name)), _) => {
                std::fs::write(folder.path().join(name), here(&block.text)).unwrap();
            }
            (None, "sh") => {
                let marked = format!("echo '-- line {}' >&2\n{}", block.line, block.text);
                script.push_str(&here(&marked));
            }
            _ => {}
        }
    }
    let said = folder.path().join("said.log");
    let log = File::create(&said).unwrap();
    let mut shell = shell(&script, &server);
    shell.current_dir(folder.path()).stdout(log.try_clone().unwrap()).stderr(log);
    let ended = finish(shell.spawn().unwrap());
    if ended.is_some_and(|status| status.success()) {
        return Ok(());
    }
    let said = std::fs::read_to_string(said).unwrap();
    let ended = ended.map_or_else(|| "took too long".to_owned(), |status| status.to_string());
    Err(format!("{page}: {ended}\n{said}"))
}

/// A shell in a process group of its own, where the binary and the client for Python are found.
fn shell(script: &str, server: &Server) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_windlass"));
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .process_group(0)
        .stdin(Stdio::null())
        .env("PATH", format!("{}:{path}", program.parent().unwrap().display()))
        .env("SERVER", &server.url)
        .env("WINDLASS_SERVER", &server.url)
        .env("WINDLASS_NO_INPUT", "1")
        .env("PYTHONPATH", repository().join("clients/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    shell
}

/// Waits for its end, and ends what it left in the background.
fn finish(mut shell: Child) -> Option<ExitStatus> {
    let group = format!("-{}", shell.id());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(shell.wait()));
    let ended = receiver.recv_timeout(DEADLINE).ok();
    drop(Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status());
    ended.and_then(Result::ok)
}

/// Pages by name, with their text.
fn pages() -> Vec<(String, String)> {
    let mut paths = vec![repository().join("README.md")];
    let entries = std::fs::read_dir(repository().join("docs")).unwrap();
    paths.extend(entries.map(|entry| entry.unwrap().path()));
    paths.retain(|path| path.extension().is_some_and(|end| end == "md"));
    paths.sort();
    let named = paths.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        let folder = path.parent().unwrap().ends_with("docs");
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (if folder { name } else { format!("../{name}") }, text)
    });
    named.filter(|(name, _)| !ELSEWHERE.contains(&name.as_str())).collect()
}

#[test]
fn every_block_of_the_docs_is_run_or_says_why_not() {
    if !crate::protocol::has("curl") || !crate::protocol::has("python3") {
        return;
    }
    let compiled =
        std::fs::read_to_string(repository().join("crates/windlass/src/lib.rs")).unwrap();
    let pages = pages();
    assert!(pages.len() > 20, "{pages:?}");
    let check = |(name, text): &(String, String)| -> Vec<String> {
        let blocks = blocks(text);
        let is_compiled = compiled.contains(&format!("docs/{name}\"")) || compiled.contains(name);
        let mut found = unmarked(name, &blocks, is_compiled);
        found.extend(run(name, &blocks).err());
        found
    };

    let mut found: Vec<String> = Vec::new();
    for some in pages.chunks(TOGETHER) {
        std::thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|page| scope.spawn(|| check(page))).collect();
            found.extend(running.into_iter().flat_map(|one| one.join().unwrap()));
        });
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_block_that_does_not_hold_is_seen() {
    let page = "```sql\nselect 1\n```\n```json\n{\n```\n```rust\nfn f() {}\n```\n<!-- not run: it waits -->\n```sql\n```\n";
    let found = unmarked("a.md", &blocks(page), false);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("a.md:1: `sql` is neither"), "{found:?}");

    let files =
        "<!-- file: a.txt -->\n```text\nada\n```\n```sh\ngrep ada a.txt\nwindlass status\n```\n";
    assert_eq!(run("a.md", &blocks(files)), Ok(()));
    let failed = run("a.md", &blocks("```sh\nwindlass jobs get 7\n```\n")).unwrap_err();
    assert!(failed.contains("-- line 1") && failed.contains("not found"), "{failed}");
    assert!(run("a.md", &blocks("```toml\nwokers = 1\n```\n")).unwrap_err().contains("wokers"));
}
