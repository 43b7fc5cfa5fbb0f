//! The program from outside, killed with SIGKILL.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use example_service::client::client;
use example_service::shop::NewOrder;
use reqwest::StatusCode;

use crate::place::{Place, ended, order};

/// Orders that the program acknowledges before it is killed, and how often it is.
const ORDERS: usize = 15;
const KILLS: usize = 3;

/// The program at work.
struct Orders {
    child: Child,
    url: String,
}

impl Orders {
    fn start(place: &Place, workers: usize) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_orders"))
            .current_dir(place.path())
            .env("ORDERS_DATABASE", &place.config.database)
            .env("ORDERS_HTTP", "127.0.0.1:0")
            .env("ORDERS_WORKERS", workers.to_string())
            .env("ORDERS_LEASE_MS", "1000")
            .env("ORDERS_MAIL_FILE", &place.config.mail_file)
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("listening on ")));
        let url = line.unwrap().rsplit(' ').next().unwrap().to_owned();
        // Whatever else it says is read away, so that the pipe never fills.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// Ends it at once, as a power cut would.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Asks for an order; none when there was no answer.
async fn ask(http: &reqwest::Client, url: &str, new: &NewOrder) -> Option<(StatusCode, i64)> {
    let answer = http.post(format!("{url}/orders")).json(new).send().await.ok()?;
    let status = answer.status();
    let body: serde_json::Value = answer.json().await.ok()?;
    Some((status, body["id"].as_i64().unwrap_or_default()))
}

/// Every order has its email, and every email its order.
async fn every_order_has_its_email(place: &Place, acknowledged: &BTreeSet<i64>) {
    place.no_order_is_under_way().await;
    let shop = place.shop().await;
    ended(&shop, "email").await;
    ended(&shop, "notify").await;
    let (orders, notes) = shop.numbers().await.unwrap();
    let orders: BTreeSet<i64> = orders.into_iter().collect();
    let wanted: BTreeSet<String> = orders.iter().map(|id| format!("order-{id}")).collect();
    assert_eq!(place.mail().into_iter().collect::<BTreeSet<String>>(), wanted);
    // Written in the transaction of the completion: never twice, so a list and no set.
    assert_eq!(notes, orders.iter().copied().collect::<Vec<i64>>());
    assert!(acknowledged.is_subset(&orders), "{acknowledged:?} {orders:?}");
    assert_eq!(shop.queue().verify().await.unwrap(), Vec::<String>::new());
}

/// Orders are stored by a process that runs no jobs, and is killed before another one does.
async fn a_kill_between_order_and_email_loses_no_email(place: &Place) {
    let http = client();
    let mut taking = Orders::start(place, 0);
    let dashboard = http.get(format!("{}/ui/", taking.url)).send().await.unwrap();
    assert_eq!(dashboard.status(), StatusCode::OK);
    let mut acknowledged = BTreeSet::new();
    for n in 0..10 {
        let (item, wanted) = if n % 5 == 4 { ("nothing", 409) } else { ("kettle", 201) };
        let (status, id) = ask(&http, &taking.url, &order(item, 1)).await.unwrap();
        assert_eq!(status.as_u16(), wanted);
        acknowledged.extend((wanted == 201).then_some(id));
    }

    taking.kill();
    assert_eq!(place.mail(), Vec::<String>::new());
    let _working = Orders::start(place, 4);

    every_order_has_its_email(place, &acknowledged).await;
    assert_eq!((acknowledged.len(), place.mail().len()), (8, 8));
}

/// A process that takes orders and runs jobs is killed over and over, one order under way each time.
async fn kills_at_work_lose_no_email_and_send_none_without_an_order(place: &Place) {
    let http = client();
    let mut acknowledged = BTreeSet::new();
    for round in 1..=KILLS {
        let mut orders = Orders::start(place, 4);
        for n in 0..ORDERS {
            // Among them orders that are refused after their jobs were stored.
            let item = if n % 4 == 3 { "nothing" } else { "teapot" };
            let (status, id) = ask(&http, &orders.url, &order(item, 1)).await.unwrap();
            acknowledged.extend((status == StatusCode::CREATED).then_some(id));
        }
        // One more is under way, further in each round, when the process dies.
        let (url, last) = (orders.url.clone(), order("kettle", 1));
        let mut asked = std::pin::pin!(ask(&http, &url, &last));
        tokio::select! {
            answer = &mut asked => acknowledged.extend(answer.map(|(_, id)| id)),
            () = turns(10 * round) => {}
        }
        orders.kill();
    }
    let _working = Orders::start(place, 4);

    every_order_has_its_email(place, &acknowledged).await;
}

#[tokio::test]
async fn on_sqlite() {
    a_kill_between_order_and_email_loses_no_email(&Place::sqlite()).await;
    kills_at_work_lose_no_email_and_send_none_without_an_order(&Place::sqlite()).await;
}

#[tokio::test]
async fn on_postgres() {
    let Some(place) = Place::postgres().await else { return };
    a_kill_between_order_and_email_loses_no_email(&place).await;
    let place = Place::postgres().await.unwrap();
    kills_at_work_lose_no_email_and_send_none_without_an_order(&place).await;
}

/// Lets others go on so many times.
async fn turns(n: usize) {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
}
