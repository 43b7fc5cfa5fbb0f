//! `windlass workflows` and `windlass batches`, on a server and in a database alike.

use crate::queues::{at, everywhere};

const GRAPH: &str = r#"{"name":"order","nodes":[{"name":"pay","type":"none","delay":"1h"},
    {"name":"ship","type":"none","after":["pay"],"payload":{"n": 1.0}}]}"#;

#[test]
fn a_workflow_is_submitted_shown_cancelled_and_retried() {
    everywhere(|folder, place| {
        let submit = ["workflows", "submit", GRAPH, "--idempotency-key", "order-1"];
        let made = folder.json(&at(&submit, place));
        let again = folder.json(&at(&submit, place));
        let id = made["id"].as_str().expect("an id");

        assert_eq!((&made["state"], &made["total"]), (&"running".into(), &2.into()));
        assert_eq!(again["id"], made["id"]);
        assert_eq!(folder.ok(&at(&["workflows", "list", "-o", "id"], place)), id);
        let table = folder.ok(&at(&["workflows", "get", id], place));
        assert!(table.contains("running") && table.contains("ship"), "{table}");
        let jobs = folder.json(&at(&["jobs", "list", "--workflow", id], place));
        assert_eq!((&jobs["count"], &jobs["jobs"][1]["node"]), (&2.into(), &"pay".into()));
        let cancelled = folder.json(&at(&["workflows", "cancel", id, "--reason", "no"], place));
        assert_eq!(cancelled["counts"]["cancelled"], 2);
        let retried = folder.json(&at(&["workflows", "retry", id, "--reset-attempts"], place));
        assert_eq!(retried["counts"]["pending"], 2);
        let code = |args: &[&str]| folder.run(&at(args, place)).code;
        assert_eq!(code(&["workflows", "retry", id]), 4);
        assert_eq!(code(&["workflows", "get", "1"]), 3);
        assert_eq!(code(&["workflows", "submit", "{"]), 2);
        let round = r#"{"nodes":[{"name":"a","type":"t","after":["a"]}]}"#;
        assert_eq!(code(&["workflows", "submit", round]), 2);
    });
}

#[test]
fn a_batch_is_opened_filled_and_committed() {
    everywhere(|folder, place| {
        let open =
            ["batches", "open", "--description", "May", "--on-complete", r#"{"type":"report"}"#];
        let made = folder.json(&at(&open, place));
        let id = made["id"].as_str().expect("an id");
        folder.ok(&at(&["submit", "none", "--batch", id], place));

        let committed = folder.json(&at(&["batches", "commit", id], place));
        let explained = folder.json(&at(&["batches", "explain", id], place));

        assert_eq!((&made["state"], &made["description"]), (&"open".into(), &"May".into()));
        assert_eq!(made["callbacks"]["on_complete"]["type"], "report");
        assert_eq!((&committed["state"], &committed["pending"]), (&"running".into(), &1.into()));
        assert_eq!(explained["blockers"][0]["code"], "members");
        assert_eq!(folder.json(&at(&["batches", "get", id], place)), committed);
        let list = folder.ok(&at(&["batches", "list", "--state", "running", "-o", "id"], place));
        assert_eq!(list, id);
        assert_eq!(folder.json(&at(&["jobs", "list", "--batch", id], place))["count"], 1);
        let code = |args: &[&str]| folder.run(&at(args, place)).code;
        assert_eq!(code(&["batches", "open", "--on-success", "{"]), 2);
        assert_eq!(code(&["batches", "get", "1"]), 3);
        assert_eq!(code(&["submit", "none", "--batch", "1"]), 2);
    });
}
