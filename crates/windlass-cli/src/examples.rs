//! Examples of every command, shown under its help. A test reads each as the program would.

use clap::Command;

/// Commands by their path, and how they are used.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "serve",
        &[
            "windlass serve --demo",
            "windlass serve --http :9000 --database postgres://jobs@db.example/jobs",
        ],
    ),
    (
        "submit",
        &[
            "windlass submit echo --payload '{\"hello\":\"world\"}' --wait",
            "windlass submit mail --payload @mail.json --delay 10m --idempotency-key welcome-42",
        ],
    ),
    ("status", &["windlass status", "windlass status --stats"]),
    ("jobs", &["windlass jobs list --state running"]),
    (
        "jobs list",
        &["windlass jobs list --state failed --type mail --limit 20", "windlass jobs list -o id"],
    ),
    ("jobs get", &["windlass jobs get 81234567890123456 -o yaml"]),
    ("jobs explain", &["windlass jobs explain 81234567890123456"]),
    ("jobs logs", &["windlass jobs logs 81234567890123456"]),
    (
        "jobs cancel",
        &[
            "windlass jobs cancel 81234567890123456 --reason 'sent twice'",
            "windlass jobs cancel --queue mail --state pending --yes",
        ],
    ),
    (
        "jobs retry",
        &[
            "windlass jobs retry 81234567890123456",
            "windlass jobs retry --state failed --type mail --dry-run",
        ],
    ),
    ("jobs run-now", &["windlass jobs run-now 81234567890123456"]),
    ("jobs edit", &["windlass jobs edit 81234567890123456 --priority high"]),
    ("jobs move", &["windlass jobs move --queue mail --to bulk-mail --yes"]),
    ("jobs delete", &["windlass jobs delete 81234567890123456 --yes"]),
    (
        "jobs signal",
        &["windlass jobs signal 81234567890123456 approved --payload '{\"by\":\"Ada\"}'"],
    ),
    ("jobs wait", &["windlass jobs wait 81234567890123456 --timeout 5m"]),
    ("dead", &["windlass dead groups"]),
    ("dead list", &["windlass dead list --type mail"]),
    ("dead groups", &["windlass dead groups"]),
    ("dead retry", &["windlass dead retry --type mail --rate 10 --yes"]),
    ("dead delete", &["windlass dead delete --type mail --dry-run"]),
    ("operations", &["windlass operations list"]),
    ("operations list", &["windlass operations list"]),
    ("operations get", &["windlass operations get 81234567890123456"]),
    ("operations watch", &["windlass operations watch 81234567890123456"]),
    ("operations cancel", &["windlass operations cancel 81234567890123456"]),
    ("queues", &["windlass queues list"]),
    ("queues list", &["windlass queues list"]),
    ("queues get", &["windlass queues get mail"]),
    ("queues create", &["windlass queues create mail --retries 5 --concurrency 4"]),
    ("queues set", &["windlass queues set mail --rate 10/1s --keep-failed 90d"]),
    ("queues pause", &["windlass queues pause mail --reason 'provider is down' --until 1h"]),
    ("queues resume", &["windlass queues resume mail"]),
    ("queues purge", &["windlass queues purge mail --yes"]),
    ("queues delete", &["windlass queues delete mail --force --yes"]),
    ("queues stats", &["windlass queues stats mail"]),
    ("queues explain", &["windlass queues explain mail"]),
    ("limits", &["windlass limits list"]),
    ("limits list", &["windlass limits list"]),
    ("limits get", &["windlass limits get customer"]),
    ("limits set", &["windlass limits set customer --concurrency 2 --rate 100/1m"]),
    ("limits delete", &["windlass limits delete customer --yes"]),
    ("worker", &["windlass worker run --queue media --type resize -- ./resize --fast"]),
    (
        "worker run",
        &[
            "windlass worker run --queue media --type resize -- ./resize --fast",
            "windlass worker run --queue mail --concurrency 4 --database sqlite:jobs.db -- ./mail",
        ],
    ),
    ("workers", &["windlass workers list"]),
    ("workers list", &["windlass workers list"]),
    ("workers get", &["windlass workers get 81234567890123456"]),
    ("workers quiet", &["windlass workers quiet 81234567890123456"]),
    ("workers terminate", &["windlass workers terminate 81234567890123456"]),
    ("schedules", &["windlass schedules list"]),
    ("schedules list", &["windlass schedules list"]),
    ("schedules get", &["windlass schedules get nightly"]),
    (
        "schedules create",
        &[
            "windlass schedules create nightly --cron '0 3 * * *' --timezone Europe/Berlin --type report",
        ],
    ),
    ("schedules set", &["windlass schedules set nightly --cron '30 3 * * *'"]),
    ("schedules pause", &["windlass schedules pause nightly --reason 'month end'"]),
    ("schedules resume", &["windlass schedules resume nightly"]),
    ("schedules trigger", &["windlass schedules trigger nightly"]),
    ("schedules preview", &["windlass schedules preview '0 9 * * 1-5' --timezone Europe/Berlin"]),
    ("schedules ticks", &["windlass schedules ticks nightly"]),
    ("schedules explain", &["windlass schedules explain nightly"]),
    ("schedules watch", &["windlass schedules watch"]),
    ("schedules delete", &["windlass schedules delete nightly --yes"]),
    ("workflows", &["windlass workflows list"]),
    ("workflows submit", &["windlass workflows submit @graph.json"]),
    ("workflows list", &["windlass workflows list"]),
    ("workflows get", &["windlass workflows get 81234567890123456"]),
    ("workflows cancel", &["windlass workflows cancel 81234567890123456 --reason 'wrong month'"]),
    ("workflows retry", &["windlass workflows retry 81234567890123456"]),
    ("batches", &["windlass batches list"]),
    ("batches open", &["windlass batches open --description 'march invoices'"]),
    ("batches commit", &["windlass batches commit 81234567890123456"]),
    ("batches list", &["windlass batches list"]),
    ("batches get", &["windlass batches get 81234567890123456"]),
    ("batches explain", &["windlass batches explain 81234567890123456"]),
    ("namespaces", &["windlass namespaces list"]),
    ("namespaces list", &["windlass namespaces list"]),
    ("namespaces create", &["windlass namespaces create staging"]),
    ("namespaces delete", &["windlass namespaces delete staging --yes"]),
    ("keys", &["windlass keys list"]),
    ("keys create", &["windlass keys create --role producer --for-queue 'mail.*' --label shop"]),
    ("keys list", &["windlass keys list"]),
    ("keys update", &["windlass keys update k3y1d00000aa --enqueue-rate 100/1s/500"]),
    ("keys rotate", &["windlass keys rotate k3y1d00000aa --overlap 1h"]),
    ("keys revoke", &["windlass keys revoke k3y1d00000aa --yes"]),
    ("audit", &["windlass audit list"]),
    ("audit list", &["windlass audit list --target mail"]),
    ("stats", &["windlass stats", "windlass stats --watch --every 2s"]),
    ("top", &["windlass top --every 5s"]),
    ("events", &["windlass events --follow --queue mail"]),
    ("db", &["windlass db status"]),
    ("db migrate", &["windlass db migrate --database postgres://jobs@db.example/jobs"]),
    ("db status", &["windlass db status"]),
    ("db prune", &["windlass db prune"]),
    ("db check", &["windlass db check --database sqlite:./data/windlass.db"]),
    ("db vacuum", &["windlass db vacuum"]),
    ("db sql", &["windlass db sql --database mysql://jobs@db.example/jobs --after 12"]),
    ("backup", &["windlass backup jobs-monday.db"]),
    ("export", &["windlass export jobs.ndjson", "windlass export - --namespace shop"]),
    (
        "import",
        &[
            "windlass import jobs.ndjson --database postgres://app@db/app",
            "windlass import jobs.ndjson --dry-run",
        ],
    ),
    ("restore", &["windlass restore jobs-monday.db --database sqlite:./data/windlass.db"]),
    ("doctor", &["windlass doctor --deep"]),
    ("health", &["windlass health", "windlass health --live"]),
    ("bench", &["windlass bench --jobs 10000"]),
    ("config", &["windlass config show"]),
    ("config show", &["windlass config show --origin"]),
    ("config path", &["windlass config path"]),
    ("config init", &["windlass config init", "windlass config init -"]),
    ("completions", &["windlass completions bash"]),
    ("man", &["windlass man", "windlass man --out ./man1"]),
    ("openapi", &["windlass openapi"]),
    ("version", &["windlass version"]),
    ("gq", &["windlass gq status --stats"]),
    ("gq serve", &["windlass gq serve --http :9000"]),
    ("gq submit", &["windlass gq submit -t email -p '{\"to\":\"ada\"}'"]),
    ("gq status", &["windlass gq status --state failed"]),
    ("gq version", &["windlass gq version"]),
    ("pgqueue", &["windlass pgqueue queues"]),
    ("pgqueue run", &["windlass pgqueue run postgres://jobs@db.example/jobs"]),
    ("pgqueue namespaces", &["windlass pgqueue namespaces"]),
    ("pgqueue queues", &["windlass pgqueue queues --limit 10"]),
    ("pgqueue queue", &["windlass pgqueue queue mail"]),
    ("pgqueue create-queue", &["windlass pgqueue create-queue mail --ttl 2h --retries 5"]),
    ("pgqueue update-queue", &["windlass pgqueue update-queue mail --retry-delay 1m"]),
    ("pgqueue delete-queue", &["windlass pgqueue delete-queue mail"]),
    ("pgqueue tasks", &["windlass pgqueue tasks --queue mail --status new"]),
    ("pgqueue create-task", &["windlass pgqueue create-task mail --payload '{\"to\":\"ada\"}'"]),
    ("pgqueue retain-task", &["windlass pgqueue retain-task --worker w1 mail"]),
    ("pgqueue complete-task", &["windlass pgqueue complete-task 81234567890123456"]),
    ("pgqueue tickers", &["windlass pgqueue tickers"]),
    ("pgqueue ticker", &["windlass pgqueue ticker hourly"]),
    ("pgqueue create-ticker", &["windlass pgqueue create-ticker hourly --interval 1h"]),
    ("pgqueue update-ticker", &["windlass pgqueue update-ticker hourly --interval 30m"]),
    ("pgqueue delete-ticker", &["windlass pgqueue delete-ticker hourly"]),
    ("pgqueue next-ticker", &["windlass pgqueue next-ticker"]),
];

/// The command and all under it, with their examples; `path` is where it stands.
pub(crate) fn added(command: Command, path: &str) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let inner =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path} {name}") };
    let command = names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| added(command, &inner(name)))
    });
    match EXAMPLES.iter().find(|(known, _)| *known == path) {
        Some((_, lines)) => command.after_help(format!("Examples:\n  {}", lines.join("\n  "))),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    /// Every command by its path, with what it is for.
    fn tree(command: &Command, path: &str, out: &mut Vec<(String, String)>) {
        for inner in command.get_subcommands() {
            let path = format!("{path} {}", inner.get_name()).trim().to_owned();
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            out.push((path.clone(), about));
            tree(inner, &path, out);
        }
    }

    fn whole() -> Vec<(String, String)> {
        let mut out = Vec::new();
        tree(&args::command(), "", &mut out);
        out
    }

    /// Words as a shell makes them, of lines with single quotes only.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                words.last_mut().unwrap().push_str(part);
                continue;
            }
            for (index, word) in part.split(' ').enumerate() {
                if index > 0 {
                    words.push(String::new());
                }
                words.last_mut().unwrap().push_str(word);
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn every_command_has_examples_that_are_commands() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("any.json");
        std::fs::write(&file, "{}").unwrap();
        for (path, _) in whole() {
            let found = EXAMPLES.iter().find(|(known, _)| *known == path);
            let (_, lines) = found.unwrap_or_else(|| panic!("`windlass {path}` has no example"));
            for line in *lines {
                let mut words = words(line);
                // A file that an example names need not be here.
                for word in words.iter_mut().filter(|word| word.starts_with('@')) {
                    *word = format!("@{}", file.display());
                }
                let read = args::command().try_get_matches_from(&words);
                // A group is shown by one of its commands.
                assert!(line.starts_with(&format!("windlass {path}")), "{line}");
                assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
            }
        }
        for (path, _) in EXAMPLES {
            assert!(whole().iter().any(|(known, _)| known == path), "`{path}` is no command");
        }
    }

    #[test]
    fn every_command_is_documented() {
        let page = include_str!("../../../docs/cli.md");

        let lines: Vec<String> =
            whole().iter().map(|(path, about)| format!("| `{path}` | {about} |")).collect();
        let wanted = lines.join("\n");

        assert!(page.contains(&wanted), "docs/cli.md should hold:\n{wanted}");
    }

    /// The contract's tree: what is not there yet is named as later in docs/cli.md.
    #[test]
    fn every_command_of_the_contract_is_there_or_named_as_later() {
        let page = include_str!("../../../docs/cli.md");
        let later = page.split("## Later").nth(1).unwrap();
        let known: Vec<String> = whole().into_iter().map(|(path, _)| path).collect();
        for (group, commands) in [
            ("", "serve submit status events stats top backup restore export import bench doctor"),
            ("", "completions man openapi version"),
            ("jobs", "list get wait logs explain retry cancel run-now edit delete move"),
            ("queues", "list get create set pause resume purge delete stats"),
            ("schedules", "list get create set pause resume trigger preview delete watch"),
            ("dead", "list groups retry delete"),
            ("operations", "list get watch cancel"),
            ("workers", "list get quiet terminate"),
            ("worker", "run"),
            ("namespaces", "list create delete"),
            ("keys", "create list rotate revoke"),
            ("audit", "list"),
            ("db", "migrate status sql check vacuum prune"),
            ("config", "show path init"),
        ] {
            for command in commands.split(' ') {
                let path = format!("{group} {command}").trim().to_owned();
                let is_there = known.contains(&path) || later.contains(&format!("`{path}`"));
                assert!(is_there, "`windlass {path}` is neither there nor named as later");
            }
        }
    }
}
