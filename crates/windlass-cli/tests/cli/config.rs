//! The configuration file: where it is, what stands over it, what it declares.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Folder, Server};

const FILE: &str = r#"
http = ":0"
database = "sqlite:from-file.db"
workers = 3
shutdown_timeout = "7s"

[auth]
hosts = ["jobs.example"]

[retention]
completed = "forever"

[queues.mail]
retries = 2
concurrency = 4
[queues."a.b"]
retention = { completed = "1h" }

[schedules.nightly]
cron = "0 3 * * *"
job = { type = "echo", payload = { secret = "canary" } }
"#;

fn write(folder: &Folder, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).unwrap();
}

#[test]
fn flags_stand_over_the_environment_over_the_file_over_defaults() {
    let folder = Folder::new();
    write(&folder, "windlass.toml", FILE);
    let show = |env: &[(&str, &str)]| {
        let mut command = folder.command(&["config", "show", "--origin"]);
        let done = command.envs(env.iter().copied()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };

    let plain = show(&[]);
    let env = show(&[("WINDLASS_WORKERS", "5"), ("WINDLASS_AUTH__HOSTS", "a.example,b.example")]);

    for line in [
        "workers = 3  # windlass.toml:4",
        "lease = \"30s\"  # default",
        "shutdown_timeout = \"7s\"  # windlass.toml:5",
        "hosts = [\"jobs.example\"]  # windlass.toml:8",
        "[queues.\"mail\"]  # windlass.toml:13",
        "concurrency = 4",
        "[schedules.\"nightly\"]  # windlass.toml:19",
    ] {
        assert!(plain.contains(&format!("{line}\n")), "{line}: {plain}");
    }
    assert!(!plain.contains("canary"), "{plain}");
    assert!(env.contains("workers = 5  # WINDLASS_WORKERS\n"), "{env}");
    assert!(
        env.contains("hosts = [\"a.example\", \"b.example\"]  # WINDLASS_AUTH__HOSTS\n"),
        "{env}"
    );
    let stray =
        folder.command(&["config", "show"]).env("WINDLASS_AUTH__HOST", "x").output().unwrap();
    let told = String::from_utf8_lossy(&stray.stderr).into_owned();
    assert_eq!(stray.status.code(), Some(2), "{told}");
    assert!(told.contains("WINDLASS_AUTH__HOST is no setting (there are"), "{told}");
    // The flag: another database than the file's.
    let mut server = Server::start(&folder, &["--database", "sqlite:from-flag.db"]);
    server.until("try ");
    assert!(folder.path().join("from-flag.db").exists());
    assert!(!folder.path().join("from-file.db").exists());
}

#[test]
fn what_is_declared_is_there_and_people_keep_their_say() {
    let folder = Folder::new();
    write(&folder, "windlass.toml", FILE);
    let start = || {
        let mut server = Server::start(&folder, &["--api-only"]);
        server.until("try ");
        server
    };
    let server = start();
    let url = server.url.clone();
    let at = |args: &[&str]| folder.json(&[args, &["--server", &url]].concat());

    let mail = at(&["queues", "get", "mail"]);
    let other = at(&["queues", "get", "a.b"]);
    let nightly = at(&["schedules", "get", "nightly"]);

    assert_eq!((&mail["retries"], &mail["concurrency"]), (&2.into(), &4.into()));
    assert!(mail["retention"]["completed"].is_null(), "{mail}");
    assert_eq!(
        other["retention"]["completed"],
        at(&["queues", "get", "a.b"])["retention"]["completed"]
    );
    assert!(!other["retention"]["completed"].is_null(), "{other}");
    assert_eq!(nightly["cron"], "0 3 * * *");
    at(&["queues", "pause", "mail", "--reason", "storm"]);
    at(&["schedules", "pause", "nightly"]);
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    // Again, with a queue that changed and one that is not declared any more.
    write(&folder, "windlass.toml", &FILE.replace("concurrency = 4", "concurrency = 8"));
    let server = start();
    let mail = folder.json(&["queues", "get", "mail", "--server", &server.url]);
    let nightly = folder.json(&["schedules", "get", "nightly", "--server", &server.url]);
    assert_eq!(mail["concurrency"], 8);
    assert!(!mail["paused"].is_null() && mail["paused"] != false, "{mail}");
    assert!(!nightly["paused"].is_null() && nightly["paused"] != false, "{nightly}");
}

#[test]
fn a_file_that_is_wrong_starts_nothing() {
    let folder = Folder::new();
    write(&folder, "bad.toml", "http = ':0'\n[log]\nformat = 'xml'\n");
    write(&folder, "half.toml", "http = ':0'\n[tls]\ncert = 'cert.pem'\n");
    let before = fs::read_dir(folder.path()).unwrap().count();

    let bad = folder.run(&["serve", "--config", "bad.toml"]);
    let shown = folder.run(&["config", "show", "--config", "bad.toml"]);
    let half = folder.run(&["serve", "--config", "half.toml"]);
    let absent = folder.run(&["serve", "--config", "absent.toml"]);

    for done in [&bad, &shown] {
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.stderr.starts_with("error: bad.toml:3: `log.format`: "), "{done:?}");
    }
    assert!(half.code == 2 && half.stderr.contains("belong together"), "{half:?}");
    assert!(absent.code == 2 && absent.stderr.contains("absent.toml"), "{absent:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "nothing was made");
}

#[test]
fn init_writes_a_file_that_is_taken_and_never_over_another() {
    let folder = Folder::new();

    assert_eq!(folder.run(&["config", "path"]).code, 3);
    assert_eq!(folder.run(&["config", "init"]).code, 0);

    assert_eq!(folder.ok(&["config", "path"]), "windlass.toml");
    let file = folder.path().join("windlass.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(folder.run(&["config", "init"]).code, 4);
    assert_eq!(folder.ok(&["config", "init", "-"]), fs::read_to_string(&file).unwrap().trim_end());
    let defaults = folder.ok(&["config", "show"]);
    // Each comment that is a setting can be taken as it is, but for those that have no default.
    let text = fs::read_to_string(&file).unwrap();
    let is_setting = |line: &str| line.contains(" = ") && !line.ends_with("\"\"");
    let own = text.split("# What the queues below").next().unwrap();
    let lines = own.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if is_setting(setting) => setting,
        _ => line,
    });
    fs::write(&file, lines.collect::<Vec<&str>>().join("\n")).unwrap();
    assert_eq!(folder.ok(&["config", "show"]), defaults);
}

#[test]
fn passwords_are_not_shown_and_files_with_them_should_be_private() {
    let folder = Folder::new();
    let file = folder.path().join("own.toml");
    write(&folder, "own.toml", "database = 'postgres://ada:canary@db.example/jobs'\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let show = ["config", "show", "--config", "own.toml"];

    let open = folder.run(&show);

    assert!(open.stdout.contains("postgres://ada:***@db.example/jobs"), "{open:?}");
    assert!(open.stderr.contains("chmod 600"), "{open:?}");
    assert!(!format!("{open:?}").contains("canary"), "{open:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(folder.run(&show).stderr, "");
}
