//! What guests ask for.

use std::time::Instant;

use hyper::Uri;
use hyper::http::request::Parts;
use serde_json::Value;

/// One request to the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// When its headers had arrived.
    pub at: Instant,
    /// The API that its path belongs to.
    pub api: Api,
    /// The HTTP method.
    pub method: String,
    /// The host that the client named, empty if it named none.
    pub host: String,
    /// The path and the query as they were sent, with the key masked.
    pub target: String,
    /// The latitude in degrees, if it is a number.
    pub latitude: Option<f64>,
    /// The longitude in degrees, if it is a number.
    pub longitude: Option<f64>,
    /// The radius in metres, if it is a number.
    pub radius: Option<f64>,
    /// The key as it was sent.
    pub key: Option<String>,
    /// The number of results asked for. Only the New API has one.
    pub limit: Option<u64>,
    /// The location as it was sent, without percent-encoding: a raw `+` stays. For the New API, the
    /// JSON of the circle's centre.
    pub location: String,
}

/// The API that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// The legacy Nearby Search.
    Legacy,
    /// The Nearby Search of the Places API (New).
    New,
    /// Something else, which is answered with 404.
    Other,
}

impl Api {
    /// Returns the API of a path.
    fn of(path: &str) -> Api {
        match path {
            "/maps/api/place/nearbysearch/json" | "/maps/api/place/search/json" => Api::Legacy,
            "/v1/places:searchNearby" | "/v1/places%3AsearchNearby" => Api::New,
            _ => Api::Other,
        }
    }
}

impl Asked {
    /// Reads a request from its head and, for the New API, its body.
    pub(super) fn read(at: Instant, head: &Parts, body: &[u8]) -> Asked {
        let mut asked = Asked {
            at,
            api: Api::of(head.uri.path()),
            method: head.method.to_string(),
            host: host(head),
            target: masked_target(&head.uri),
            latitude: None,
            longitude: None,
            radius: None,
            key: parameter(&head.uri, "key"),
            limit: None,
            location: String::new(),
        };
        match asked.api {
            Api::New => asked.read_new(head, body),
            Api::Legacy | Api::Other => asked.read_legacy(&head.uri),
        }
        asked
    }

    fn read_legacy(&mut self, uri: &Uri) {
        self.location = parameter(uri, "location").unwrap_or_default();
        if let Some((latitude, longitude)) = self.location.split_once(',') {
            self.latitude = number(latitude);
            self.longitude = number(longitude);
        }
        self.radius = parameter(uri, "radius").as_deref().and_then(number);
    }

    fn read_new(&mut self, head: &Parts, body: &[u8]) {
        if let Some(key) = head.headers.get("x-goog-api-key") {
            self.key = Some(String::from_utf8_lossy(key.as_bytes()).into_owned());
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let circle = &body["locationRestriction"]["circle"];
        self.location = circle.get("center").map(Value::to_string).unwrap_or_default();
        self.latitude = circle["center"]["latitude"].as_f64();
        self.longitude = circle["center"]["longitude"].as_f64();
        self.radius = circle["radius"].as_f64();
        self.limit = body["maxResultCount"].as_u64();
    }
}

fn host(head: &Parts) -> String {
    let header = head.headers.get("host").map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    header.or_else(|| head.uri.host().map(str::to_owned)).unwrap_or_default()
}

/// Returns the first parameter `name` of a query, without percent-encoding. A `+` stays a `+`, so
/// that a client that sends it raw and one that sends `%2B` are read alike.
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query()?.replace('+', "%2B");
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Reads a number in degrees or metres, which may have a sign and spaces around it.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_matches([' ', '+']);
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b".-+eE".contains(&byte));
    text.parse().ok().filter(|_| is_decimal)
}

/// Returns the target as it was sent, with `KEY` in place of the key.
fn masked_target(uri: &Uri) -> String {
    let target = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let Some((path, query)) = target.split_once('?') else { return target };
    let masked = query.split('&').map(|part| if part.starts_with("key=") { "key=KEY" } else { part });
    format!("{path}?{}", masked.collect::<Vec<_>>().join("&"))
}
