//! Asking nodes how they are, on their admin ports.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use herd::printable::line;
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

/// How long a node may take. A node that is paused never answers.
const ANSWER: Duration = Duration::from_secs(1);

/// What a node says at `/status`.
///
/// # Errors
/// As for [`get`], or the body is not JSON.
pub(crate) fn status(address: SocketAddr) -> Result<Value> {
    block_on(ask_status(address))
}

/// The body of a node's answer to a request for `path`.
///
/// # Errors
/// The node does not answer in time, does not speak HTTP, or answers with another status than success.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    block_on(ask(address, path))
}

/// What a node says at `/status`, for callers that wait for other nodes as well.
///
/// # Errors
/// As for [`status`].
pub(crate) async fn ask_status(address: SocketAddr) -> Result<Value> {
    let body = ask(address, "/status").await?;
    serde_json::from_str(&body).with_context(|| format!("http://{address}/status answered without JSON"))
}

async fn ask(address: SocketAddr, path: &str) -> Result<String> {
    let url = format!("http://{address}{path}");
    let answered = async {
        let answer = client()?.get(&url).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        anyhow::Ok((status, body))
    };
    let answered = tokio::time::timeout(ANSWER, answered).await;
    let answered = answered.map_err(|_| anyhow!("no answer from {url} within {ANSWER:?}"))?;
    let (status, body) = answered.with_context(|| format!("cannot ask {url}"))?;
    if !status.is_success() {
        bail!("{url} answered {status}: {}", line(body.trim().as_bytes()));
    }
    Ok(body)
}

/// An HTTP client that connects to the address itself, whatever proxies the environment names.
fn client() -> Result<Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Admin ports speak plain HTTP, but a client is not made without TLS.
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).no_proxy().build()?)
}

fn block_on<T>(asked: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(asked)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What comes of asking for `/status` when the node answers with these bytes.
    fn answered(answer: &'static str) -> Result<Value> {
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
        let status = answered("HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"ready\":true}").unwrap();
        assert_eq!(status["ready"], true);
        for (answer, expected) in [
            (
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 14\r\n\r\n{\"ready\":true}",
                "/status answered 503 Service Unavailable: {\"ready\":true}",
            ),
            ("HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n", "answered 302 Found"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nready", "/status answered without JSON"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}", "cannot ask http://127.0.0.1:"),
            ("ready\n", "cannot ask http://127.0.0.1:"),
        ] {
            let error = format!("{:#}", answered(answer).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_node_that_does_not_answer_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let error = status(address).unwrap_err().to_string();
        assert_eq!(error, format!("no answer from http://{address}/status within 1s"));
        drop(silent);
        let error = format!("{:#}", status(address).unwrap_err());
        assert!(error.starts_with(&format!("cannot ask http://{address}/status: ")), "{error}");
    }
}
