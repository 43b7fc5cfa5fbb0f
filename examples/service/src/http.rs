//! The orders API, and beside it the dashboard of the queue, its API, metrics and probes.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use windlass::TraceContext;
use windlass_server::{Observer, Server};

use crate::Shop;
use crate::shop::{NewOrder, ShopError};

/// All routes: `/orders` is ours; the dashboard at `/ui/`, `/api/v1`, `/metrics`, `/live`, `/ready` and `/health` are
/// the queue's.
///
/// The queue's answer as on a loopback address, where no key is needed. Behind a proxy, or on another address, serve
/// them with [`Server::serve`] on a port of their own, with keys.
pub fn router(shop: Shop, observer: Observer) -> Router {
    let queue =
        Server::new(shop.queue().clone()).observer(observer).service(Some("orders".to_owned()));
    Router::new()
        .route("/orders", post(place))
        .route("/orders/{id}", get(find))
        .with_state(shop)
        .merge(queue.router())
}

async fn place(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Json(new): Json<NewOrder>,
) -> Result<Response, ShopError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let trace =
        text("traceparent").and_then(|parent| TraceContext::new(parent, text("tracestate")));
    let order = shop.place(&new, trace.as_ref()).await?;
    // From here on the email will be sent, whatever becomes of this process.
    Ok((StatusCode::CREATED, Json(order)).into_response())
}

async fn find(State(shop): State<Shop>, Path(id): Path<i64>) -> Result<Response, ShopError> {
    Ok(match shop.order(id).await? {
        Some(order) => Json(order).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Quantity(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::SoldOut(_) => StatusCode::CONFLICT,
            Self::Database(_) | Self::Queue(_) => {
                tracing::error!(error = %self, "an order could not be stored");
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}
