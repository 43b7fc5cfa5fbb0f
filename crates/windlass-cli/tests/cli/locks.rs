//! Several handles on one file: what one of them closes must not cost the others their locks.

use crate::program::Folder;

#[test]
fn a_second_handle_in_one_process_leaves_the_locks_of_the_first() {
    let folder = Folder::new();
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let job = || windlass::NewJob::new("mail", "1");

    let (first, id) = runtime.block_on(async {
        let first = windlass::Queue::open(&url).await.unwrap();
        first.enqueue_new(job()).await.unwrap();
        drop(windlass::Queue::open(&url).await.unwrap());
        // Another process that takes itself for the last user of the file would tidy up behind us.
        folder.ok(&["jobs", "list", "--database", &url]);
        let id = first.enqueue_new(job()).await.unwrap().id();
        (first, id)
    });

    let seen = folder.ok(&["jobs", "list", "--database", &url, "-o", "id"]);
    assert!(seen.lines().any(|line| line == id.to_string()), "{seen}");
    runtime.block_on(async { assert_eq!(first.get(id).await.unwrap().payload, b"1") });
}
