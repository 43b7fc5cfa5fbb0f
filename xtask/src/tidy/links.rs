//! A relative link in the docs leads to a file of the repository.

use std::collections::BTreeSet;

use super::Violation;

/// Checks the links of the README, the docs and the other Markdown files at the root.
pub(super) fn check(path: &str, text: &str, files: &BTreeSet<String>) -> Vec<Violation> {
    if path.contains('/') && !path.starts_with("docs/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut is_code = false;
    for (i, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            let broken = targets(line).into_iter().filter(|target| is_broken(path, target, files));
            let report = |target| format!("link to `{target}`, which does not exist");
            found.extend(broken.map(|target| Violation::new(i + 1, report(target))));
        }
    }
    found
}

/// What `[text](target "title")` and `[label]: target` point at.
fn targets(line: &str) -> Vec<String> {
    let line = without_code_spans(line);
    let first_word = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let mut targets: Vec<String> = line
        .split("](")
        .skip(1)
        .map(|rest| first_word(rest.split(')').next().unwrap_or(rest)))
        .collect();
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        targets.push(first_word(target));
    }
    targets
}

/// Every second stretch between backticks is code, as long as they come in pairs.
fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

fn is_broken(from: &str, target: &str, files: &BTreeSet<String>) -> bool {
    let target = target.trim_matches(['<', '>']);
    let target = target.split('#').next().unwrap_or(target);
    // Elsewhere on the web, in this document, or a rustdoc path: none is a file of ours.
    if target.is_empty()
        || target.contains("://")
        || target.contains("::")
        || target.starts_with("mailto:")
    {
        return false;
    }
    let Some(path) = resolve(from, target) else { return true };
    let folder = format!("{path}/");
    !path.is_empty()
        && !files.contains(&path)
        && !files.iter().any(|file| file.starts_with(&folder))
}

/// The path from the root; `None` for one that leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> Vec<(usize, String)> {
        let files = ["README.md", "LICENSE-MIT", "docs/STATES.md", "docs/img/flow.svg"];
        let files = files.map(str::to_owned).into_iter().collect();
        check(path, text, &files).into_iter().map(|v| (v.line, v.reason)).collect()
    }

    #[test]
    fn links_to_nowhere_fail() {
        let text = "see [a](STATES.md)\nand [b](docs/img/flow.svg) or [c](../../x)\n[d]: gone.md\n";
        let reason = |target: &str| format!("link to `{target}`, which does not exist");
        assert_eq!(
            broken("README.md", "[x](docs/gone.md#part)"),
            [(1, reason("docs/gone.md#part"))]
        );
        let found = broken("README.md", text);
        assert_eq!(
            found,
            [(1, reason("STATES.md")), (2, reason("../../x")), (3, reason("gone.md"))]
        );
    }

    #[test]
    fn links_to_files_folders_and_the_web_pass() {
        let text = "[a](docs/STATES.md#rows) [b](docs/) ![c](./docs/img/flow.svg \"Flow\") [d](#here)\n\
                    [e](https://example.com/x.md) [f](mailto:a@example.com) [g](windlass::Queue)\n";
        assert!(broken("README.md", text).is_empty());
        assert!(
            broken("docs/STATES.md", "[a](../LICENSE-MIT) [b](img/flow.svg) [c](..)").is_empty()
        );
    }

    #[test]
    fn code_and_other_folders_are_not_read() {
        assert!(broken("README.md", "`[a](gone)`\n```\n[b](gone)\n```\n").is_empty());
        assert!(broken("crates/windlass/NOTES.md", "[a](gone)").is_empty());
    }
}
