//! The end of the server.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{Api, Reply};

#[tokio::test]
async fn waits_end_when_the_server_stops() {
    let api = Api::start().await;
    let id = api.enqueue(r#"{"type":"echo"}"#).await;
    let mut waiting = api.connect().await;
    let head =
        format!("GET /api/v1/jobs/{id}/wait?timeout=10m HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    waiting.write_all(head.as_bytes()).await.unwrap();
    // Connections are taken in their order: when the second is answered, the first is under way.
    assert_eq!(api.get("/live").await.status, 200);

    api.stop.cancel();

    let reply = Reply::read(&mut waiting).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["timed_out"], true);
    assert_eq!(reply.json()["state"], "pending");
    api.serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(api.address).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_the_server_up() {
    let api = Api::start().await;
    let idle = api.connect().await;

    api.stop.cancel();

    api.serving.await.unwrap().unwrap();
    drop(idle);
}
