//! The dashboard inside another program.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use windlass::{NewKey, Queue, Role};

use super::router;
use crate::Server;

async fn ask(
    pages: &TowerToHyperService<axum::Router>,
    path: &str,
    head: (&str, &str),
) -> (StatusCode, String, String) {
    let request = Request::get(path).header("host", "jobs.example").header(head.0, head.1);
    let response = pages.call(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let place = response.headers().get(header::LOCATION).map(|it| it.to_str().unwrap().to_owned());
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, place.unwrap_or_default(), String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn it_is_mounted_where_another_program_wants_it() {
    let queue = Queue::open("memory:").await.unwrap();
    let key = queue.create_key(NewKey::new(Role::Viewer)).await.unwrap().1.reveal();
    let server = Server::new(queue).hosts(["jobs.example"]);
    let program = axum::Router::new().nest("/admin", router(server, "/admin"));
    let pages = TowerToHyperService::new(program);

    let (status, place, _) = ask(&pages, "/admin/ui/jobs?q=a", ("accept", "*/*")).await;
    assert_eq!(
        (status, place.as_str()),
        (StatusCode::SEE_OTHER, "/admin/ui/login?next=%2Fui%2Fjobs%3Fq%3Da")
    );
    let (status, _, page) = ask(&pages, "/admin/ui/jobs", ("x-api-key", &key)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("href=\"/admin/ui/queues\""), "{page}");
    assert!(!page.contains("\"/ui/"), "{page}");
    let (status, ..) = ask(&pages, "/admin/ui/keys", ("x-api-key", &key)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, ..) = ask(&pages, "/admin/api/v1/jobs", ("x-api-key", &key)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_keys_only_names_of_this_machine_are_answered() {
    let queue = Queue::open("memory:").await.unwrap();
    let pages = TowerToHyperService::new(router(Server::new(queue.clone()), ""));
    let (status, place, _) = ask(&pages, "/ui/", ("accept", "*/*")).await;
    assert_eq!((status, place.as_str()), (StatusCode::SEE_OTHER, "/ui/login?next=%2Fui%2F"));

    let open = TowerToHyperService::new(router(Server::new(queue).keys_needed(false), ""));

    assert_eq!(ask(&open, "/ui/", ("accept", "*/*")).await.0, StatusCode::MISDIRECTED_REQUEST);
}
