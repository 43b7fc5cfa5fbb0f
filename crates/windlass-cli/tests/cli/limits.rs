//! `windlass limits`, on a server and in a database alike.

use crate::queues::{at, everywhere};

#[test]
fn a_limit_is_set_listed_and_deleted() {
    everywhere(|folder, place| {
        let set = ["limits", "set", "tenant", "--concurrency", "3", "--rate", "100/1m"];
        let made = folder.json(&at(&set, place));
        let own = r#"big={"concurrency":9}"#;
        let again = ["limits", "set", "tenant", "--ordered", "--override", own];

        assert_eq!((&made["concurrency"], &made["version"]), (&3.into(), &1.into()));
        assert_eq!((&made["rate"]["count"], &made["rate"]["per"]), (&100.into(), &"1m".into()));
        let code = |args: &[&str]| folder.run(&at(args, place)).code;
        assert_eq!(code(&again), 2);
        assert_eq!(folder.ok(&at(&["limits", "list", "-o", "id"], place)), "tenant");
        assert_eq!(folder.json(&at(&["limits", "get", "tenant"], place)), made);
        let submit =
            ["submit", "echo", "--concurrency-key", "tenant:a", "--rate-key", "r", "-o", "id"];
        let id = folder.ok(&at(&submit, place));
        let job = folder.json(&at(&["jobs", "get", &id], place));
        assert_eq!(job["concurrency_key"], "tenant:a");
        assert_eq!(code(&["limits", "set", "tenant", "--rate", "fast"]), 2);
        assert_eq!(code(&["limits", "set", "a:b", "--concurrency", "1"]), 2);
        assert_eq!(code(&["limits", "delete", "tenant", "--yes"]), 0);
        assert_eq!(code(&["limits", "get", "tenant"]), 3);
    });
}
