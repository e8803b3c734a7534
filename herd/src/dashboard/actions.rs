//! What a person at the page can do: talk to nodes, break them, and play lessons.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::harness::HarnessAction;
use super::history::Notice;
use super::say::say;
use super::shared::{Shared, now_ms, on_harness};
use super::token::is_from_own_page;

/// The routes that change something.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/say", post(say_line))
        .route("/api/nodes/{name}/{action}", post(act_on_node))
        .route("/api/links/{a}/{b}/{action}", post(act_on_link))
        .route("/api/lessons/{name}/start", post(start_lesson))
        .route("/api/lesson/{action}", post(go_on))
}

/// A failure, as the page expects it.
pub(super) fn failure(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// Lets only requests of a page act that has the token.
pub(super) async fn check_token(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let headers = request.headers();
    match why_not(&shared, headers) {
        Some(reason) => failure(StatusCode::FORBIDDEN, reason),
        None if !is_from_own_page(headers) => {
            failure(StatusCode::FORBIDDEN, "expected JSON from a page of this dashboard")
        }
        None => next.run(request).await,
    }
}

/// The reason why a request may not act, or `None` if it may.
pub(super) fn why_not(shared: &Shared, headers: &axum::http::HeaderMap) -> Option<&'static str> {
    match &shared.token {
        None => Some("This dashboard is read-only. Start it with --allow-actions to talk to nodes."),
        Some(token) if !token.is_in(headers, shared.port) => {
            Some("Open the address that the dashboard printed when it started: it carries the token.")
        }
        Some(_) => None,
    }
}

/// A line for a node.
#[derive(Debug, Deserialize)]
struct Line {
    node: String,
    line: String,
}

async fn say_line(State(shared): State<Arc<Shared>>, Json(Line { node, line }): Json<Line>) -> Response {
    let Some(known) = shared.herd.node(&node) else { return no_such_node(&node) };
    if shared.herd.clients_use_tls {
        let error = "The clients of this herd use TLS, and the dashboard speaks plain TCP only.";
        return failure(StatusCode::NOT_IMPLEMENTED, error);
    }
    match say(known.client, &line).await {
        Ok(said) => {
            let seconds = said.took.as_secs_f64();
            Json(json!({ "answer": said.answer, "seconds": seconds, "hint": said.hint })).into_response()
        }
        Err(error) => failure(StatusCode::BAD_GATEWAY, &format!("{node}: {error}")),
    }
}

async fn act_on_node(
    State(shared): State<Arc<Shared>>,
    Path((node, action)): Path<(String, String)>,
) -> Response {
    if shared.herd.node(&node).is_none() {
        return no_such_node(&node);
    }
    let (action, done) = match &*action {
        "kill" => (HarnessAction::Kill(node.clone()), "was killed"),
        "pause" => (HarnessAction::Pause(node.clone()), "was paused"),
        "resume" => (HarnessAction::Resume(node.clone()), "was resumed"),
        "restart" => (HarnessAction::Restart(node.clone()), "was restarted"),
        _ => return no_such_action(),
    };
    let text = format!("{node} {done}");
    perform(&shared, action, Some((Some(node), text))).await
}

async fn act_on_link(
    State(shared): State<Arc<Shared>>,
    Path((a, b, action)): Path<(String, String, String)>,
) -> Response {
    let (action, done) = match &*action {
        "cut" => (HarnessAction::Cut(a.clone(), b.clone()), "was cut"),
        "heal" => (HarnessAction::Heal(a.clone(), b.clone()), "was healed"),
        _ => return no_such_action(),
    };
    let text = format!("the link of {a} and {b} {done}");
    perform(&shared, action, Some((None, text))).await
}

async fn start_lesson(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let text = format!("the herd was emptied for the lesson {name}");
    perform(&shared, HarnessAction::StartLesson(name), Some((None, text))).await
}

async fn go_on(State(shared): State<Arc<Shared>>, Path(action): Path<String>) -> Response {
    match &*action {
        "next" => perform(&shared, HarnessAction::NextStep, None).await,
        "stop" => perform(&shared, HarnessAction::StopLesson, None).await,
        _ => no_such_action(),
    }
}

/// Performs an action, notes it, and answers with the lesson, if there is one.
async fn perform(
    shared: &Arc<Shared>,
    action: HarnessAction,
    note: Option<(Option<String>, String)>,
) -> Response {
    let Some(harness) = &shared.harness else {
        let error = "This dashboard only watches. Start the herd with `cargo xtask herd-up --dashboard`.";
        return failure(StatusCode::NOT_FOUND, error);
    };
    let performed = on_harness(harness, move |harness| {
        harness.perform(&action)?;
        harness.state()
    });
    let performed = performed.await;
    shared.look_now.notify_one();
    match performed {
        Ok(state) => {
            if let Some((node, text)) = note {
                shared.notice(Notice { at_ms: now_ms(), node, kind: "action".to_owned(), text });
            }
            Json(state.lesson).into_response()
        }
        Err(error) => failure(StatusCode::CONFLICT, &error),
    }
}

pub(super) fn no_such_node(name: &str) -> Response {
    failure(StatusCode::NOT_FOUND, &format!("This herd has no node {name}."))
}

fn no_such_action() -> Response {
    failure(StatusCode::NOT_FOUND, "There is no such action.")
}
