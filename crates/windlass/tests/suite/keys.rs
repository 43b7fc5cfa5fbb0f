//! API keys: made, checked, rotated, revoked; and the audit of what people do with them.

use std::time::Duration;

use windlass::{
    Actor, ApiKey, AuditFilter, AuditRecord, Error, KeyEdit, KeyRates, NewJob, NewKey,
    PauseOptions, PauseScope, Queue, QueueBuilder, QueueSettings, Rate, Role, WorkerState,
};
use windlass_testkit::{Harness, every_backend};

every_backend!(
    a_key_is_known_by_its_secret_until_it_ends,
    a_rotated_key_has_two_secrets_for_a_while,
    a_key_is_changed_but_for_its_secret,
    the_first_key_is_brought_once,
    keys_are_listed_with_what_they_allow,
    what_somebody_does_is_in_the_audit,
    the_audit_is_read_page_by_page_and_filtered,
    who_asked_a_worker_to_stop_is_in_the_audit,
    old_lines_of_the_audit_are_deleted_where_someone_says_so,
);

const DAY: Duration = Duration::from_secs(24 * 3600);

fn actor(name: &str) -> Actor {
    Actor { name: name.to_owned(), ip: Some("192.0.2.1".to_owned()), ..Actor::local() }
}

async fn knows(queue: &Queue, key: &str) -> Option<String> {
    queue.authenticate(key).await.expect("an answer").map(|key| key.id)
}

async fn a_key_is_known_by_its_secret_until_it_ends(t: &Harness) {
    assert!(!t.queue.has_keys().await.expect("an answer"));
    let expires_at = Some(t.clock.now() + DAY);
    let new = NewKey { expires_at, ..NewKey::new(Role::Worker) };
    let (record, key) = t.queue.create_key(new).await.expect("made");
    let (other, revoked) = t.queue.create_key(NewKey::new(Role::Viewer)).await.expect("made");
    let stranger = ApiKey::random().expect("a key").reveal();
    let secret_of_other = format!("wl_{}{}", record.id, &revoked.reveal()[15..]);

    assert_eq!(knows(&t.queue, &key.reveal()).await, Some(record.id.clone()));
    for wrong in [&stranger, &secret_of_other, "", "wl_", "nonsense"] {
        assert_eq!(knows(&t.queue, wrong).await, None, "{wrong}");
    }
    t.queue.revoke_key(&other.id).await.expect("revoked");
    assert_eq!(knows(&t.queue, &revoked.reveal()).await, None);
    t.clock.advance(DAY);
    assert_eq!(knows(&t.queue, &key.reveal()).await, None);
    assert!(t.queue.has_keys().await.expect("an answer"));
    let missing = t.queue.revoke_key("nobodyhasthis").await.expect_err("no such key");
    assert!(matches!(missing, Error::NotFound { .. }), "{missing}");
    let rotated = t.queue.rotate_key(&record.id, DAY).await.expect_err("it has ended");
    assert!(matches!(rotated, Error::Conflict { .. }), "{rotated}");
}

async fn a_rotated_key_has_two_secrets_for_a_while(t: &Harness) {
    let (record, first) = t.queue.create_key(NewKey::new(Role::Admin)).await.expect("made");
    let (rotated, second) = t.queue.rotate_key(&record.id, DAY).await.expect("rotated");

    assert_eq!((first.id(), second.id()), (&*record.id, &*record.id));
    assert_eq!(rotated.old_until, Some(t.clock.now() + DAY));
    for key in [&first, &second] {
        assert_eq!(knows(&t.queue, &key.reveal()).await, Some(record.id.clone()));
    }
    t.clock.advance(DAY);
    assert_eq!(knows(&t.queue, &first.reveal()).await, None);
    assert_eq!(knows(&t.queue, &second.reveal()).await, Some(record.id.clone()));
    let (_, third) = t.queue.rotate_key(&record.id, Duration::ZERO).await.expect("rotated");
    assert_eq!(knows(&t.queue, &second.reveal()).await, None);
    assert_eq!(knows(&t.queue, &third.reveal()).await, Some(record.id.clone()));
    let long = t.queue.rotate_key(&record.id, 32 * DAY).await.expect_err("too long");
    assert!(matches!(long, Error::Invalid(_)), "{long}");
}

async fn a_key_is_changed_but_for_its_secret(t: &Harness) {
    let rate = Rate::new(5, DAY).burst(2);
    let rates = KeyRates { enqueues: Some(rate), claims: None };
    let new = NewKey { label: "first".to_owned(), rates, ..NewKey::new(Role::Worker) };
    let (made, key) = t.queue.create_key(new).await.expect("made");
    let both = KeyRates { claims: Some(rate), ..rates };

    let edit = KeyEdit { rates: Some(both), ..KeyEdit::default() };
    let changed = actor("abc").doing(t.queue.change_key(&made.id, edit)).await.expect("changed");
    let edit = KeyEdit { label: Some("second".to_owned()), ..KeyEdit::default() };
    let renamed = t.queue.change_key(&made.id, edit).await.expect("changed");
    let edit = KeyEdit { rates: Some(KeyRates::NONE), ..KeyEdit::default() };
    let freed = t.queue.change_key(&made.id, edit).await.expect("changed");

    assert_eq!((made.rates, changed.rates, renamed.rates), (rates, both, both));
    assert_eq!((changed.label.as_str(), renamed.label.as_str()), ("first", "second"));
    assert_eq!((freed.rates, freed.label.as_str()), (KeyRates::NONE, "second"));
    assert_eq!(knows(&t.queue, &key.reveal()).await, Some(made.id.clone()));
    let filter = AuditFilter { everywhere: true, ..AuditFilter::default() };
    let line = lines(&t.queue, filter).await.remove(0);
    assert_eq!((line.action.as_str(), line.target), ("key.update", made.id));
    let missing = t.queue.change_key("nobodyhasthis", KeyEdit::default()).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
}

async fn the_first_key_is_brought_once(t: &Harness) {
    let (first, second) = (ApiKey::random().expect("a key"), ApiKey::random().expect("a key"));

    assert!(t.queue.bring_first_key(first.clone()).await.expect("an answer"));
    assert!(!t.queue.bring_first_key(first.clone()).await.expect("an answer"));
    assert!(!t.queue.bring_first_key(second.clone()).await.expect("an answer"));

    let record = t.queue.authenticate(&first.reveal()).await.expect("an answer").expect("known");
    assert_eq!((record.role, record.label.as_str()), (Role::Admin, "first"));
    assert_eq!(knows(&t.queue, &second.reveal()).await, None);
}

async fn keys_are_listed_with_what_they_allow(t: &Harness) {
    let new = NewKey {
        namespaces: vec!["default".to_owned()],
        queues: vec!["mail.*".to_owned(), "sms".to_owned()],
        label: "for \"mails\"".to_owned(),
        ..NewKey::new(Role::Producer)
    };
    let (made, _) = actor("abc").doing(t.queue.create_key(new.clone())).await.expect("made");
    t.queue.create_key(NewKey::new(Role::Viewer)).await.expect("made");
    t.clock.advance(DAY);
    let every = Duration::from_secs(300);
    t.queue.note_key_use(&made.id, every).await.expect("noted");
    t.clock.advance(Duration::from_secs(299));
    t.queue.note_key_use(&made.id, every).await.expect("not noted again");

    let listed = t.queue.keys("").await.expect("keys");

    assert_eq!(listed.len(), 2);
    assert!(listed[0].id < listed[1].id);
    assert_eq!(t.queue.keys(&listed[0].id).await.expect("keys"), listed[1..]);
    let record = t.queue.key(&made.id).await.expect("a key");
    assert_eq!(
        (record.namespaces, record.queues, record.label),
        (new.namespaces, new.queues, new.label)
    );
    assert_eq!((record.created_by.as_str(), record.revoked_at), ("abc", None));
    assert_eq!(record.used_at, Some(made.created_at + DAY));
}

async fn lines(queue: &Queue, filter: AuditFilter) -> Vec<AuditRecord> {
    queue.audit(AuditFilter { limit: 100, ..filter }).await.expect("the audit")
}

async fn what_somebody_does_is_in_the_audit(t: &Harness) {
    let scope = || PauseScope::Queue("q".to_owned());
    let options = PauseOptions { reason: Some("why".to_owned()), ..PauseOptions::default() };
    let id = t.job("mail").with(|job| job.queue("q")).await;
    // Nobody in particular.
    t.queue.pause(scope(), PauseOptions::default()).await.expect("paused");

    let work = async {
        t.queue.pause(scope(), options).await.expect("paused");
        t.queue.create_queue("q", QueueSettings::default()).await.expect_err("exists");
        t.queue.cancel(id, Some("enough")).await.expect("cancelled");
        t.queue.cancel(id, None).await.expect_err("has ended");
        t.queue.delete(id, true).await.expect("deleted");
        t.queue.create_namespace("other").await.expect("created");
    };
    actor("abc").doing(work).await;

    let own = lines(&t.queue, AuditFilter::default()).await;
    let seen: Vec<(&str, String, &str)> =
        own.iter().map(|it| (&*it.action, it.target.clone(), &*it.detail)).collect();
    let (job, queue) = (id.to_string(), "q".to_owned());
    assert_eq!(
        seen,
        [
            ("job.delete", job.clone(), "by force"),
            ("job.cancel", job, "enough"),
            ("queue.pause", queue, "why"),
        ]
    );
    let all = lines(&t.queue, AuditFilter { everywhere: true, ..AuditFilter::default() }).await;
    assert_eq!((all.len(), &*all[0].action, &*all[0].namespace), (4, "namespace.create", ""));
    let first = &own[2];
    assert_eq!((&*first.actor, &*first.role, &*first.namespace), ("abc", "admin", "default"));
    assert_eq!((first.ip.as_deref(), first.at), (Some("192.0.2.1"), t.clock.now()));
}

async fn the_audit_is_read_page_by_page_and_filtered(t: &Harness) {
    for (name, queue) in [("a", "one"), ("b", "one"), ("a", "two"), ("a", "one")] {
        let expected = t.queue.queue(queue).await.is_err();
        let settings = QueueSettings::default;
        let work = async {
            match expected {
                true => t.queue.create_queue(queue, settings()).await,
                false => t.queue.configure_queue(queue, settings(), None).await,
            }
        };
        actor(name).doing(work).await.expect("done");
    }
    let by = |actor: &str| Some(actor.to_owned());

    let page = |before| AuditFilter { limit: 3, before, ..AuditFilter::default() };
    let first = t.queue.audit(page(None)).await.expect("a page");
    let second = t.queue.audit(page(Some(first[2].id))).await.expect("a page");
    assert_eq!((first.len(), second.len()), (3, 1));
    assert!(first.windows(2).all(|two| two[0].id > two[1].id));
    let of_a = lines(&t.queue, AuditFilter { actor: by("a"), ..AuditFilter::default() }).await;
    assert_eq!(of_a.len(), 3);
    let filter =
        AuditFilter { action: by("queue.change"), target: by("one"), ..AuditFilter::default() };
    assert_eq!(lines(&t.queue, filter).await.len(), 2);
    let other = t.queue.in_namespace("other").expect("a name");
    assert_eq!(lines(&other, AuditFilter::default()).await, []);
}

async fn who_asked_a_worker_to_stop_is_in_the_audit(t: &Harness) {
    let worker = t.queue.worker().handle_raw("mail", async |payload, _| windlass::Ok(payload));
    let worker = worker.start().await.expect("a worker");
    let id = worker.id();

    let asked = async {
        t.queue.ask_worker(id, WorkerState::Quiet).await.expect("asked");
        t.queue.ask_worker(id, WorkerState::Terminate).await.expect("asked");
    };
    actor("abc").doing(asked).await;

    let seen = lines(&t.queue, AuditFilter::default()).await;
    let seen: Vec<(&str, &str)> = seen.iter().map(|it| (&*it.action, &*it.target)).collect();
    let id = id.to_string();
    assert_eq!(seen, [("worker.terminate", &*id), ("worker.quiet", &*id)]);
    worker.stop().await;
}

async fn old_lines_of_the_audit_are_deleted_where_someone_says_so(t: &Harness) {
    if !t.is_shared() {
        // Another handle on the same database is needed.
        return;
    }
    let pause = async |reason: &str| {
        let options = PauseOptions { reason: Some(reason.to_owned()), ..PauseOptions::default() };
        let scope = PauseScope::Queue("q".to_owned());
        actor("abc").doing(t.queue.pause(scope, options)).await.expect("paused");
    };
    let own = async || {
        let lines = lines(&t.queue, AuditFilter::default()).await;
        lines.into_iter().map(|line| line.detail).collect::<Vec<String>>()
    };
    t.enqueue(NewJob::new("mail", "1").queue("q")).await;
    pause("first").await;
    t.clock.advance(DAY);
    pause("second").await;
    t.clock.advance(2 * DAY);
    pause("third").await;
    let open = async |builder: QueueBuilder| {
        builder.clock(t.clock.clone()).open(t.url()).await.expect("the same database")
    };

    // Whoever says nothing keeps them all, whatever else its upkeep prunes.
    let says_nothing = open(Queue::builder()).await;
    says_nothing.prune().await.expect("pruned");
    assert_eq!(own().await, ["third", "second", "first"]);
    let keeps = open(Queue::builder().audit_retention(2 * DAY + DAY / 2)).await;
    let upkeep = keeps.start_upkeep();

    t.until("the oldest line is gone", async || (own().await.len() < 3).then_some(())).await;
    upkeep.stop().await;
    assert_eq!(own().await, ["third", "second"]);
}
