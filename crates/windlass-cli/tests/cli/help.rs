//! Help, version, and what is wrong with a command line.

use crate::program::Folder;

#[test]
fn help_names_every_command() {
    let folder = Folder::new();

    let help = folder.ok(&["--help"]);

    for command in ["serve", "submit", "status", "jobs", "stats", "doctor", "version"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
        assert!(folder.ok(&[command, "--help"]).contains("Usage: windlass"), "{command}");
    }
    for command in ["list", "get", "cancel", "retry", "delete", "wait"] {
        assert!(folder.ok(&["jobs", command, "--help"]).contains("--server"), "{command}");
    }
}

#[test]
fn version_is_printed_both_ways() {
    let folder = Folder::new();

    let version = folder.ok(&["version"]);

    assert_eq!(version, format!("windlass {}", env!("CARGO_PKG_VERSION")));
    assert_eq!(folder.ok(&["--version"]), version);
}

#[test]
fn completions_know_the_commands() {
    let folder = Folder::new();

    for shell in ["bash", "zsh", "fish"] {
        let script = folder.ok(&["completions", shell]);
        assert!(script.contains("submit") && script.contains("idempotency-key"), "{shell}");
    }
}

#[test]
fn a_wrong_command_line_exits_2_and_says_so_on_stderr() {
    let folder = Folder::new();

    for args in [
        &["launch"][..],
        &[],
        &["submit"],
        &["submit", "echo", "--type", "echo"],
        &["submit", "echo", "--payload", "hello"],
        &["submit", "echo", "--payload", "@missing.json"],
        &["submit", "echo", "--delay", "soon"],
        &["submit", "echo", "--delay", "1s", "--at", "2026-01-31T08:00:00Z"],
        &["submit", "echo", "--priority", "urgent"],
        &["submit", "echo", "--tag", "nothing"],
        &["submit", "echo", "--server", "ftp://example.org"],
        &["submit", "echo", "--server", "http://127.0.0.1:1", "--database", "sqlite:x.db"],
        &["submit", "echo", "--database", "memory:"],
        &["jobs", "get", "abc"],
        &["jobs", "get", "-1"],
        &["jobs", "list", "--state", "sleeping"],
        &["jobs", "list", "--limit", "0"],
        &["status", "--database", "oracle:x"],
        &["serve", "--http", "0.0.0.0:0"],
        &["serve", "--http", "nowhere"],
        &["serve", "--workers", "0"],
        &["serve", "--log-level", "a=b=c"],
    ] {
        let done = folder.run(args);

        assert_eq!(done.code, 2, "{args:?}: {done:?}");
        assert!(!done.stderr.is_empty() && done.stdout.is_empty(), "{args:?}: {done:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn without_a_server_the_hint_says_how_to_start_one() {
    let folder = Folder::new();

    let done = folder.run(&["status", "--server", "http://127.0.0.1:1"]);

    assert_eq!(done.code, 6, "{done:?}");
    assert!(done.stderr.contains("error: cannot reach http://127.0.0.1:1"), "{done:?}");
    assert!(done.stderr.contains("hint: ") && done.stderr.contains("windlass serve"), "{done:?}");
}

#[test]
fn a_mistyped_database_is_not_made() {
    let folder = Folder::new();

    for args in [&["jobs", "list"][..], &["stats"], &["doctor"]] {
        let args: Vec<&str> =
            args.iter().copied().chain(["--database", "sqlite:typo.db"]).collect();
        let done = folder.run(&args);

        assert_eq!(done.code, 6, "{args:?}: {done:?}");
    }
    assert!(!folder.path().join("typo.db").exists());
}
