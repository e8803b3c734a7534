//! The HTTP server for operators, on the admin port.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 while the process serves |
//! | `/readyz` | 200 if a neighbour is linked and the disk works; else 503 and the reasons |
//! | `/status` | the node's state and counters, as JSON |
//! | `/metrics` | the same as metrics for Prometheus |
//! | `/events` | what happens, as it happens: see [`events`] |
//! | `/clients` | the clients that the node knows, in pages: see [`search`] |
//! | `DELETE /clients/<client-id>` | see [`removal`] |
//! | `/log-level` | the level of the log; PUT changes it: see [`log_level`] |

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::accept::serve_http_port;
use super::metrics::Format;
use super::port::Port;
use super::shared::Shared;
use super::status::{Readiness, Status};
use super::{events, log_level, metrics, removal, search};
use crate::net::Listener;

/// Serves until the node stops.
pub(super) async fn serve(shared: Arc<Shared>, listener: Listener) {
    let app = Router::new()
        .route("/healthz", get("ok\n"))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(scrape))
        .route("/events", get(events::stream))
        .route("/clients", get(search::clients))
        .merge(removal::routes())
        .merge(log_level::routes())
        .layer(from_fn_with_state(Arc::clone(&shared), check_host))
        .with_state(Arc::clone(&shared));
    serve_http_port(&shared, listener, Port::Admin, app).await;
}

/// Rejects a request with a foreign `Host` header (DNS rebinding): a web page can make its own host
/// name resolve to this machine and let a browser read the admin port, but the browser then sends
/// that name.
async fn check_host(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if is_for_this_machine(request.headers(), &shared.admin_hosts) {
        return next.run(request).await;
    }
    let advice = "unknown host: use an IP address or localhost, or add the host to `hosts` under [admin] in the herd file\n";
    (StatusCode::MISDIRECTED_REQUEST, advice).into_response()
}

/// Whether the `Host` header of a request names this machine, or one of `names`. HTTP/1.0 has no
/// such header, but no browser uses it.
pub(crate) fn is_for_this_machine(headers: &HeaderMap, names: &[String]) -> bool {
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    host.is_none_or(|host| is_own_host(host, names))
}

/// Whether a `Host` header names this machine: by an IP address, as `localhost`, or by one of
/// `names`. A port may follow.
fn is_own_host(host: &str, names: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let Readiness { reasons, .. } = Readiness::of(&shared);
    if reasons.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response()
    }
}

async fn status(State(shared): State<Arc<Shared>>) -> Json<Status> {
    Json(Status::of(&shared))
}

async fn scrape(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let format = Format::preferred(&headers);
    format.response(metrics::text(&Status::of(&shared), format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_localhost_and_listed_names_are_this_machine() {
        let names = ["Admin.example.org".to_owned()];
        for own in
            ["127.0.0.1", "127.0.0.1:12680", "[::1]:80", "localhost", "LOCALHOST:1", "admin.example.org:9"]
        {
            assert!(is_own_host(own, &names), "{own}");
        }
        for other in
            ["", "evil.example.org", "localhost.evil.example.org", "127.0.0.1.nip.io:80", "a b", "[::1"]
        {
            assert!(!is_own_host(other, &names), "{other}");
        }
    }
}
