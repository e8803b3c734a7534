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
pub fn status(address: SocketAddr) -> Result<Value> {
    let (_, body) = get(address, "/status")?;
    serde_json::from_str(&body).context("expected JSON at /status")
}

/// What a node says at a path: the first line of the answer, and its body.
///
/// # Errors
/// It does not answer in time.
pub fn get(address: SocketAddr, path: &str) -> Result<(String, String)> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    // With this version of HTTP the connection ends behind the body, which is not cut into chunks.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("no answer from {address}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("expected an answer of HTTP")?;
    Ok((head.lines().next().unwrap_or_default().to_owned(), body.to_owned()))
}
