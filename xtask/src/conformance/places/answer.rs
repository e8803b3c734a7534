//! What the service answers to a request.

use std::time::Instant;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};
use tokio::time::sleep;

use super::asked::{Api, Asked};
use super::bodies::{self, Reply};
use super::response::{Pieces, response};
use super::{Behaviour, Shared};

/// The most bytes of a request's body.
const MOST_BODY: usize = 64 * 1024;

/// The largest radius of the New API, in metres.
const MOST_RADIUS: f64 = 50_000.0;

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the Places service hangs up")]
pub(super) struct HangUp;

/// Answers one request.
pub(super) async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Response<Pieces>, HangUp> {
    let at = Instant::now();
    let (head, content) = request.into_parts();
    let content = axum::body::to_bytes(axum::body::Body::new(content), MOST_BODY).await;
    let content = content.map_err(|_| HangUp)?;
    let asked = Asked::read(at, &head, &content);
    shared.remember(asked.clone());

    let mut behaviour = shared.behaviour.subscribe();
    let current = behaviour.borrow_and_update().clone();
    let api = asked.api;
    let reply = match current {
        Behaviour::Answer { results, delay, blank_lines } => {
            let reply = refusal(&asked, &head.headers, &shared.key)
                .unwrap_or_else(|| Reply::json(bodies::body(api, limited(results, &asked), blank_lines)));
            sleep(delay).await;
            reply
        }
        Behaviour::Denied => bodies::denied(api),
        Behaviour::Status(status) => Reply::page(status),
        Behaviour::NotJson => Reply::page(200),
        Behaviour::Hangup => return Err(HangUp),
        Behaviour::Never => {
            // Ends when the behaviour changes, or with the service.
            let _ = behaviour.changed().await;
            return Err(HangUp);
        }
    };
    Ok(response(api, reply))
}

/// Returns the number of results for a request.
fn limited(results: usize, asked: &Asked) -> usize {
    let limit = asked.limit.and_then(|limit| usize::try_from(limit).ok());
    results.min(limit.unwrap_or(results))
}

/// Returns the answer to a request that Google would refuse.
fn refusal(asked: &Asked, headers: &HeaderMap, key: &str) -> Option<Reply> {
    let api = asked.api;
    let method = match api {
        Api::Other => return Some(Reply::page(404)),
        Api::Legacy => Method::GET,
        Api::New => Method::POST,
    };
    if asked.method != method.as_str() {
        return Some(Reply::page(405));
    }
    match &asked.key {
        None => return Some(bodies::no_key(api)),
        Some(sent) if sent != key => return Some(bodies::wrong_key(api)),
        Some(_) => {}
    }
    problem(asked, headers).map(|problem| bodies::invalid(api, problem))
}

/// Returns what is wrong with the parameters of a request.
fn problem(asked: &Asked, headers: &HeaderMap) -> Option<&'static str> {
    let is_place = asked.latitude.is_some_and(|latitude| latitude.abs() <= 90.0)
        && asked.longitude.is_some_and(|longitude| longitude.abs() <= 180.0)
        && asked.radius.is_some_and(|radius| radius > 0.0);
    if asked.api == Api::Legacy {
        // A larger radius than the service allows is lowered, not refused.
        return (!is_place).then_some("");
    }
    if !headers.contains_key("x-goog-fieldmask") && !asked.target.contains("fields=") {
        return Some("FieldMask is a required parameter.");
    }
    if !is_place || asked.radius.is_some_and(|radius| radius > MOST_RADIUS) {
        return Some("Invalid location_restriction.circle.");
    }
    if asked.limit.is_some_and(|limit| !(1..=20).contains(&limit)) {
        return Some("Max_result_count must be between 1 and 20 (inclusively).");
    }
    None
}
