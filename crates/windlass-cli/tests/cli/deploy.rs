//! The files in deploy/ parse, and name only metrics, labels, commands, flags and variables that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use saphyr_parser::{Event, Parser};
use serde_json::Value;

use crate::program::Folder;

/// What the binary and the table of metrics know.
struct Known {
    folder: Folder,
    /// Metrics by name, with their labels.
    metrics: BTreeMap<String, BTreeSet<String>>,
    /// Labels that Prometheus adds.
    variables: BTreeSet<String>,
}

/// Labels that are there whatever the metric.
const LABELS: [&str; 4] = ["instance", "job", "le", "service"];

/// What stands before a command of ours: its name, the service of compose that runs it, or the key of its words.
const PROGRAMS: [&str; 6] =
    ["windlass", "/windlass", "/usr/local/bin/windlass", "tool", "command:", "args:"];

fn repository() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

impl Known {
    fn new() -> Self {
        let page = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
        let mut metrics = BTreeMap::new();
        for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = cells[0].trim_end_matches('`');
            let labels: BTreeSet<String> = cells[2].split(", ").map(str::to_owned).collect();
            let ends: &[&str] = match cells[1] {
                "counter" | "gauge" => &[""],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => continue,
            };
            metrics.extend(ends.iter().map(|end| (format!("{name}{end}"), labels.clone())));
        }
        let folder = Folder::new();
        let variables = ["serve", "submit", "health"];
        let help: String = variables.iter().map(|path| folder.ok(&[path, "--help"])).collect();
        let variables = words(&help).filter(|word| word.starts_with("WINDLASS_"));
        let variables = variables.map(str::to_owned).collect();
        Self { folder, metrics, variables }
    }

    /// Everything in a file that is not so.
    fn problems(&self, path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for expression in values(path, text).unwrap_or_else(|error| {
            found.push(error);
            Vec::new()
        }) {
            found.extend(self.metrics_of(&expression));
        }
        let variables = words(text).filter(|word| word.starts_with("WINDLASS_"));
        let unknown = variables.filter(|word| !self.variables.contains(*word));
        found.extend(unknown.map(|word| format!("no variable {word}")));
        found.extend(text.lines().filter_map(|line| self.command_of(line)));
        found
    }

    /// Metrics of an expression that are not exported, and labels that none of its metrics has.
    fn metrics_of(&self, expression: &str) -> Vec<String> {
        let is_metric = |word: &&str| word.starts_with("windlass_") || *word == "queue_tasks";
        let named: Vec<&str> = words(expression).filter(is_metric).collect();
        let mut found: Vec<String> = Vec::new();
        let mut labels: BTreeSet<&str> = LABELS.into_iter().collect();
        for name in &named {
            match self.metrics.get(*name) {
                Some(known) => labels.extend(known.iter().map(String::as_str)),
                None => found.push(format!("no metric {name}")),
            }
        }
        if !named.is_empty() {
            let unknown = labels_in(expression).into_iter().filter(|label| !labels.contains(label));
            found.extend(unknown.map(|label| format!("no label {label} in {expression}")));
        }
        found
    }

    /// What is wrong with the first command of ours in a line.
    fn command_of(&self, line: &str) -> Option<String> {
        let separators = |c: char| c.is_whitespace() || "\",[]'`".contains(c);
        let mut words =
            line.trim_start_matches(['#', ' ']).split(separators).filter(|w| !w.is_empty());
        if line.contains("kubectl") {
            return None;
        }
        words.find(|word| PROGRAMS.contains(&word.trim_start_matches("ExecStart=")))?;
        let mut words = words.peekable();
        // Commands of other programs have no name of ours; theirs begin with a flag.
        let mut path: Vec<&str> = vec![words.next().filter(|word| is_name(word))?];
        if matches!(path[0], "keys" | "jobs" | "config" | "db") {
            path.extend(words.next());
        }
        let help = self.folder.run(&[&path[..], &["--help"]].concat());
        if help.code != 0 {
            return Some(format!("no command `{}`", path.join(" ")));
        }
        let flags = words.take_while(|word| !matches!(*word, "|" | "&&" | ";" | ">" | "||"));
        let flags = flags.filter_map(|word| word.strip_prefix("--")).map(|word| {
            let flag = word.split('=').next().unwrap_or(word);
            flag.trim_end_matches(['`', ')', ';', '.'])
        });
        let is_known = |flag: &str| {
            help.stdout.contains(&format!("--{flag} "))
                || help.stdout.contains(&format!("--{flag}\n"))
        };
        let unknown: Vec<&str> = flags.filter(|flag| !is_known(flag)).collect();
        (!unknown.is_empty())
            .then(|| format!("`{}` has no --{}", path.join(" "), unknown.join(", --")))
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        && !word.starts_with('-')
}

/// Identifiers.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What stands in `by (..)` and before the comparisons in `{..}`.
fn labels_in(expression: &str) -> Vec<&str> {
    let groups = expression.split("by (").skip(1);
    let mut labels: Vec<&str> = groups
        .flat_map(|rest| rest.split(')').next().unwrap_or("").split(','))
        .map(str::trim)
        .collect();
    for rest in expression.split('{').skip(1) {
        let matchers = rest.split('}').next().unwrap_or("").split(',');
        labels.extend(
            matchers.filter_map(|one| one.split_once(['=', '!'])).map(|(name, _)| name.trim()),
        );
    }
    labels
}

/// The strings of a document that are no comments; an error when it cannot be read.
fn values(path: &str, text: &str) -> Result<Vec<String>, String> {
    match Path::new(path).extension().and_then(|end| end.to_str()) {
        Some("json") => {
            let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let mut strings = Vec::new();
            collect(&document, &mut strings);
            Ok(strings)
        }
        Some("yaml") => {
            let events = Parser::new_from_str(text).collect::<Result<Vec<_>, _>>();
            let events = events.map_err(|error| error.to_string())?;
            Ok(events
                .into_iter()
                .filter_map(|(event, _)| match event {
                    Event::Scalar(value, ..) => Some(value.into_owned()),
                    _ => None,
                })
                .collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => members.values().for_each(|item| collect(item, into)),
        _ => {}
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn what_is_deployed_names_only_what_there_is() {
    let known = Known::new();
    let mut paths = Vec::new();
    files(&repository().join("deploy"), &mut paths);
    assert!(paths.len() > 15 && known.metrics.len() > 20 && known.variables.len() > 20);

    let mut found = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let problems = known.problems(path.to_str().unwrap(), &text);
        found.extend(problems.into_iter().map(|problem| format!("{}: {problem}", path.display())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_configuration_that_is_deployed_is_one() {
    let folder = Folder::new();
    let file = repository().join("deploy/systemd/windlass.toml");

    let shown = folder.ok(&["config", "show", "--config", file.to_str().unwrap()]);

    assert!(shown.contains("jobs.example.org"), "{shown}");
}

#[test]
fn what_is_wrong_is_seen() {
    let known = Known::new();
    for (path, text, wanted) in [
        ("a.json", "{\"a\": ", "EOF while parsing"),
        ("a.yaml", "a: [1, 2\nb: 3", "illegal placement"),
        ("a.json", "{\"expr\": \"sum(windlass_job)\"}", "no metric windlass_job"),
        ("a.yaml", "expr: rate(windlass_wait_seconds[5m])", "no metric windlass_wait_seconds"),
        ("a.yaml", "expr: max by (kind) (windlass_jobs)", "no label kind"),
        ("a.yaml", "expr: 'windlass_workers{queue=\"a\"}'", "no label queue"),
        ("a.yaml", "WINDLASS_WORKER: 1", "no variable WINDLASS_WORKER"),
        ("a.yaml", "command: [\"serve\", \"--worker\", \"1\"]", "`serve` has no --worker"),
        ("a.service", "ExecStart=/usr/local/bin/windlass served", "no command `served`"),
        ("a.yaml", "# docker compose run tool keys make --role x", "no command `keys make`"),
    ] {
        let found = known.problems(path, text);
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{text}: {found:?}");
    }
    let fine =
        "# windlass serve --http :1 && x --y\nexpr: max by (state) (windlass_jobs{queue!=\"a\"})\n";
    assert_eq!(known.problems("a.yaml", fine), Vec::<String>::new());
}

#[test]
fn a_server_says_whether_it_is_up() {
    let folder = Folder::new();
    let server = crate::program::Server::start(&folder, &[]);

    assert_eq!(folder.ok(&["health", "--server", &server.url]), "ready");
    assert_eq!(folder.ok(&["health", "--live", "--server", &server.url]), "live");
    server.signal("TERM");
    let url = server.url.clone();
    assert_eq!(server.end().0, 0);

    assert_eq!(folder.run(&["health", "--server", &url]).code, 6);
}
