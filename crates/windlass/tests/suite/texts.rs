//! Texts that one database or another cannot store, or would compare in its own way.

use windlass::{Error, NewJob, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_nul_in_a_text_is_refused_or_replaced,
    texts_of_all_languages_come_back_as_they_were,
);

async fn a_nul_in_a_text_is_refused_or_replaced(t: &Harness) {
    let job = || NewJob::new("mail", "\"\\u0000\"");
    for (job, pointer) in [
        (job().correlation_id("a\0b"), "/correlation_id"),
        (job().idempotency_key("a\0b"), "/idempotency_key"),
        (job().queue("a\0b"), "/queue"),
    ] {
        let Err(Error::Invalid(broken)) = t.queue.enqueue_new(job).await else {
            panic!("{pointer} was accepted")
        };
        assert_eq!(broken[0].pointer, pointer);
    }
    let stored = t.queue.enqueue_new(job().tag("a\0", "\0")).await.expect("stored");
    let record = t.queue.get(stored.id()).await.expect("a job");
    assert_eq!(
        (record.payload.as_slice(), &record.tags["a\0"]),
        (&b"\"\\u0000\""[..], &"\0".to_owned())
    );
    let cancelled = t.queue.cancel(stored.id(), Some("no\0pe")).await.expect("cancelled");
    assert_eq!(cancelled.last_error.as_deref(), Some("no?pe"));

    let script = Script::new([Act::FailForGood("a\0b")]);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let failed = t.job("mail").await;
    t.reaches(failed, State::Failed).await;
    let record = t.queue.get(failed).await.expect("a job");
    assert_eq!(record.last_error.as_deref(), Some("a?b"));
    worker.stop().await;
}

async fn texts_of_all_languages_come_back_as_they_were(t: &Harness) {
    // Emoji, right to left, combining and composed, dotted capital I, zero width, quotes and wildcards.
    let texts = [
        "\u{1f980}",
        "\u{5e9}\u{5dc}\u{202e}x",
        "e\u{301}",
        "\u{e9}",
        "\u{130}i",
        "a\u{200b}b",
        "\u{2028}\r\n\u{1b}[31m",
        "%_'\"\\;--",
    ];
    for text in texts {
        let job = NewJob::new("mail", format!("\"{text}\""));
        let job =
            job.correlation_id(text).tag(text, text).metadata("k", text).idempotency_key(text);
        let id = t.queue.enqueue_new(job).await.expect("stored").id();

        let record = t.queue.get(id).await.expect("a job");
        assert_eq!(record.payload, format!("\"{text}\"").as_bytes());
        assert_eq!(record.correlation_id.as_deref(), Some(text));
        assert_eq!((record.tags[text].as_str(), record.metadata["k"].as_str()), (text, text));
        let found = t.queue.list(windlass::JobFilter::new().correlation_id(text)).await;
        let found: Vec<_> = found.expect("a page").jobs.iter().map(|job| job.id).collect();
        assert_eq!(found, [id], "{text:?}");
    }
}
