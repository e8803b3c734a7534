//! Asking a node how it is, on its admin port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// How long a node may take. One that is paused never answers.
const ANSWER: Duration = Duration::from_millis(500);

/// What a node says at `/status`.
///
/// # Errors
/// It does not answer in time, or not with JSON.
pub(crate) fn status(address: SocketAddr) -> Result<Value> {
    serde_json::from_str(&get(address, "/status")?).context("expected JSON at /status")
}

/// The body of a node's answer to a request for `path`.
///
/// # Errors
/// It does not answer in time, or not with HTTP.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    // With this version of HTTP the connection ends behind the body, which is not cut into chunks.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("no answer from {address}"))?;
    let (_, body) = answer.split_once("\r\n\r\n").context("expected an answer of HTTP")?;
    Ok(body.to_owned())
}
