//! The Places service of `herd-up --places stub`: one answer for every location. Unlike the stub of
//! sessions it records no requests, so it can run for days.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;

/// Serves the file `body` of `fixtures/places` until the runtime shuts down. Returns the address
/// that the service listens on.
///
/// # Errors
/// The file cannot be read, or no port is free.
pub async fn serve_places(body: &str) -> Result<SocketAddr> {
    let path = fixtures::places().join(body);
    let body = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let answer = async move || ([(CONTENT_TYPE, "application/json; charset=UTF-8")], body);
    let app = Router::new().route("/maps/api/place/nearbysearch/json", get(answer));
    let listener =
        TcpListener::bind("127.0.0.1:0").await.context("cannot listen for requests to the Places stub")?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
