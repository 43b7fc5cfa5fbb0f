//! `windlass schedules`, on a server and in a database alike.

use crate::program::Folder;
use crate::queues::{at, everywhere};

#[test]
fn a_schedule_is_made_changed_listed_and_deleted() {
    everywhere(|folder, place| {
        let create = [
            "schedules",
            "create",
            "nightly",
            "--cron",
            "0 3 * * *",
            "--timezone",
            "Europe/Berlin",
            "--type",
            "echo",
            "--payload",
            "{\"n\": 1.0}",
            "--overlap",
            "skip",
            "--tag",
            "a=b",
        ];
        let made = folder.json(&at(&create, place));
        let set =
            ["schedules", "set", "nightly", "--every", "90s", "--queue", "q", "--reset", "overlap"];
        let changed = folder.json(&at(&set, place));

        assert_eq!(
            (&made["cron"], &made["timezone"]),
            (&"0 3 * * *".into(), &"Europe/Berlin".into())
        );
        assert_eq!(
            (&made["job"]["type"], &made["job"]["tags"]["a"]),
            (&"echo".into(), &"b".into())
        );
        assert_eq!((&changed["interval"], &changed["overlap"]), (&"1m30s".into(), &"allow".into()));
        assert_eq!(
            (&changed["job"]["type"], &changed["job"]["queue"]),
            (&"echo".into(), &"q".into())
        );
        assert_eq!(folder.ok(&at(&["schedules", "list", "-o", "id"], place)), "nightly");
        let table = folder.ok(&at(&["schedules", "list"], place));
        assert!(table.starts_with("NAME ") && table.contains("1m30s"), "{table}");
        assert_eq!(folder.json(&at(&["schedules", "get", "nightly"], place)), changed);
        let code = |args: &[&str]| folder.run(&at(args, place)).code;
        assert_eq!(code(&["schedules", "create", "nightly", "--every", "1h", "--type", "echo"]), 4);
        assert_eq!(code(&["schedules", "create", "x", "--cron", "* *", "--type", "echo"]), 2);
        assert_eq!(code(&["schedules", "create", "x", "--every", "1h"]), 2);
        assert_eq!(code(&["schedules", "set", "nightly", "--timezone", "Nowhere"]), 2);
        assert_eq!(code(&["schedules", "delete", "nightly"]), 2);
        assert_eq!(code(&["schedules", "delete", "nightly", "--yes"]), 0);
        assert_eq!(code(&["schedules", "get", "nightly"]), 3);
    });
}

#[test]
fn a_schedule_is_paused_resumed_and_run() {
    everywhere(|folder, place| {
        folder.ok(&at(&["schedules", "create", "s", "--every", "1h", "--type", "echo"], place));

        let pause = ["schedules", "pause", "s", "--reason", "away", "--until", "1h", "--by", "ada"];
        let paused = folder.json(&at(&pause, place));
        let job = folder.json(&at(&["schedules", "trigger", "s"], place));
        let resumed = folder.json(&at(&["schedules", "resume", "s"], place));
        let ticks = folder.json(&at(&["schedules", "ticks", "s"], place));

        assert_eq!(
            (&paused["paused"]["reason"], &paused["paused"]["by"]),
            (&"away".into(), &"ada".into())
        );
        assert!(paused["paused"]["until"].is_string() && resumed["paused"].is_null());
        assert_eq!((&job["type"], &job["schedule"]["name"]), (&"echo".into(), &"s".into()));
        assert_eq!(
            (&ticks["ticks"][0]["job_id"], &ticks["ticks"][0]["state"]),
            (&job["id"], &"triggered".into())
        );
        assert_eq!(folder.run(&at(&["schedules", "trigger", "none"], place)).code, 3);
    });
}

#[test]
fn ticks_to_come_are_shown() {
    everywhere(|folder, place| {
        let preview =
            ["schedules", "preview", "0 9 * * MON-FRI", "--timezone", "Asia/Tokyo", "-n", "3"];
        let shown = folder.json(&at(&preview, place));

        let ticks: Vec<&str> = shown["ticks"]
            .as_array()
            .expect("ticks")
            .iter()
            .filter_map(|tick| tick.as_str())
            .collect();
        assert_eq!(ticks.len(), 3);
        assert!(ticks.iter().all(|tick| tick.ends_with("T00:00:00.000000Z")), "{ticks:?}");
        assert_eq!(folder.run(&at(&["schedules", "preview", "nonsense"], place)).code, 2);
    });
}

#[test]
fn a_server_fires_what_is_due() {
    let folder = Folder::new();
    let server = crate::program::Server::start(&folder, &[]);
    let place = ["--server", server.url.as_str()];
    folder.ok(&at(
        &["schedules", "create", "s", "--every", "1h", "--run-on-start", "--type", "echo"],
        place,
    ));

    let job = loop {
        let ticks = folder.json(&at(&["schedules", "ticks", "s"], place));
        if let Some(job) = ticks["ticks"][0]["job_id"].as_str() {
            break job.to_owned();
        }
    };

    let waited = folder.json(&at(&["jobs", "wait", &job], place));
    assert_eq!((&waited["state"], &waited["schedule"]["name"]), (&"completed".into(), &"s".into()));
}
