//! The Places service of a session: it gives the answers that the script mounts, and keeps the
//! requests for the script to check.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::runtime::Runtime;
use wiremock::matchers::path_regex;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The paths of the legacy Nearby Search and of the new API.
const PATHS: &str = "^(/maps/api/place/nearbysearch/json|/v1/places:searchNearby)$";

/// A Places service on its own port. It stops when it is dropped.
#[derive(Debug)]
pub struct PlacesStub {
    server: MockServer,
    runtime: Runtime,
    /// The number of requests that have been returned already.
    seen: AtomicUsize,
}

/// An answer that the Places service gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// A file of `fixtures/places`, or `None` to drop the connection.
    pub body: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The delay before the answer is sent.
    pub delay: Duration,
    /// The number of requests that get this answer before the next one mounted; `None` for all.
    pub times: Option<u64>,
    /// The parameters that a request must have to get this answer.
    pub parameters: Vec<(String, String)>,
}

/// A request that was received. Its parameters are those of its query and the members of its body;
/// the key is masked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    method: String,
    path: String,
    parameters: Vec<(String, String)>,
}

impl PlacesStub {
    /// Starts a service that answers every request with HTTP 404 until an answer is mounted.
    ///
    /// # Errors
    /// The runtime cannot be started.
    pub fn start() -> Result<PlacesStub> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime of the Places stub")?;
        let server = runtime.block_on(MockServer::start());
        Ok(PlacesStub { server, runtime, seen: AtomicUsize::new(0) })
    }

    /// The base URL, without a path.
    pub fn url(&self) -> String {
        self.server.uri()
    }

    /// Mounts an answer, to be given after those mounted earlier are used up. An answer with a
    /// redirect status leads to another path of this service.
    ///
    /// # Errors
    /// The body is not a file of `fixtures/places`.
    pub fn mount(&self, mount: &Mount) -> Result<(), String> {
        let parameters = mount.parameters.clone();
        let asks = move |request: &wiremock::Request| {
            let request = Request::from(request);
            parameters.iter().all(|(name, value)| request.has(name, value))
        };
        let mock = Mock::given(path_regex(PATHS)).and(asks);
        let mock = match &mount.body {
            None => {
                mock.respond_with_err(|_: &wiremock::Request| io::Error::from(io::ErrorKind::ConnectionReset))
            }
            Some(body) => {
                let file = fixtures::places().join(body);
                let bytes = std::fs::read(&file)
                    .map_err(|error| format!("cannot read fixtures/places/{body}: {error}"))?;
                let kind =
                    if body.ends_with(".html") { "text/html" } else { "application/json; charset=UTF-8" };
                let answer =
                    ResponseTemplate::new(mount.status).set_body_raw(bytes, kind).set_delay(mount.delay);
                let redirects = (300..400).contains(&mount.status);
                mock.respond_with(if redirects {
                    answer.insert_header("Location", "/elsewhere")
                } else {
                    answer
                })
            }
        };
        let mock = match mount.times {
            Some(times) => mock.up_to_n_times(times),
            None => mock,
        };
        self.runtime.block_on(mock.mount(&self.server));
        Ok(())
    }

    /// Returns the requests received since the last call, sorted: their order does not depend on
    /// when they arrived.
    pub fn requests(&self) -> Vec<Request> {
        let all = self.runtime.block_on(self.server.received_requests()).unwrap_or_default();
        let mut fresh: Vec<Request> =
            all[self.seen.swap(all.len(), Ordering::Relaxed)..].iter().map(Request::from).collect();
        fresh.sort();
        fresh
    }
}

impl Request {
    /// Returns whether the request has this parameter with this value.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.parameters.iter().any(|(key, held)| key == name && held == value)
    }
}

impl From<&wiremock::Request> for Request {
    fn from(request: &wiremock::Request) -> Request {
        let mut parameters: Vec<(String, String)> =
            request.url.query_pairs().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        if let Ok(body) = request.body_json() {
            flatten("", &body, &mut parameters);
        }
        for (header, name) in [("x-goog-api-key", "key"), ("x-goog-fieldmask", "fields")] {
            let value = request.headers.get(header).and_then(|value| value.to_str().ok());
            parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        }
        for (_, value) in parameters.iter_mut().filter(|(name, value)| name == "key" && !value.is_empty()) {
            *value = "<key>".to_owned();
        }
        parameters.sort();
        Request { method: request.method.to_string(), path: request.url.path().to_owned(), parameters }
    }
}

/// Adds the members of a JSON body to `parameters`, each under its own name without its parents'.
fn flatten(name: &str, value: &Value, parameters: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| flatten(name, value, parameters)),
        Value::String(text) => parameters.push((name.to_owned(), text.clone())),
        other => parameters.push((name.to_owned(), other.to_string())),
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> =
            self.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{} {}?{}", self.method, self.path, pairs.join("&"))
    }
}
