//! The circuit breaker of a Places service.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::admin::get;
use crate::support::{DEADLINE, IAMAT, Node, log_of, wait_for_log};
use crate::upstream::{CANARY, Upstream, reply, wait_for_end};

const NOTHING: &str = "{\"status\":\"ZERO_RESULTS\",\"results\":[]}";

const UNAVAILABLE: &str = "503 Service Unavailable";

/// A service that answers one request with the status of each message.
fn stepwise() -> (Upstream, Sender<&'static str>) {
    let (go, gone) = mpsc::channel();
    let gone = Arc::new(Mutex::new(gone));
    let upstream = Upstream::start(move |stream| {
        if let Ok(status) = gone.lock().unwrap().recv_timeout(2 * DEADLINE) {
            reply(stream, status, NOTHING);
        }
    });
    (upstream, go)
}

/// Starts a node that asks `upstream`. Returns the node and its log.
fn node(test: &str, limits: &str, upstream: &Upstream) -> (Node, String) {
    let log = log_of(test);
    let node = Node::start_with(test, limits, |command| {
        command.args(["--places", "google-legacy", "--places-url", &upstream.url]);
        command.args(["--log-file", &log, "--log-level", "debug", "--admin-address", "127.0.0.1:0"]);
        command.env("HERD_PLACES_KEY", CANARY)
    });
    node.ask(IAMAT.as_bytes());
    (node, log)
}

fn breaker(node: &Node) -> String {
    let status: serde_json::Value = serde_json::from_str(&get(node, "/status").1).unwrap();
    status["places_breaker"].as_str().unwrap().to_owned()
}

/// A client at an address of this machine that has sent its last question.
fn asking_from(address: Ipv4Addr, node: &Node, radius: usize) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut client = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::V4(address), 0)).unwrap();
        socket.connect(node.client).await.unwrap().into_std().unwrap()
    });
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(format!("WHATSAT kiwi {radius} 5\n").as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client
}

fn asking(node: &Node, radius: usize) -> TcpStream {
    asking_from(Ipv4Addr::LOCALHOST, node, radius)
}

fn answer(mut client: TcpStream) -> String {
    let mut told = String::new();
    client.read_to_string(&mut told).unwrap();
    told
}

#[test]
fn a_service_that_does_not_answer_in_time_is_left_alone() {
    let upstream = Upstream::start(|mut stream| wait_for_end(&mut stream));
    let limits = "places_total = \"300ms\"\nplaces_failures = 2\nplaces_pause = \"1h\"";
    let (node, _) = node("silent", limits, &upstream);
    for (radius, state) in [(1, "closed"), (2, "open")] {
        let told = answer(asking(&node, radius));
        assert!(told.contains("no answer from the places service within 300ms"), "{told}");
        assert_eq!(breaker(&node), state);
    }
    let told = answer(asking(&node, 3));
    assert!(told.contains("has failed 2 times in a row"), "{told}");
    assert_eq!(upstream.requests(), 2);
}

#[test]
fn a_service_that_had_little_of_the_time_is_not_judged_by_a_timeout() {
    let (started, starts) = mpsc::channel();
    let starts = Arc::new(Mutex::new(starts));
    // The first answer takes more than half of the time, and there is no second.
    let upstream = Upstream::start(move |mut stream| {
        let first = starts.lock().unwrap().recv_timeout(DEADLINE);
        match first {
            Ok(took) => {
                thread::sleep(took);
                reply(stream, "200 OK", NOTHING);
            }
            Err(_) => wait_for_end(&mut stream),
        }
    });
    let limits = "whatsat_upstream = 1\nplaces_total = \"3s\"\nplaces_failures = 1\nplaces_pause = \"1h\"";
    let (node, log) = node("late-turn", limits, &upstream);
    let first = asking(&node, 1);
    upstream.wait_for_requests(1);
    let second = asking(&node, 2);
    wait_for_log(&log, "line=WHATSAT kiwi 2", 1);
    started.send(Duration::from_millis(1800)).unwrap();
    drop(started);
    assert!(answer(first).contains("ZERO_RESULTS"));
    assert!(answer(second).contains("no answer from the places service within 3s"));
    assert_eq!((upstream.requests(), &*breaker(&node)), (2, "closed"));
}

#[test]
fn a_question_that_a_limit_stops_says_nothing_about_the_service() {
    let (upstream, go) = stepwise();
    // Each address may cause two requests, and a failed question with its retry is two.
    let limits = "whatsat_upstream = 1\nplaces_per_day = 4\nplaces_retry = \"1ms\"\nplaces_failures = 2";
    let (node, log) = node("stopped", limits, &upstream);
    let first = asking(&node, 1);
    upstream.wait_for_requests(1);
    let second = asking(&node, 2);
    wait_for_log(&log, "line=WHATSAT kiwi 2", 1);
    (0..4).for_each(|_| go.send(UNAVAILABLE).unwrap());
    assert!(answer(first).contains("the places service answered HTTP 503"));
    assert!(answer(second).contains("OVER_QUERY_LIMIT"));
    assert_eq!(breaker(&node), "closed");
    let told = answer(asking_from(Ipv4Addr::new(127, 0, 0, 2), &node, 3));
    assert!(told.contains("the places service answered HTTP 503"), "{told}");
    assert_eq!((upstream.requests(), &*breaker(&node)), (4, "open"));
}

#[test]
fn a_failing_service_is_asked_again_after_a_wait_and_not_before() {
    let (sender, moments) = mpsc::channel();
    let sender = Mutex::new(sender);
    let upstream = Upstream::start(move |stream| {
        let _ = sender.lock().unwrap().send(Instant::now());
        reply(stream, UNAVAILABLE, "");
    });
    let (node, _) = node("wait", "places_retry = \"500ms\"", &upstream);
    assert!(answer(asking(&node, 1)).contains("the places service answered HTTP 503"));
    let [first, second] = [(); 2].map(|()| moments.recv_timeout(DEADLINE).unwrap());
    assert!(second - first >= Duration::from_millis(500), "{:?}", second - first);
}
