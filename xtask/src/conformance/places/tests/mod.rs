use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;

mod tls;

const NAME: &str = "maps.example.org";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service on free ports, and how to reach it.
struct Bench {
    service: PlacesService,
    authority: Authority,
    tls: SocketAddr,
    plain: SocketAddr,
}

impl Bench {
    fn new() -> Bench {
        let authority = PlacesService::authority().unwrap();
        let [tls, plain] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let (tls_address, plain_address) = (tls.local_addr().unwrap(), plain.local_addr().unwrap());
        let names = [NAME.to_owned(), "127.0.0.1".to_owned()];
        let service = PlacesService::start(&authority, tls, plain, &names).unwrap();
        Bench { service, authority, tls: tls_address, plain: plain_address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.plain).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request as it is and returns all that comes until the service closes.
    fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        read_all(&mut stream)
    }

    /// Sends a legacy request with the right key and this query, and returns the body.
    fn nearby(&self, query: &str) -> String {
        let path = format!("/maps/api/place/nearbysearch/json?{query}&key={}", self.service.key());
        body_of(&self.exchange(&format!("GET {path} HTTP/1.0\r\nHost: {NAME}\r\n\r\n")))
    }

    fn status_of_nearby(&self, query: &str) -> String {
        let answer: Value = serde_json::from_str(&self.nearby(query)).unwrap();
        answer["status"].as_str().unwrap().to_owned()
    }
}

fn read_all(stream: &mut impl Read) -> String {
    let mut came = Vec::new();
    stream.read_to_end(&mut came).unwrap();
    String::from_utf8(came).unwrap()
}

fn body_of(response: &str) -> String {
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Joins the chunks of a body.
fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            assert_eq!(rest, "\r\n");
            return text;
        }
        text += &rest[..length];
        body = rest[length..].strip_prefix("\r\n").unwrap();
    }
}

fn text(api: Api, results: usize) -> String {
    String::from_utf8(body(api, results, false)).unwrap()
}

#[test]
fn a_body_has_the_layout_of_google() {
    let three = text(Api::Legacy, 3);
    assert!(three.starts_with("{\n   \"html_attributions\" : [],\n   \"results\" : \n   [\n      {\n"));
    assert!(three.ends_with("   ],\n   \"status\" : \"OK\"\n}\n"));
    assert_eq!(three.matches("\n      {\n         \"geometry\" : \n").count(), 3);
    assert!(!three.contains("next_page_token") && !three.contains("\n\n"));
    let twenty = text(Api::Legacy, 20);
    assert_eq!(twenty.matches("\n         \"geometry\" : ").count(), 20);
    assert!(twenty.contains("\n   \"next_page_token\" : "));
    assert_eq!(text(Api::Legacy, 0).len(), 81);
    assert_eq!(text(Api::New, 0), "{}\n");

    let blank = String::from_utf8(body(Api::Legacy, 3, true)).unwrap();
    assert!(blank.contains(",\n\n\n") && blank.ends_with("}\n\n\n\n"));
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(&blank), read(&three));
}

#[test]
fn a_request_is_answered_in_chunks_and_remembered() {
    let bench = Bench::new();
    let key = bench.service.key();
    assert!(key.len() == 39 && key.starts_with("AIza"), "{key}");
    let target = "/maps/api/place/nearbysearch/json?location=34.06893,-118.445127&radius=10000";
    let came = bench
        .exchange(&format!("GET {target}&key={key} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"));
    assert!(came.starts_with("HTTP/1.1 200 OK\r\n"), "{came}");
    for header in [
        "Content-Type: application/json; charset=UTF-8",
        "Server: scaffolding on HTTPServer2",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Vary: Accept-Language",
        "Date: ",
    ] {
        assert!(came.contains(&format!("\r\n{header}")), "{header}: {came}");
    }
    assert_eq!(unchunked(&body_of(&came)), text(Api::Legacy, 20));

    let asked = bench.service.asked();
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((asked.api, asked.method.as_str(), asked.host.as_str()), (Api::Legacy, "GET", NAME));
    assert_eq!(asked.target, format!("{target}&key=KEY"));
    assert_eq!(asked.key.as_deref(), Some(key));
    assert_eq!((asked.latitude, asked.longitude), (Some(34.06893), Some(-118.445127)));
    assert_eq!((asked.radius, asked.limit), (Some(10_000.0), None));
    bench.service.forget();
    assert!(bench.service.asked().is_empty());
}

#[test]
fn a_connection_stays_open_and_http_1_0_closes() {
    let bench = Bench::new();
    let mut stream = bench.connect();
    let get = format!("GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
    stream.write_all(get.repeat(2).as_bytes()).unwrap();
    // The end of sending does not lose the answers.
    stream.shutdown(Shutdown::Write).unwrap();
    let came = read_all(&mut stream);
    assert_eq!(came.matches("HTTP/1.1 404 Not Found\r\n").count(), 2, "{came}");

    let came = bench.exchange("GET / HTTP/1.0\r\n\r\n");
    assert!(came.starts_with("HTTP/1.0 404 Not Found\r\n") && !came.contains("chunked"), "{came}");
    assert!(came.ends_with(".\n"), "{came}");
}

#[test]
fn locations_and_radii_are_understood_as_google_does() {
    let bench = Bench::new();
    for location in ["34,-118", "+34.00,-118.00", "%2B34,-118", "34%2C-118", "34,%20-118", "34,+-118"] {
        for radius in ["10000", "10000.0"] {
            let query = format!("location={location}&radius={radius}");
            assert_eq!(bench.status_of_nearby(&query), "OK", "{query}");
            let asked = bench.service.asked().pop().unwrap();
            let place = (asked.latitude, asked.longitude, asked.radius);
            assert_eq!(place, (Some(34.0), Some(-118.0), Some(10_000.0)), "{query}");
        }
    }
    assert_eq!(bench.service.asked()[3].location, "+34.00,-118.00");
    for query in [
        "location=34,-118",
        "radius=10",
        "location=+34-118&radius=10",
        "location=nan,inf&radius=10",
        "location=91,0&radius=10",
        "location=34,-118&radius=0",
        "location=34,-118&radius=ten",
    ] {
        assert_eq!(bench.status_of_nearby(query), "INVALID_REQUEST", "{query}");
    }
}

#[test]
fn a_missing_or_wrong_key_is_refused() {
    let bench = Bench::new();
    for key in ["", "&key=", "&key=AIzaWrong"] {
        let path = format!("/maps/api/place/nearbysearch/json?location=1,2&radius=3{key}");
        let came = bench.exchange(&format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert!(came.contains(" 200 OK\r\n") && came.contains("\"REQUEST_DENIED\"\n}\n"), "{came}");
    }
    let asked = bench.service.asked();
    assert_eq!(asked[0].key, None);
    assert_eq!(asked[2].key.as_deref(), Some("AIzaWrong"));
    assert!(asked[2].target.ends_with("&key=KEY"), "{asked:?}");
}

#[test]
fn the_new_api_is_answered() {
    let bench = Bench::new();
    let ask = |headers: &str, limit: u64| {
        let content = format!(
            r#"{{"maxResultCount":{limit},"locationRestriction":{{"circle":{{"center":{{"latitude":34.5,"longitude":-118.25}},"radius":5000.0}}}}}}"#
        );
        let length = content.len();
        bench.exchange(&format!(
            "POST /v1/places:searchNearby HTTP/1.0\r\nHost: {NAME}\r\n{headers}Content-Length: {length}\r\n\r\n{content}"
        ))
    };
    let key = format!("X-Goog-Api-Key: {}\r\n", bench.service.key());
    let right = format!("{key}X-Goog-FieldMask: places.displayName\r\n");
    assert_eq!(body_of(&ask(&right, 4)), text(Api::New, 4));
    let asked = bench.service.asked().pop().unwrap();
    assert_eq!((asked.api, asked.limit, asked.radius), (Api::New, Some(4), Some(5000.0)));
    assert_eq!((asked.latitude, asked.longitude), (Some(34.5), Some(-118.25)));
    assert_eq!(asked.key.as_deref(), Some(bench.service.key()));

    for (headers, limit, status) in [
        ("", 4, "403 Forbidden"),
        ("X-Goog-Api-Key: AIzaWrong\r\n", 4, "400 Bad Request"),
        (&key, 4, "400 Bad Request"),
        (&right, 21, "400 Bad Request"),
    ] {
        let came = ask(headers, limit);
        assert!(came.starts_with(&format!("HTTP/1.0 {status}\r\n")), "{came}");
        assert!(serde_json::from_str::<Value>(&body_of(&came)).unwrap()["error"].is_object());
    }
}

#[test]
fn the_service_misbehaves_on_demand() {
    let bench = Bench::new();
    let query = "location=1,2&radius=3";
    let with = |behaviour| {
        bench.service.answer_with(behaviour);
        let path = format!("/maps/api/place/nearbysearch/json?{query}&key={}", bench.service.key());
        bench.exchange(&format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"))
    };
    let delay = Duration::from_millis(60);
    let begun = Instant::now();
    let came = with(Behaviour::Answer { results: 2, delay, blank_lines: true });
    assert!(begun.elapsed() >= delay);
    assert_eq!(unchunked(&body_of(&came)).into_bytes(), body(Api::Legacy, 2, true));

    assert!(with(Behaviour::Denied).contains("REQUEST_DENIED"));
    let came = with(Behaviour::Status(503));
    assert!(came.starts_with("HTTP/1.1 503 Service Unavailable\r\n") && came.contains("<!DOCTYPE html>"));
    let came = with(Behaviour::NotJson);
    assert!(came.starts_with("HTTP/1.1 200 OK\r\n") && came.contains("<!DOCTYPE html>"));
    assert_eq!(with(Behaviour::Hangup), "");
}

#[test]
fn a_service_that_never_answers_hangs_up_when_its_behaviour_changes() {
    let bench = Bench::new();
    bench.service.answer_with(Behaviour::Never);
    let mut stream = bench.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while bench.service.asked().is_empty() {
        assert!(Instant::now() < deadline, "the request did not arrive");
        std::thread::yield_now();
    }
    bench.service.answer_with(Behaviour::default());
    assert_eq!(read_all(&mut stream), "");
}

#[test]
fn a_dropped_service_closes_its_connections() {
    let bench = Bench::new();
    let mut stream = bench.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_ne!(stream.read(&mut [0; 16]).unwrap(), 0);
    drop(bench.service);
    read_all(&mut stream);
}
