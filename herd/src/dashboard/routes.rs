//! The HTTP interface of a dashboard. The page uses it, and so may scripts.
//!
//! | path | answer |
//! |---|---|
//! | `/`, `/assets/..` | the page |
//! | `/api/herd` | the nodes, and what this dashboard can do |
//! | `/api/picture` | the states of nodes and links now |
//! | `/api/stream` | the same each second, and what happens, as server-sent events |
//! | `/api/history` | the last ten minutes |
//! | `/api/nodes/<name>/status`, `metrics`, `clients` | the answer of the node's admin port |
//! | `/api/nodes/<name>/log` | the last lines of the node's log |
//!
//! [`actions`](super::actions) has the requests that change something.

use std::sync::{Arc, PoisonError};

use axum::extract::{DefaultBodyLimit, Path, Query, RawQuery, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::actions::{self, failure, no_such_node, why_not};
use super::shared::{Shared, on_harness};
use super::{admin_port, assets};
use crate::server::is_for_this_machine;

/// The longest body of a request, in bytes.
const BODY_BYTES: usize = 64 * 1024;

/// The most lines of a log in one answer.
const MOST_LINES: usize = 2000;

/// The types of what nodes answer.
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What the page may do: load its own files, and ask its own server. Text that strangers sent to a
/// node can then never become a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of a dashboard.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/assets/{*path}", get(assets::serve))
        .route("/api/herd", get(herd))
        .route("/api/stream", get(stream))
        .route("/api/picture", get(picture))
        .route("/api/history", get(history))
        .route("/api/nodes/{name}/status", get(pass_status))
        .route("/api/nodes/{name}/metrics", get(pass_metrics))
        .route("/api/nodes/{name}/clients", get(pass_clients))
        .route("/api/nodes/{name}/log", get(log))
        .merge(actions::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&shared), actions::check_token))
        .layer(from_fn(guard))
        .with_state(shared)
}

/// Rejects requests for other hosts, as admin ports do, and tells the browser what the page may do.
async fn guard(request: Request, next: Next) -> Response {
    if !is_for_this_machine(request.headers(), &[]) {
        let advice = "unknown host: use an IP address or localhost\n";
        return (StatusCode::MISDIRECTED_REQUEST, advice).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The first address has the token.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The token in the address that the dashboard printed.
#[derive(Debug, Deserialize)]
struct Given {
    token: Option<String>,
}

/// The page. An address with the token leads to one without, and the browser keeps the token.
async fn page(State(shared): State<Arc<Shared>>, Query(given): Query<Given>) -> Response {
    let Some(given) = given.token else { return Html(assets::PAGE).into_response() };
    let cookie =
        shared.token.as_ref().filter(|token| token.is(&given)).map(|token| token.cookie(shared.port));
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response();
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

async fn herd(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let reason = why_not(&shared, &headers);
    let harness = shared.harness.as_ref().map(|harness| harness.abilities());
    let herd = &shared.herd;
    Json(json!({
        "name": herd.name,
        "nodes": herd.nodes,
        "may_act": reason.is_none(),
        "why_not": reason,
        "harness": harness,
    }))
    .into_response()
}

async fn stream(State(shared): State<Arc<Shared>>) -> Response {
    shared.feed.stream().into_response()
}

async fn history(State(shared): State<Arc<Shared>>) -> Response {
    Json(&*shared.history.lock().unwrap_or_else(PoisonError::into_inner)).into_response()
}

async fn picture(State(shared): State<Arc<Shared>>) -> Response {
    Json(&*shared.feed.picture()).into_response()
}

async fn pass_status(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    pass(&shared, &name, "/status", JSON).await
}

async fn pass_metrics(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    pass(&shared, &name, "/metrics", TEXT).await
}

async fn pass_clients(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    // Cannot fail: the semaphore is never closed.
    let _turn = shared.searches.acquire().await;
    pass(&shared, &name, &format!("/clients?{}", query.unwrap_or_default()), JSON).await
}

/// Answers with what a node's admin port answers, as a success of type `media_type` or as an error
/// in plain text. The type that the node gives does not count: whatever listens on its port must
/// not be able to serve a page or a script of this origin.
async fn pass(shared: &Shared, name: &str, path: &str, media_type: &'static str) -> Response {
    let Some(node) = shared.herd.node(name) else { return no_such_node(name) };
    let Some(admin) = node.admin else {
        return failure(StatusCode::NOT_FOUND, &format!("{name} has no admin port."));
    };
    match admin_port::get(&shared.http, admin, path).await {
        Ok(passed) => {
            let status = StatusCode::from_u16(passed.status).unwrap_or(StatusCode::BAD_GATEWAY);
            let media_type = if status == StatusCode::OK { media_type } else { TEXT };
            (status, [(CONTENT_TYPE, media_type)], passed.body).into_response()
        }
        Err(reason) => failure(StatusCode::BAD_GATEWAY, &format!("{name}: {reason}")),
    }
}

/// Which lines of a log to show.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    contains: String,
    lines: Option<usize>,
}

async fn log(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(Wanted { contains, lines }): Query<Wanted>,
) -> Response {
    let Some(harness) = &shared.harness else {
        return failure(StatusCode::NOT_FOUND, "Only a herd of `cargo xtask herd-up` shows its logs here.");
    };
    if shared.herd.node(&name).is_none() {
        return no_such_node(&name);
    }
    let most = lines.unwrap_or(200).min(MOST_LINES);
    let lines = on_harness(harness, move |harness| harness.log_lines(&name, &contains, most)).await;
    match lines {
        Ok(lines) => Json(json!({ "lines": lines })).into_response(),
        Err(error) => failure(StatusCode::CONFLICT, &error),
    }
}
