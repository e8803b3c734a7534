//! The Places service of a session: answers as the script mounts them, and what was asked.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::runtime::Runtime;
use wiremock::matchers::path_regex;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Where the legacy Nearby Search and the New API answer.
const PATHS: &str = "^(/maps/api/place/nearbysearch/json|/v1/places:searchNearby)$";

/// A Places service on a port of its own.
#[derive(Debug)]
pub struct PlacesStub {
    server: MockServer,
    runtime: Runtime,
    /// Requests that have been told already.
    seen: Cell<usize>,
}

/// An answer of the Places service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// A file of `fixtures/places`, or `None` to drop the connection.
    pub body: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// How long it takes.
    pub delay: Duration,
    /// How often it is given before the next one mounted takes over; for ever when `None`.
    pub times: Option<u64>,
    /// Given only to requests with these parameters.
    pub parameters: Vec<(String, String)>,
}

/// A request that came, with its query, or the members of its body, as parameters; without its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    method: String,
    path: String,
    parameters: Vec<(String, String)>,
}

impl PlacesStub {
    /// Starts a service that answers everything with HTTP 404 until something is mounted.
    ///
    /// # Errors
    /// No port is free.
    pub fn start() -> Result<PlacesStub> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let server = runtime.block_on(MockServer::start());
        Ok(PlacesStub { server, runtime, seen: Cell::new(0) })
    }

    /// The base URL.
    pub fn url(&self) -> String {
        self.server.uri()
    }

    /// Mounts an answer behind those mounted before; a redirect leads to another path of this service.
    ///
    /// # Errors
    /// The body is no file of `fixtures/places`.
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
                let bytes =
                    std::fs::read(&file).map_err(|error| format!("fixtures/places/{body}: {error}"))?;
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

    /// The requests since the last look, in an order that does not depend on when they came.
    pub fn requests(&self) -> Vec<Request> {
        let all = self.runtime.block_on(self.server.received_requests()).unwrap_or_default();
        let mut fresh: Vec<Request> = all[self.seen.get()..].iter().map(Request::from).collect();
        self.seen.set(all.len());
        fresh.sort();
        fresh
    }
}

impl Request {
    /// Whether it has this parameter with this value.
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

/// The members of a JSON body, each under its own name.
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
