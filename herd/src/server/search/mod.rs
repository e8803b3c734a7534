//! `GET /clients` on the admin port: the clients that the node knows, in pages, by the start of
//! their ids or the nearest to a place.
//!
//! A page is collected by a thread that does nothing else, in [steps](scan). There is one such
//! thread at a time; other requests wait for it.

mod finders;
mod page;
mod place;
mod query;
mod scan;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::shared::{Shared, lock};
use finders::{ByPrefix, Nearest};
use page::Page;
use query::{Query, Search};
use scan::scan;

/// Answers with a page of clients, or with 400 and what was expected.
pub(super) async fn clients(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let life = lock(&shared).node.incarnation();
    let query = match Query::parse(query.as_deref().unwrap_or_default(), life) {
        Ok(query) => query,
        Err(expected) => return (StatusCode::BAD_REQUEST, expected + "\n").into_response(),
    };
    // Cannot fail: the semaphore is never closed.
    let permit = Arc::clone(&shared.searches).acquire_owned().await;
    // The thread gives up when the request is dropped or the node stops.
    let stop = shared.stop.child_token();
    let _guard = stop.clone().drop_guard();
    let page = spawn_blocking(move || {
        let _permit = permit;
        find(&shared, query, life, &stop)
    });
    match page.await {
        Ok(Some(page)) => ([(CONTENT_TYPE, "application/json")], page).into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the node is stopping\n").into_response(),
    }
}

/// Finds a page, as JSON; `None` if `stop` is cancelled meanwhile.
fn find(
    shared: &Shared,
    Query { search, limit }: Query,
    life: u64,
    stop: &CancellationToken,
) -> Option<String> {
    let (known, found, end) = match search {
        Search::Prefix { prefix, from } => scan(shared, ByPrefix::new(prefix, from, limit), stop),
        Search::Near { place, km, after } => scan(shared, Nearest::new(place, km, after, limit), stop),
    }?;
    let page = Page::new(known, found, end.map(|end| end.print(life)));
    // Cannot fail: a page is texts and numbers.
    serde_json::to_string(&page).ok()
}
