//! `windlass queues` and `windlass namespaces`, on a server and in a database alike.

use crate::program::{Folder, Server};

pub(crate) fn everywhere(check: impl Fn(&Folder, [&str; 2])) {
    let folder = Folder::new();
    folder.ok(&["db", "migrate", "--database=sqlite:jobs.db"]);
    check(&folder, ["--database", "sqlite:jobs.db"]);
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    check(&folder, ["--server", &server.url]);
}

pub(crate) fn at<'a>(args: &[&'a str], place: [&'a str; 2]) -> Vec<&'a str> {
    args.iter().copied().chain(place).collect()
}

#[test]
fn a_queue_is_created_set_listed_and_deleted() {
    everywhere(|folder, place| {
        let create = ["queues", "create", "mail", "--ttl", "1h", "--keep-failed", "forever"];
        let made = folder.json(&at(&create, place));
        let set = ["queues", "set", "mail", "--retries", "2", "--max-depth", "9", "--reset", "ttl"];
        let changed = folder.json(&at(&set, place));
        folder.ok(&at(&["submit", "echo", "--queue", "other"], place));

        assert_eq!((&made["ttl"], &made["retention"]["failed"]), (&"1h".into(), &().into()));
        assert_eq!((&changed["retries"], &changed["max_depth"]), (&2.into(), &9.into()));
        assert!(changed["ttl"].is_null());
        assert_eq!(folder.ok(&at(&["queues", "list", "-o", "id"], place)), "mail\nother");
        let table = folder.ok(&at(&["queues", "list"], place));
        assert!(table.starts_with("NAME ") && table.contains("MAX DEPTH"), "{table}");
        let read = folder.json(&at(&["queues", "get", "mail"], place));
        assert_eq!(read, changed);
        let code = |args: &[&str]| folder.run(&at(args, place)).code;
        assert_eq!(code(&["queues", "create", "mail"]), 4);
        assert_eq!(code(&["queues", "delete", "other", "--yes"]), 4);
        assert_eq!(code(&["queues", "delete", "other", "--yes", "--force"]), 0);
        assert_eq!(code(&["queues", "get", "other"]), 3);
        assert_eq!(code(&["queues", "set", "mail", "--max-depth", "0"]), 2);
        assert_eq!(code(&["queues", "set", "mail"]), 2, "no setting");
        assert_eq!(code(&["queues", "get", "a/b"]), 3);
    });
}

#[test]
fn queues_and_types_are_paused_and_resumed() {
    everywhere(|folder, place| {
        folder.ok(&at(&["submit", "echo", "--queue", "mail"], place));
        let pause = ["queues", "pause", "mail", "--reason", "away", "--until", "1h", "--by", "ada"];

        let paused = folder.json(&at(&pause, place));
        let of_type = folder.json(&at(&["queues", "pause", "mail", "--type", "echo"], place));
        let everywhere = folder.json(&at(&["queues", "pause", "--type", "echo"], place));
        let resumed = folder.json(&at(&["queues", "resume", "mail"], place));

        assert_eq!(
            (&paused["paused"]["reason"], &paused["paused"]["by"]),
            (&"away".into(), &"ada".into())
        );
        assert!(paused["paused"]["until"].is_string());
        assert_eq!(of_type["paused_types"][0]["type"], "echo");
        assert!(everywhere["paused"]["since"].is_string(), "{everywhere}");
        assert!(resumed["paused"].is_null() && resumed["paused_types"][0].is_object());
        assert_eq!(folder.run(&at(&["queues", "pause"], place)).code, 2);
        assert_eq!(folder.run(&at(&["queues", "pause", "none"], place)).code, 3);
    });
}

#[test]
fn jobs_are_purged_and_counted() {
    everywhere(|folder, place| {
        for _ in 0..2 {
            folder.ok(&at(&["submit", "echo", "--queue", "mail"], place));
        }
        let stats = folder.json(&at(&["queues", "stats", "mail"], place));
        assert_eq!(
            (&stats["jobs"]["pending"], &stats["totals"]["enqueues"]),
            (&2.into(), &2.into())
        );

        let unasked = folder.run(&at(&["queues", "purge", "mail"], place));
        let none = folder.json(&at(&["queues", "purge", "mail", "-y", "--state", "failed"], place));
        let purged = folder.json(&at(&["queues", "purge", "mail", "-y"], place));

        assert_eq!((unasked.code, &none["deleted"], &purged["deleted"]), (2, &0.into(), &2.into()));
    });
}

#[test]
fn namespaces_are_created_used_and_deleted() {
    everywhere(|folder, place| {
        let name = folder.ok(&at(&["namespaces", "create", "tenant", "-o", "id"], place));
        folder.ok(&at(&["submit", "echo", "--namespace", "tenant"], place));

        assert_eq!(name, "tenant");
        let listed = folder.ok(&at(&["namespaces", "list", "-o", "id"], place));
        assert_eq!(listed, "default\ntenant");
        assert_eq!(folder.ok(&at(&["queues", "list", "-o", "id"], place)), "");
        let delete = |flags: &[&str]| {
            let args = [&["namespaces", "delete", "tenant", "-y"], flags].concat();
            folder.run(&at(&args, place)).code
        };
        assert_eq!([delete(&[]), delete(&["--force"]), delete(&["--force"])], [4, 0, 3]);
    });
}

#[test]
fn what_is_kept_no_longer_is_pruned() {
    let folder = Folder::new();
    let place = ["--database", "sqlite:jobs.db"];
    let id = folder.ok(&at(&["submit", "echo", "-o", "id"], place));
    folder.ok(&at(&["jobs", "cancel", &id], place));

    let kept = folder.ok(&at(&["db", "prune"], place));
    folder.ok(&at(&["queues", "set", "default", "--keep-cancelled", "0s"], place));
    let pruned = folder.ok(&at(&["db", "prune"], place));

    assert_eq!((kept.as_str(), pruned.as_str()), ("pruned    0 jobs", "pruned    1 jobs"));
    assert_eq!(folder.run(&at(&["jobs", "get", &id], place)).code, 3);
    assert!(folder.ok(&at(&["doctor", "--deep"], place)).contains("contents  ok"));
}
