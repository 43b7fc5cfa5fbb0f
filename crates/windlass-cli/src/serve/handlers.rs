//! Handlers that a server has because its configuration file says so: `[handlers.TYPE]`.
//!
//! Invariant: everything that can be known to be wrong is refused when the file is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use windlass::{Ctx, HandlerOptions, Worker, parse_duration};

use crate::exec;
use crate::webhook::{Secrets, Target, Webhook};

/// Longest run of a webhook unless the file says otherwise.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// The handlers of a file, by type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handlers(BTreeMap<String, Handler>);

/// `[handlers.TYPE]`, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Entry {
    exec: Option<Vec<String>>,
    http: Option<String>,
    queue: Option<String>,
    concurrency: Option<usize>,
    timeout: Option<String>,
    secret_file: Option<PathBuf>,
    allow: Vec<String>,
    ports: Vec<u16>,
}

#[derive(Debug, Clone)]
struct Handler {
    work: Work,
    queue: Option<String>,
    concurrency: Option<usize>,
    timeout: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Work {
    Exec(Arc<[String]>),
    Http(Arc<Webhook>),
}

impl Handlers {
    /// Checks what was written; files that it names are in `folder`.
    pub(crate) fn check(entries: BTreeMap<String, Entry>, folder: &Path) -> Result<Self, String> {
        let checked = entries.into_iter().map(|(kind, entry)| {
            let handler = entry.check(folder);
            handler.map_err(|why| format!("[handlers.{kind}] {why}")).map(|it| (kind, it))
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// Adds them to a worker.
    pub(crate) fn add_to(&self, worker: Worker<()>) -> Worker<()> {
        self.0.iter().fold(worker, |worker, (kind, handler)| handler.add_to(worker, kind))
    }
}

impl Entry {
    fn check(self, folder: &Path) -> Result<Handler, String> {
        let timeout = self.timeout.as_deref().map(parse_duration).transpose();
        let timeout = timeout.map_err(|why| format!("timeout: {why}"))?;
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err("timeout: is 0 (at least 1ms)".to_owned());
        }
        let is_web = self.http.is_some();
        let work = match (self.exec, self.http) {
            (Some(argv), None) => {
                if self.secret_file.is_some() || !self.allow.is_empty() || !self.ports.is_empty() {
                    return Err("secret_file, allow and ports are for `http`".to_owned());
                }
                if argv.first().is_none_or(String::is_empty) {
                    return Err("exec: names no command".to_owned());
                }
                Work::Exec(argv.into())
            }
            (None, Some(url)) => {
                let target = Target::new(&url, &self.allow, &self.ports)?;
                let file = self.secret_file.ok_or("secret_file: is missing")?;
                let file = folder.join(file);
                let text = std::fs::read_to_string(&file)
                    .map_err(|error| format!("secret_file: {}: {error}", file.display()))?;
                Work::Http(Arc::new(Webhook::new(target, Secrets::read(&text)?)?))
            }
            _ => return Err("needs either `exec` or `http`".to_owned()),
        };
        let timeout = timeout.or_else(|| is_web.then_some(HTTP_TIMEOUT));
        Ok(Handler { work, queue: self.queue, concurrency: self.concurrency, timeout })
    }
}

impl Handler {
    fn add_to(&self, worker: Worker<()>, kind: &str) -> Worker<()> {
        match self.work.clone() {
            Work::Exec(argv) => {
                let run = move |payload, ctx: Ctx| {
                    let argv = Arc::clone(&argv);
                    async move { exec::handle(&argv, payload, &ctx).await }
                };
                worker.handle_raw_with(kind, run, |options| self.options(options))
            }
            Work::Http(webhook) => {
                let run = move |payload, ctx: Ctx| {
                    let webhook = Arc::clone(&webhook);
                    async move { webhook.call(payload, &ctx).await }
                };
                worker.handle_raw_with(kind, run, |options| self.options(options))
            }
        }
    }

    fn options(&self, mut options: HandlerOptions) -> HandlerOptions {
        if let Some(slots) = self.concurrency {
            options = options.concurrency(slots);
        }
        if let Some(timeout) = self.timeout {
            options = options.timeout(timeout);
        }
        match &self.queue {
            Some(queue) => options.queue(queue),
            None => options,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(entry: Value) -> Result<Handlers, String> {
        let entry = serde_json::from_value(entry).unwrap();
        Handlers::check(BTreeMap::from([("a".to_owned(), entry)]), Path::new("."))
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_place() {
        for (entry, expected) in [
            (json!({}), "[handlers.a] needs either"),
            (json!({ "exec": [] }), "names no command"),
            (json!({ "exec": ["x"], "http": "https://e.org" }), "needs either"),
            (json!({ "exec": ["x"], "timeout": "soon" }), "timeout: "),
            (json!({ "exec": ["x"], "timeout": "0s" }), "timeout: "),
            (json!({ "exec": ["x"], "ports": [1] }), "are for `http`"),
            (json!({ "http": "https://e.org" }), "secret_file: is missing"),
            (json!({ "http": "https://e.org", "secret_file": "no.key" }), "no.key"),
        ] {
            let refused = read(entry.clone()).unwrap_err();
            assert!(refused.contains(expected), "{entry}: {refused}");
        }
    }

    #[test]
    fn the_handler_of_the_manual_is_read() {
        let entry =
            json!({ "exec": ["resize"], "queue": "media", "concurrency": 2, "timeout": "5m" });

        let handlers = read(entry).unwrap();

        let resize = &handlers.0["a"];
        assert_eq!((resize.queue.as_deref(), resize.concurrency), (Some("media"), Some(2)));
        assert_eq!(resize.timeout, Some(Duration::from_secs(300)));
    }
}
