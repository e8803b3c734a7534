//! Requests to the admin ports of nodes.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use tokio::time::timeout;

/// How long a node may take to answer. A paused node never does.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a node may take to search all its clients.
const SEARCH_PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is passed on, in bytes. A page of 10,000 clients has about 3 MB.
const LONGEST: usize = 16 * 1024 * 1024;

/// An answer of a node.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Returns a node's status.
///
/// # Errors
/// The reason why there is none, in a few words.
pub(super) async fn status(client: &Client, admin: SocketAddr) -> Result<Value, String> {
    let passed =
        timeout(PATIENCE, fetch(client, admin, "/status")).await.map_err(|_| no_answer(PATIENCE))??;
    serde_json::from_slice(&passed.body).map_err(|_| "it does not answer with JSON".to_owned())
}

/// Returns what a node answers to a request for `path`, whatever its status.
///
/// # Errors
/// The reason why there is no answer, in a few words.
pub(super) async fn get(client: &Client, admin: SocketAddr, path: &str) -> Result<Passed, String> {
    timeout(SEARCH_PATIENCE, fetch(client, admin, path)).await.map_err(|_| no_answer(SEARCH_PATIENCE))?
}

/// Opens the stream of a node's events, behind the one with the number `last` if that is given.
///
/// # Errors
/// The reason why there is no stream, in a few words.
pub(super) async fn events(
    client: &Client,
    admin: SocketAddr,
    last: Option<&str>,
) -> Result<Response, String> {
    let mut request = client.get(format!("http://{admin}/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let sent = timeout(PATIENCE, request.send()).await.map_err(|_| no_answer(PATIENCE))?;
    sent.and_then(Response::error_for_status).map_err(|error| reason(&error))
}

async fn fetch(client: &Client, admin: SocketAddr, path: &str) -> Result<Passed, String> {
    let mut answer =
        client.get(format!("http://{admin}{path}")).send().await.map_err(|error| reason(&error))?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| reason(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(format!("its answer is longer than {LONGEST} bytes"));
        }
    }
    Ok(Passed { status: answer.status().as_u16(), body })
}

fn no_answer(patience: Duration) -> String {
    format!("no answer within {}", humantime::format_duration(patience))
}

/// Why a request failed, in a few words.
fn reason(error: &reqwest::Error) -> String {
    match error.status() {
        Some(status) => format!("it answered {status}"),
        None if error.is_connect() => "nothing listens on its admin port".to_owned(),
        None => "the connection was lost".to_owned(),
    }
}
