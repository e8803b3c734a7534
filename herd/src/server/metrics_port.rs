//! The metrics port: `/metrics` alone, for a Prometheus on another machine.
//!
//! Unlike the admin port, it may be reachable from other machines, so it reveals nothing but the
//! metrics, changes nothing, and cannot be made to count again and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use tokio::time::Instant;

use super::accept::serve_http_port;
use super::metrics::{self, Format};
use super::port::Port;
use super::shared::Shared;
use super::status::Status;
use crate::net::Listener;

/// How old an answer may be. Prometheus asks every 5 to 60 seconds, and a client that asks more
/// often gets the same answer.
const FRESH: Duration = Duration::from_secs(1);

/// Serves until the node stops.
pub(super) async fn serve(shared: Arc<Shared>, listener: Listener) {
    let scraped = Arc::new(Scraped { shared: Arc::clone(&shared), latest: Mutex::default() });
    let app = Router::new().route("/metrics", get(scrape)).with_state(scraped);
    serve_http_port(&shared, listener, Port::Metrics, app).await;
}

async fn scrape(State(scraped): State<Arc<Scraped>>, headers: HeaderMap) -> Response {
    let format = Format::preferred(&headers);
    format.response(scraped.text(format))
}

/// The metrics, with the latest answer in each format.
struct Scraped {
    shared: Arc<Shared>,
    latest: Mutex<[Option<(Instant, String)>; Format::ALL.len()]>,
}

impl Scraped {
    /// Returns metrics that are at most [`FRESH`] old.
    fn text(&self, format: Format) -> String {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = &mut latest[format as usize];
        match latest {
            Some((when, text)) if when.elapsed() < FRESH => text.clone(),
            _ => {
                let text = metrics::text(&Status::of(&self.shared), format);
                latest.insert((Instant::now(), text)).1.clone()
            }
        }
    }
}
