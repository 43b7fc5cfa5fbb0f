//! What this server is, and where everything stands.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::app::Shared;
use crate::endpoints::{ENDPOINTS, Endpoint};

#[derive(Serialize)]
struct Info<'a> {
    name: &'static str,
    version: &'a str,
    /// Method and path of each, and what it does.
    endpoints: BTreeMap<String, &'static str>,
}

pub(crate) async fn info(State(app): State<Shared>) -> Response {
    let line =
        |endpoint: &Endpoint| (format!("{} {}", endpoint.method, endpoint.path), endpoint.summary);
    let endpoints = ENDPOINTS.iter().map(line).collect();
    Json(Info { name: "Windlass API", version: &app.version, endpoints }).into_response()
}
