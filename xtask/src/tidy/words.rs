//! One concept, one word: public names avoid the words other queues use for what we call otherwise.

use super::Violation;
use super::rust_source::{Class, pieces};

const SCOPES: [&str; 3] =
    ["crates/windlass/src/", "crates/windlass-server/src/", "crates/windlass-cli/src/"];

/// Words of other queues, and the house word for the same thing.
const NEVER: [(&str, &str); 15] = [
    ("task", "job"),
    ("tube", "queue"),
    ("topic", "queue"),
    ("lane", "queue"),
    ("dequeue", "claim"),
    ("retain", "claim"),
    ("reserve", "claim"),
    ("requeue", "retry"),
    ("morgue", "dead letter"),
    ("ack", "complete"),
    ("nack", "fail"),
    ("ping", "heartbeat"),
    ("touch", "heartbeat"),
    ("reap", "prune"),
    ("healer", "rescue"),
];

/// Path and word that may stand, and why.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("crates/windlass/src/runtime/", "task", "here it is tokio's word: a future being run")];

const QUALIFIERS: [&str; 3] = ["async", "unsafe", "const"];
const ITEMS: [&str; 8] = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];

pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    if !SCOPES.iter().any(|scope| path.starts_with(scope)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for piece in pieces(text).into_iter().filter(|piece| piece.class == Class::Code) {
        for (i, line) in piece.text.lines().enumerate() {
            let Some(name) = public_name(line) else { continue };
            let refused = split(name).into_iter().filter_map(|word| refused(path, &word));
            found.extend(refused.map(|(word, ours)| {
                Violation::new(
                    piece.line + i,
                    format!("`{name}`: the house word for {word} is {ours}"),
                )
            }));
        }
    }
    found
}

/// The name a line makes public, if it does; `pub(crate)` is not public.
fn public_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split_whitespace();
    let mut item = words.next()?;
    let mut name = words.next()?;
    // `const` may qualify a function or be the item itself.
    while QUALIFIERS.contains(&item) && (ITEMS.contains(&name) || QUALIFIERS.contains(&name)) {
        (item, name) = (name, words.next()?);
    }
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    ITEMS.contains(&item).then(|| &name[..end])
}

/// The entry a word falls under, in the singular or plural, unless an exception lets it stand.
fn refused(path: &str, word: &str) -> Option<(&'static str, &'static str)> {
    let singular = word.strip_suffix('s').unwrap_or(word);
    let entry = NEVER.into_iter().find(|(never, _)| *never == word || *never == singular)?;
    let is_exception =
        |(at, never, _): &(&str, &str, &str)| path.starts_with(at) && *never == entry.0;
    (!EXCEPTIONS.iter().any(is_exception)).then_some(entry)
}

/// The words of a name in any case: `JobAck`, `job_ack` and `JOB_ACK` are two words each.
fn split(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            spaced.push('_');
        }
        spaced.push(c);
        before = c;
    }
    spaced.split('_').filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "crates/windlass/src/queue/mod.rs";

    #[test]
    fn public_items_with_a_foreign_word_fail() {
        for line in [
            "pub fn requeue(&self) {}",
            "pub async fn job_ack(&self) {}",
            "    pub const fn touch() {}",
            "pub struct JobTask {",
            "pub enum Reap {",
            "pub const MORGUE_MAX: u32 = 1;",
            "pub mod tasks;",
            "pub type Lane = u8;",
        ] {
            assert_eq!(check(PATH, line).len(), 1, "{line}");
        }
        let found = check(PATH, "\npub trait Topic {}");
        assert_eq!(found, [Violation::new(2, "`Topic`: the house word for topic is queue")]);
    }

    #[test]
    fn other_names_and_private_items_pass() {
        for line in [
            "fn requeue() {}",
            "pub(crate) fn requeue() {}",
            "pub fn pack(&self) -> Task {}",
            "pub fn mapping() {}",
            "pub struct Package;",
            "// pub fn requeue()",
            "let x = \"pub fn requeue()\";",
            "pub use tokio::task;",
        ] {
            assert!(check(PATH, line).is_empty(), "{line}");
        }
    }

    #[test]
    fn exceptions_and_other_crates_pass() {
        assert!(check("crates/windlass/src/runtime/mod.rs", "pub mod tasks;").is_empty());
        assert_eq!(check("crates/windlass/src/runtime/mod.rs", "pub mod lanes;").len(), 1);
        assert!(check("crates/windlass-testkit/src/lib.rs", "pub fn touch() {}").is_empty());
    }
}
