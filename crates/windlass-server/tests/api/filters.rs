//! The filters of GET /api/v1/jobs that no index answers, and what ends a page early.

use std::time::Duration;

use crate::client::Api;

async fn kinds(api: &Api, query: &str) -> Vec<String> {
    let page = api.get(&format!("/api/v1/jobs{query}")).await.json();
    let jobs = page["jobs"].as_array().expect("a page has jobs");
    assert!(page.get("complete").is_none(), "{query}: {page}");
    jobs.iter().map(|job| job["type"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn reasons_times_and_text_filter_as_well() {
    let api = Api::start().await;
    api.enqueue(r#"{"type":"a","queue":"Mail","correlation_id":"c1"}"#).await;
    api.enqueue(r#"{"type":"b","delay":"1h","tags":{"team":"Blue 100%"}}"#).await;
    let c = api.enqueue(r#"{"type":"c","idempotency_key":"order-7","correlation_id":"c2"}"#).await;
    api.post(&format!("/api/v1/jobs/{c}/cancel"), r#"{"reason":"too late"}"#).await;

    assert_eq!(kinds(&api, "?reason=scheduled").await, ["b"]);
    assert_eq!(kinds(&api, "?reason=scheduled&reason=no_worker&order=asc").await, ["a", "b"]);
    assert_eq!(kinds(&api, "?reason=request&state=cancelled").await, ["c"]);
    assert_eq!(kinds(&api, "?reason=request&state=pending").await, [""; 0]);
    assert_eq!(kinds(&api, "?correlation_id=c1&correlation_id=c2").await, ["c", "a"]);
    assert_eq!(kinds(&api, "?tag=team:Blue%20100%25&tag=team:red").await, ["b"]);
    assert_eq!(kinds(&api, "?updated_after=2100-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(kinds(&api, "?updated_before=2100-01-01T00:00:00Z&limit=1").await.len(), 1);
    for (text, found) in [
        ("mail", vec!["a"]),
        ("ORDER", vec!["c"]),
        ("100%25", vec!["b"]),
        ("too%20late", vec!["c"]),
        (c.as_str(), vec!["c"]),
        ("c", vec!["c", "a"]),
        ("%25", vec!["b"]),
        ("_", vec![]),
        ("'%20or%201=1%20--", vec![]),
    ] {
        assert_eq!(kinds(&api, &format!("?q={text}")).await, found, "{text}");
    }
}

#[tokio::test]
async fn a_queue_and_a_type_and_an_end_go_together() {
    let api = Api::start().await;
    api.queue.create_namespace("other").await.expect("a namespace");
    let job = br#"{"type":"a","queue":"x"}"#;
    api.send("POST", "/api/v1/jobs", &[("Windlass-Namespace", "other")], job).await;
    for (kind, queue) in [("a", "x"), ("a", "y"), ("b", "x")] {
        let id = api.enqueue(&format!(r#"{{"type":"{kind}","queue":"{queue}"}}"#)).await;
        api.post(&format!("/api/v1/jobs/{id}/cancel"), "").await;
    }

    assert_eq!(kinds(&api, "").await, ["b", "a", "a"]);
    assert_eq!(kinds(&api, "?queue=x&type=a").await, ["a"]);
    assert_eq!(kinds(&api, "?queue=x&state=cancelled").await, ["b", "a"]);
    assert_eq!(kinds(&api, "?type=b&state=cancelled&state=pending").await, ["b"]);
    assert_eq!(kinds(&api, "?state=cancelled&order=asc").await, ["a", "a", "b"]);
}

#[tokio::test]
async fn a_page_ends_early_when_so_many_jobs_were_looked_at() {
    let api = Api::start_with(|server| server.look_at_most(3, Duration::from_secs(3600))).await;
    for kind in ["wanted", "a", "b", "c", "d", "wanted", "e"] {
        api.enqueue(&format!(r#"{{"type":"{kind}","correlation_id":"{kind}"}}"#)).await;
    }

    let (mut cursor, mut found, mut pages) = (String::new(), 0, 0);
    loop {
        let path = format!("/api/v1/jobs?correlation_id=wanted{cursor}");
        let page = api.get(&path).await.json();
        (found, pages) = (found + page["jobs"].as_array().expect("jobs").len(), pages + 1);
        assert_eq!(page["has_more"], page["next_cursor"].is_string());
        let Some(next) = page["next_cursor"].as_str() else {
            assert!(page.get("complete").is_none());
            break;
        };
        assert_eq!(page["complete"], false);
        cursor = format!("&cursor={next}");
    }

    assert_eq!((found, pages), (2, 3));
}
