//! A service of raw connections, for behaviour that an HTTP server does not have.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::{Node, log_of, wait_until};

/// A key that must not appear in the output of a node.
pub(crate) const CANARY: &str = "canary-0123456789";

/// A service with arbitrary behaviour on each connection, which counts requests.
pub(crate) struct Upstream {
    pub(crate) url: String,
    pub(crate) requests: Arc<AtomicUsize>,
}

impl Upstream {
    /// Calls `serve` with each connection whose request has been read.
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counted, serve) = (Arc::clone(&requests), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, serve) = (Arc::clone(&counted), Arc::clone(&serve));
                thread::spawn(move || {
                    if read_request(&stream).is_some() {
                        counted.fetch_add(1, Ordering::SeqCst);
                        serve(stream);
                    }
                });
            }
        });
        Upstream { url, requests }
    }

    /// The number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until `wanted` requests have arrived.
    pub(crate) fn wait_for_requests(&self, wanted: usize) {
        wait_until(&format!("{wanted} requests have come"), || self.requests() >= wanted);
    }
}

/// Reads until the other side closes.
pub(crate) fn wait_for_end(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while !matches!(stream.read(&mut rest), Ok(0) | Err(_)) {}
}

/// Answers a request, and closes the connection.
pub(crate) fn reply(mut stream: TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    // The node may have disconnected.
    let _ = stream.write_all((head + body).as_bytes());
}

/// Answers a request, and leaves the connection open for the next.
pub(crate) fn reply_and_stay(mut stream: &TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all((head + body).as_bytes());
}

/// Reads a whole request, since closing the connection with unread input would reset it.
pub(crate) fn read_request(stream: impl Read) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()
}

/// Starts a node that asks the service at `url` with the canary as its key, and logs every line.
/// Returns the node and its log.
pub(crate) fn node(test: &str, limits: &str, provider: &str, url: &str) -> (Node, String) {
    let log = log_of(test);
    let node = Node::start_with(test, limits, |command| {
        command.args(["--places", provider, "--places-url", url, "--log-level", "debug", "--log-file", &log]);
        command.env("HERD_PLACES_KEY", CANARY)
    });
    (node, log)
}
