//! A Places service with every kind of fault, seen from a client: the answers are right and in
//! order, and the key appears nowhere.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{IAMAT, whole_log};
use crate::upstream::{CANARY, Upstream, node, wait_for_end};

/// Timeouts short enough for a test.
pub(crate) const LIMITS: &str = "places_retry = \"10ms\"";

/// The timeout for a service that never answers. Other faults have the usual five seconds, for slow
/// machines.
const IMPATIENT: &str = "places_retry = \"10ms\"\nplaces_total = \"300ms\"";

/// A fault of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    SlowHeaders,
    SlowBody,
    EndlessBody,
    CutBody,
    Reset,
    Refused,
    NoSuchHost,
    ServerErrorInHtml,
    HtmlInsteadOfJson,
    TruncatedJson,
    EmptyBody,
    HundredMegabytes,
    Redirect,
    GzipBomb,
    DeepNesting,
    QuotaUsedUp,
}

const FAULTS: [Fault; 16] = [
    Fault::SlowHeaders,
    Fault::SlowBody,
    Fault::EndlessBody,
    Fault::CutBody,
    Fault::Reset,
    Fault::Refused,
    Fault::NoSuchHost,
    Fault::ServerErrorInHtml,
    Fault::HtmlInsteadOfJson,
    Fault::TruncatedJson,
    Fault::EmptyBody,
    Fault::HundredMegabytes,
    Fault::Redirect,
    Fault::GzipBomb,
    Fault::DeepNesting,
    Fault::QuotaUsedUp,
];

impl Fault {
    /// The `[limits]` of the node for this fault.
    fn limits(self) -> &'static str {
        if matches!(self, Fault::SlowHeaders | Fault::SlowBody) { IMPATIENT } else { LIMITS }
    }

    /// The message and the status of the answer to the client.
    fn told(self) -> (&'static str, &'static str) {
        let message = match self {
            Fault::SlowHeaders | Fault::SlowBody => "no answer from the places service within 300ms",
            Fault::EndlessBody | Fault::HundredMegabytes | Fault::GzipBomb => {
                "it is longer than 1048576 bytes"
            }
            Fault::CutBody => "the connection was lost within the answer",
            Fault::Reset => "the connection was lost before an answer came",
            Fault::Refused | Fault::NoSuchHost => "cannot be reached: the connection failed",
            Fault::ServerErrorInHtml => "the places service answered HTTP 500",
            Fault::HtmlInsteadOfJson | Fault::TruncatedJson | Fault::EmptyBody => "it is not a JSON object",
            Fault::Redirect => "the places service answered HTTP 302",
            Fault::DeepNesting => "it is nested deeper than 64 levels",
            Fault::QuotaUsedUp => "too much was asked",
        };
        (message, if self == Fault::QuotaUsedUp { "OVER_QUERY_LIMIT" } else { "UNKNOWN_ERROR" })
    }

    /// Injects the fault on a connection whose request has been read. `legacy` selects the format.
    /// Returns when the node closes.
    fn happen(self, mut stream: TcpStream, legacy: bool) -> std::io::Result<()> {
        let mut answer = |status: &str, body: &[u8]| {
            let length = body.len();
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n").as_bytes())?;
            stream.write_all(body)
        };
        match self {
            Fault::Refused | Fault::NoSuchHost => {}
            Fault::SlowHeaders => wait_for_end(&mut stream),
            Fault::SlowBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
                while stream.write_all(b" ").is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Fault::EndlessBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                let chunk = [b"10000\r\n", &b"{".repeat(0x10000)[..], b"\r\n"].concat();
                while stream.write_all(&chunk).is_ok() {}
            }
            Fault::CutBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\"")?;
                stream.shutdown(Shutdown::Both)?;
            }
            // Closes without an answer.
            Fault::Reset => {}
            Fault::ServerErrorInHtml => answer("500 Internal Server Error", b"<html>")?,
            Fault::HtmlInsteadOfJson => answer("200 OK", b"<html>{\"status\":\"OK\",\"results\":[]}</html>")?,
            Fault::TruncatedJson => answer("200 OK", b"{\"status\":\"OK\",\"results\":[{\"name\"")?,
            Fault::EmptyBody => answer("200 OK", b"")?,
            Fault::HundredMegabytes => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")?;
                (0..100).try_for_each(|_| stream.write_all(&[b' '; 1_000_000]))?;
            }
            Fault::Redirect => {
                stream
                    .write_all(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")?;
            }
            Fault::GzipBomb => {
                let bomb = gzip_bomb()?;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                    bomb.len()
                );
                stream.write_all(head.as_bytes())?;
                stream.write_all(&bomb)?;
            }
            Fault::DeepNesting => {
                let deep = [
                    b"{\"status\":\"OK\",\"results\":".to_vec(),
                    b"[".repeat(200_000),
                    b"]".repeat(200_000),
                    b"}".to_vec(),
                ];
                answer("200 OK", &deep.concat())?;
            }
            Fault::QuotaUsedUp if legacy => {
                answer(
                    "200 OK",
                    b"{\"status\":\"OVER_QUERY_LIMIT\",\"error_message\":\"too much was asked\"}\n",
                )?;
            }
            Fault::QuotaUsedUp => answer(
                "429 Too Many Requests",
                b"{\"error\":{\"code\":429,\"message\":\"too much was asked\"}}",
            )?,
        }
        Ok(())
    }
}

/// Twenty million spaces, compressed.
fn gzip_bomb() -> std::io::Result<Vec<u8>> {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    (0..20).try_for_each(|_| bomb.write_all(&[b' '; 1_000_000]))?;
    bomb.finish()
}

/// A service that fails.
fn failing(fault: Fault, legacy: bool) -> Upstream {
    match fault {
        Fault::Refused => {
            // A port that was free a moment ago, so nobody listens on it.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            Upstream { url, requests: Arc::default() }
        }
        // A label that is too long for any name, so no name server is asked.
        Fault::NoSuchHost => {
            Upstream { url: format!("http://{}.invalid", "x".repeat(64)), requests: Arc::default() }
        }
        // The node may close first, which is not an error of the test.
        fault => Upstream::start(move |stream| drop(fault.happen(stream, legacy))),
    }
}

/// Every fault, hit by the first, the middle and the last of a hundred pipelined lines.
fn matrix(provider: &str) {
    for (fault, position) in
        FAULTS.into_iter().flat_map(|fault| [0, 50, 99].map(|position| (fault, position)))
    {
        let case = format!("{provider}, {fault:?}, line {position}");
        let upstream = failing(fault, provider == "google-legacy");
        let (node, log) = node(&format!("faults-{provider}"), fault.limits(), provider, &upstream.url);
        let at = node.ask(IAMAT.as_bytes());
        let lines: String =
            (0..100)
                .map(|line| {
                    if line == position { "WHATSAT kiwi 10 5\n".to_owned() } else { format!("line {line}\n") }
                })
                .collect();
        let answers = node.ask(lines.as_bytes());

        let (before, rest) = answers.split_once(&at).unwrap_or_else(|| panic!("{case}: {answers}"));
        let (json, after) = rest.split_once("\n\n").unwrap_or_else(|| panic!("{case}: {answers}"));
        let copies =
            |range: std::ops::Range<usize>| range.map(|line| format!("? line {line}\n")).collect::<String>();
        assert_eq!((before, after), (&*copies(0..position), &*copies(position + 1..100)), "{case}");
        let answer: serde_json::Value =
            serde_json::from_str(json).unwrap_or_else(|_| panic!("{case}: {json}"));
        let (message, status) = fault.told();
        assert!(answer["error_message"].as_str().unwrap().contains(message), "{case}: {json}");
        assert_eq!(answer["status"], status, "{case}");
        assert!(upstream.requests() <= 2, "{case}");
        let log = whole_log(node, &log);
        assert!(log.contains("WHATSAT kiwi 10 5"), "{case}");
        for written in [&log, &answers] {
            assert!(!written.contains(CANARY), "{case}: {written}");
        }
    }
}

#[test]
fn every_fault_of_the_legacy_service_is_an_answer_in_order() {
    matrix("google-legacy");
}

#[test]
fn every_fault_of_the_new_service_is_an_answer_in_order() {
    matrix("google");
}
