//! `windlass workers`: a server's own worker is listed and asked to stop, through it and past it.

use crate::program::{Folder, Server};

#[test]
fn a_worker_is_listed_read_and_asked_to_be_quiet_and_to_stop() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--lease", "1s", "--workers", "3"]);
    let at = |args: &[&str]| -> Vec<String> {
        let place = ["--server", &server.url];
        args.iter().copied().chain(place).map(str::to_owned).collect()
    };
    let json = |args: &[&str]| {
        let args = at(args);
        folder.json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };

    let listed = json(&["workers", "list"]);
    let id = listed["workers"][0]["id"].as_str().unwrap().to_owned();
    let worker = json(&["workers", "get", &id]);
    let quiet = json(&["workers", "quiet", &id]);
    let database = ["workers", "get", &id, "--database", "sqlite:data/windlass.db"];
    let directly = folder.json(&database);
    let args = at(&["workers", "terminate", &id]);
    let unsure = folder.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let stopping = json(&["workers", "terminate", &id, "--yes"]);
    let (code, log) = server.end();

    assert_eq!((&worker["concurrency"], &worker["remote"]), (&3.into(), &false.into()));
    assert_eq!((&quiet["state"], &directly["state"]), (&"quiet".into(), &"quiet".into()));
    assert_eq!(unsure.code, 2, "{unsure:?}");
    assert_eq!(stopping["state"], "terminate");
    assert_eq!(code, 0, "{log}");
    let gone = ["workers", "get", &id, "--database", "sqlite:data/windlass.db"];
    assert_eq!(folder.run(&gone).code, 3);
}
