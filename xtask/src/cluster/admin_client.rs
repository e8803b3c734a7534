//! An HTTP client for the admin ports of nodes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use herd::net::plain_http_client;
use herd::printable::line;
use serde_json::Value;

/// The time limit for an answer. A paused node never answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns the JSON that a node serves at `/status`.
///
/// # Errors
/// Those of [`get`], or the body is not JSON.
pub(crate) fn status(address: SocketAddr) -> Result<Value> {
    block_on(fetch_status(address))
}

/// Returns the body that a node serves at `path`.
///
/// # Errors
/// The node does not answer within a second, does not speak HTTP, or answers with a status code
/// other than success.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    block_on(fetch_body(address, path))
}

/// Returns the JSON that a node serves at `/status`. Callers can await several nodes at once.
///
/// # Errors
/// Those of [`status`].
pub(crate) async fn fetch_status(address: SocketAddr) -> Result<Value> {
    let body = fetch_body(address, "/status").await?;
    serde_json::from_str(&body).with_context(|| format!("http://{address}/status did not answer with JSON"))
}

/// Returns the body that a node serves at `path`. Callers can await several nodes at once.
///
/// # Errors
/// Those of [`get`].
pub(crate) async fn fetch_body(address: SocketAddr, path: &str) -> Result<String> {
    let url = format!("http://{address}{path}");
    let fetched = async {
        let answer = plain_http_client().map_err(Error::msg)?.get(&url).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        anyhow::Ok((status, body))
    };
    let fetched = tokio::time::timeout(ANSWER_TIMEOUT, fetched).await;
    let fetched = fetched.map_err(|_| anyhow!("no answer from {url} within {ANSWER_TIMEOUT:?}"))?;
    let (status, body) = fetched.with_context(|| format!("cannot fetch {url}"))?;
    if !status.is_success() {
        bail!("{url} answered {status}: {}", line(body.trim().as_bytes()));
    }
    Ok(body)
}

fn block_on<T>(fetched: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(fetched)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Returns the result of [`status`] if the node answers with these bytes.
    fn status_from(answer: &'static str) -> Result<Value> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /status HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let status = status(address);
        server.join().unwrap();
        status
    }

    #[test]
    fn only_a_success_with_json_is_a_status() {
        let status = status_from("HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"ready\":true}").unwrap();
        assert_eq!(status["ready"], true);
        for (answer, expected) in [
            (
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 14\r\n\r\n{\"ready\":true}",
                "/status answered 503 Service Unavailable: {\"ready\":true}",
            ),
            ("HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n", "answered 302 Found"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nready", "/status did not answer with JSON"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}", "cannot fetch http://127.0.0.1:"),
            ("ready\n", "cannot fetch http://127.0.0.1:"),
        ] {
            let error = format!("{:#}", status_from(answer).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_node_that_does_not_answer_costs_one_timeout() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let error = status(address).unwrap_err().to_string();
        assert_eq!(error, format!("no answer from http://{address}/status within 1s"));
        drop(silent);
        let error = format!("{:#}", status(address).unwrap_err());
        assert!(error.starts_with(&format!("cannot fetch http://{address}/status: ")), "{error}");
    }
}
