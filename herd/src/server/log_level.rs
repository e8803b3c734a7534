//! `GET` and `PUT /log-level` on the admin port: the level of the log, while the node runs.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::ValueEnum;

use super::shared::Shared;
use crate::telemetry::{Level, set_level};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/log-level", get(show).put(change))
}

async fn show() -> String {
    shown()
}

/// Needs the admin token: at debug, the log contains locations.
async fn change(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let what = "requests that change its log level (SIGUSR1 changes it without a token)";
    if let Some(refusal) = shared.refusal(&headers, what) {
        return refusal;
    }
    let given = String::from_utf8_lossy(&body);
    match Level::from_str(given.trim(), true) {
        Ok(level) => {
            set_level(level);
            shown().into_response()
        }
        Err(_) => (StatusCode::BAD_REQUEST, format!("expected a level: {}\n", level_names())).into_response(),
    }
}

/// Returns the current level with its line end.
fn shown() -> String {
    format!("{}\n", Level::current().map_or("off", Level::name))
}

/// Returns the names of all levels, as a list in a sentence.
fn level_names() -> String {
    let names: Vec<_> = Level::value_variants().iter().map(|level| level.name()).collect();
    let (last, others) = names.split_last().expect("there are levels");
    format!("{} or {last}", others.join(", "))
}
