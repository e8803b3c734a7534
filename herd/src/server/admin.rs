//! HTTP for whoever looks after a node, on a port of its own.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 as long as the process serves |
//! | `/readyz` | 200 when a neighbour is linked and the disk works; else 503, and why |
//! | `/status` | everything, as JSON |
//! | `/metrics` | the same for Prometheus |
//! | `DELETE /clients/<client-id>` | see [`removal`] |

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tracing::warn;

use super::status::Status;
use super::{Shared, metrics, removal};
use crate::net::{Listener, serve_http};

/// Serves until the node has stopped.
pub(super) async fn serve(shared: Arc<Shared>, listener: Listener) {
    let app = Router::new()
        .route("/healthz", get("ok\n"))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(scrape))
        .merge(removal::routes())
        .with_state(shared);
    if let Err(error) = serve_http(listener, app).await {
        warn!(%error, "the admin port is closed");
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let status = Status::of(&shared);
    if status.ready {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, status.reasons.join("\n") + "\n").into_response()
    }
}

async fn status(State(shared): State<Arc<Shared>>) -> Json<Status> {
    Json(Status::of(&shared))
}

async fn scrape(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(&Status::of(&shared))).into_response()
}
