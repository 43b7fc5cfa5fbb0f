//! The parts in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use axum::routing::post;
use example_service::handlers::worker;
use example_service::shop::{NewOrder, ShopError};
use tokio::net::TcpListener;
use windlass::{JobFilter, Reason, State};
use windlass_server::Observer;

use crate::place::{DEADLINE, Place, ended, order};

/// On either database: an order's jobs run, and its warehouse note is written once.
async fn an_order_is_confirmed_and_noted(place: &Place) {
    let shop = place.shop().await;
    let running = worker(&shop, &place.config, Observer::new()).unwrap().start().await.unwrap();

    let placed = shop.place(&order("kettle", 2), None).await.unwrap();

    assert_eq!(shop.order(placed.id).await.unwrap(), Some(placed.clone()));
    assert_eq!(ended(&shop, "email").await[0].state, State::Completed);
    assert_eq!(ended(&shop, "notify").await[0].state, State::Completed);
    assert_eq!(place.mail(), [format!("order-{}", placed.id)]);
    assert_eq!(shop.numbers().await.unwrap(), (vec![placed.id], vec![placed.id]));
    running.stop().await;
}

/// On either database: what is refused leaves nothing, though its jobs were stored before.
async fn a_refused_order_leaves_neither_order_nor_jobs(place: &Place) {
    let shop = place.shop().await;
    shop.place(&order("samovar", 1), None).await.unwrap();

    let refused = shop.place(&order("samovar", 1), None).await.unwrap_err();
    let never = shop.place(&order("kettle", 0), None).await.unwrap_err();

    assert!(matches!(refused, ShopError::SoldOut(item) if item == "samovar"));
    assert!(matches!(never, ShopError::Quantity(0)));
    assert_eq!(shop.numbers().await.unwrap().0.len(), 1);
    assert_eq!(shop.queue().list(JobFilter::new()).await.unwrap().jobs.len(), 2);
}

#[tokio::test]
async fn on_sqlite() {
    an_order_is_confirmed_and_noted(&Place::sqlite()).await;
    a_refused_order_leaves_neither_order_nor_jobs(&Place::sqlite()).await;
}

#[tokio::test]
async fn on_postgres() {
    let Some(place) = Place::postgres().await else { return };
    an_order_is_confirmed_and_noted(&place).await;
    let place = Place::postgres().await.unwrap();
    a_refused_order_leaves_neither_order_nor_jobs(&place).await;
}

#[tokio::test]
async fn an_address_that_is_none_fails_for_good() {
    let place = Place::sqlite();
    let shop = place.shop().await;
    let running = worker(&shop, &place.config, Observer::new()).unwrap().start().await.unwrap();

    let new = NewOrder { email: "eve@bounce.example".to_owned(), ..order("teapot", 1) };
    shop.place(&new, None).await.unwrap();

    let job = ended(&shop, "email").await.remove(0);
    assert_eq!((job.state, job.reason, job.attempt), (State::Failed, Some(Reason::Permanent), 1));
    running.stop().await;
}

#[tokio::test]
async fn a_partner_that_is_busy_is_called_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = async move || match counted.fetch_add(1, Ordering::Relaxed) {
        0 => (StatusCode::SERVICE_UNAVAILABLE, [("Retry-After", "0")]),
        _ => (StatusCode::OK, [("Retry-After", "")]),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut place = Place::sqlite();
    place.config.webhook = Some(format!("http://{}/", listener.local_addr().unwrap()));
    let partner = axum::serve(listener, axum::Router::new().route("/", post(answer)));

    let work = async {
        let shop = place.shop().await;
        let running = worker(&shop, &place.config, Observer::new()).unwrap().start().await.unwrap();
        shop.place(&order("teapot", 1), None).await.unwrap();
        let job = ended(&shop, "call_partner").await.remove(0);
        running.stop().await;
        job
    };
    let job = tokio::select! {
        job = work => job,
        ended = partner.into_future() => panic!("the partner ended: {ended:?}"),
    };

    assert_eq!((job.state, job.attempt), (State::Completed, 2));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_report_of_a_tick_is_kept_and_sent() {
    let place = Place::sqlite();
    let shop = place.shop().await;
    let running = worker(&shop, &place.config, Observer::new()).unwrap().start().await.unwrap();

    let job = shop.queue().trigger_schedule("sales-report").await.unwrap();
    let job = shop.queue().wait(job, DEADLINE).await.unwrap();

    assert_eq!(job.state, State::Completed, "{job:?}");
    assert_eq!(shop.queue().logs(job.id).await.unwrap().len(), 1);
    assert_eq!(ended(&shop, "email").await[0].state, State::Completed);
    assert!(place.mail()[0].starts_with("report-"), "{:?}", place.mail());
    running.stop().await;
}
