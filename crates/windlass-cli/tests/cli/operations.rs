//! Changes by hand from the command line: one job, many at once, dead letters by group.

use crate::program::{Folder, Server};
use crate::queues::at;

/// A database alone, where the command itself does everything, and a server with a worker.
fn everywhere(check: impl Fn(&Folder, [&str; 2])) {
    let folder = Folder::new();
    folder.ok(&["db", "migrate", "--database=sqlite:jobs.db"]);
    check(&folder, ["--database", "sqlite:jobs.db"]);
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    check(&folder, ["--server", &server.url]);
}

fn submit(folder: &Folder, place: [&str; 2], more: &[&str]) -> String {
    let args = [&["submit", "none", "-o", "id"], more].concat();
    folder.ok(&at(&args, place))
}

#[test]
fn a_job_is_edited_and_moved() {
    everywhere(|folder, place| {
        let id = submit(folder, place, &["--payload", "1"]);

        let edit = ["jobs", "edit", &id, "--payload", "{\"n\": 1.50}", "--priority", "low"];
        let edited = folder.ok(&at(&[&edit[..], &["-o", "jsonl"]].concat(), place));
        let moved = folder.json(&at(&["jobs", "move", &id, "--to", "attic"], place));
        let at_time = ["jobs", "edit", &id, "--at", "2199-01-01T00:00:00Z", "--tag", "a=b"];
        let put_off = folder.json(&at(&at_time, place));
        let now = folder.json(&at(&["jobs", "run-now", &id], place));

        assert!(edited.contains("{\"n\":1.50}"), "{edited}");
        assert_eq!((&moved["queue"], &moved["priority"]), (&"attic".into(), &3.into()));
        assert_eq!((&put_off["state"], &put_off["tags"]["a"]), (&"delayed".into(), &"b".into()));
        assert_eq!(now["state"], "pending");
        let code = |args: &[&str]| folder.run(&at(args, place)).code;
        assert_eq!(code(&["jobs", "edit", &id]), 2);
        assert_eq!(code(&["jobs", "edit", "812", "--priority", "low"]), 3);
        assert_eq!(code(&["jobs", "move", "--to", "attic"]), 2);
    });
}

#[test]
fn queues_and_schedules_say_why_nothing_runs() {
    everywhere(|folder, place| {
        submit(folder, place, &[]);
        let every = ["schedules", "create", "s", "--every", "1h", "--type", "echo"];
        folder.ok(&at(&every, place));

        let queue = folder.ok(&at(&["queues", "explain", "default", "-o", "id"], place));
        let schedule = folder.json(&at(&["schedules", "explain", "s"], place));

        assert_eq!(queue, "no_worker");
        assert_eq!(
            (&schedule["runnable"], &schedule["blockers"][0]["code"]),
            (&false.into(), &"scheduled".into())
        );
        assert_eq!(folder.run(&at(&["queues", "explain", "none"], place)).code, 3);
    });
}

#[test]
fn many_jobs_are_cancelled_and_deleted() {
    everywhere(|folder, place| {
        let red = submit(folder, place, &["--tag", "colour=red"]);
        let blue = submit(folder, place, &["--tag", "colour=blue"]);

        let cancel = ["jobs", "cancel", "--tag", "colour=red"];
        let unasked = folder.run(&at(&cancel, place));
        let dry = folder.run(&at(&[&cancel[..], &["--dry-run", "-o", "id"]].concat(), place));
        let done = folder.json(&at(&[&cancel[..], &["--yes"]].concat(), place));
        let id = done["id"].as_str().expect("an id").to_owned();
        let again = folder.run(&at(&["operations", "cancel", &id], place));
        let listed = folder.ok(&at(&["operations", "list", "-o", "id"], place));

        assert_eq!(unasked.code, 2, "{}", unasked.stderr);
        assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
        assert_eq!((dry.code, dry.stdout.trim()), (0, red.as_str()));
        assert!(dry.stderr.contains("cancel: 1 jobs"), "{}", dry.stderr);
        assert_eq!((&done["state"], &done["done"]), (&"completed".into(), &1.into()), "{done}");
        assert_eq!((again.code, listed.as_str()), (4, id.as_str()));
        let state = |id: &str| folder.json(&at(&["jobs", "get", id], place))["state"].clone();
        assert_eq!((state(&red), state(&blue)), ("cancelled".into(), "pending".into()));
        let both = folder.run(&at(&["jobs", "delete", &red, "--queue", "default", "-y"], place));
        assert_eq!(both.code, 2, "{}", both.stderr);
        let delete = ["jobs", "delete", "--queue", "default", "--yes"];
        assert_eq!(folder.json(&at(&delete, place))["done"], 2);
        assert_eq!(folder.run(&at(&["jobs", "get", &blue], place)).code, 3);
    });
}

#[test]
fn dead_letters_are_grouped_and_retried() {
    let folder = &Folder::new();
    let server = Server::start(folder, &[]);
    let place = ["--server", &server.url];
    let fail = ["submit", "fail", "--payload", "{\"message\":\"no user 7\"}"];
    let fail = [&fail[..], &["--max-attempts", "1", "-o", "id"]].concat();
    let id = folder.ok(&at(&fail, place));
    folder.run(&at(&["jobs", "wait", &id], place));

    let groups = folder.json(&at(&["dead", "groups"], place));
    let group = &groups["groups"][0];
    let fingerprint = group["fingerprint"].as_str().expect("a fingerprint");
    let retry = ["dead", "retry", "--fingerprint", fingerprint, "--yes", "--rate", "50"];
    let retried = folder.json(&at(&retry, place));
    folder.run(&at(&["jobs", "wait", &id], place));
    let deleted = folder.json(&at(&["dead", "delete", "--yes"], place));

    assert_eq!((&group["count"], &group["message"]), (&1.into(), &"no user 7".into()));
    assert_eq!((&retried["done"], &retried["action"]), (&1.into(), &"retry".into()));
    assert_eq!(deleted["done"], 1, "{deleted}");
    assert_eq!(folder.ok(&at(&["dead", "list", "-o", "id"], place)), "");
}
