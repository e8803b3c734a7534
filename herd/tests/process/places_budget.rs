//! The rate limits of requests to a service that bills them.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};

use crate::admin::get;
use crate::support::{IAMAT, Node, log_of, wait_for_log};
use crate::upstream::{CANARY, Upstream, reply};

const NOTHING: &str = "{\"status\":\"ZERO_RESULTS\",\"results\":[]}";

const WARNING: &str = "rate limit of the places service";

/// Starts a node with these limits that asks the service. Returns the node and its log. The limits
/// are per day, so that no minute ends within a test.
fn node(test: &str, limits: &str, upstream: &Upstream) -> (Node, String) {
    let log = log_of(test);
    let node = Node::start_with(test, &format!("{limits}\nplaces_retry = \"1ms\""), |command| {
        command.args(["--places", "google-legacy", "--places-url", &upstream.url, "--log-file", &log]);
        command.args(["--admin-address", "127.0.0.1:0"]).env("HERD_PLACES_KEY", CANARY)
    });
    node.ask(IAMAT.as_bytes());
    (node, log)
}

/// The node's answers to questions with these radii, in order.
fn statuses(node: &Node, radii: std::ops::RangeInclusive<usize>) -> Vec<&'static str> {
    let status = |told: &str| {
        let known = ["ZERO_RESULTS", "OVER_QUERY_LIMIT", "UNKNOWN_ERROR"];
        known.into_iter().find(|status| told.contains(status)).expect("a status")
    };
    radii.map(|radius| status(&node.ask(format!("WHATSAT kiwi {radius} 5\n").as_bytes()))).collect()
}

/// The node's answer to `line` from another address of this machine.
fn ask_from(address: Ipv4Addr, node: &Node, line: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::V4(address), 0)).unwrap();
        socket.connect(node.client).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(crate::support::DEADLINE)).unwrap();
    stream.write_all(line.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    told
}

fn status(node: &Node) -> serde_json::Value {
    serde_json::from_str(&get(node, "/status").1).unwrap()
}

#[test]
fn beyond_its_requests_a_node_asks_nobody_and_says_when_to_try_again() {
    let upstream = Upstream::start(|stream| reply(stream, "200 OK", NOTHING));
    let limits = "places_per_day = 10\nplaces_address_percent = 100\nplaces_failures = 1";
    let (node, log) = node("budget", limits, &upstream);
    let warnings = || std::fs::read_to_string(&log).unwrap().matches(WARNING).count();
    assert_eq!(statuses(&node, 1..=7), ["ZERO_RESULTS"; 7]);
    assert_eq!(warnings(), 0);
    assert_eq!(statuses(&node, 8..=9), ["ZERO_RESULTS"; 2]);
    wait_for_log(&log, WARNING, 1);
    assert_eq!(warnings(), 1, "at 80 %, once");
    assert_eq!(statuses(&node, 10..=14), [&["ZERO_RESULTS"][..], &["OVER_QUERY_LIMIT"; 4]].concat());
    wait_for_log(&log, WARNING, 2);
    assert_eq!(warnings(), 2, "and when the limit is reached, once");
    assert_eq!(upstream.requests(), 10);

    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    let (_, json) = told.split_once('\n').unwrap();
    let answer: serde_json::Value = serde_json::from_str(json).unwrap();
    let message = answer["error_message"].as_str().unwrap();
    assert!(
        message.starts_with("the rate limit is reached: this node may cause 10 requests to the places service per day. Try again in "),
        "{message}"
    );
    assert_eq!((&answer["results"], &answer["html_attributions"]), (&[0; 0][..].into(), &[0; 0][..].into()));
    let status = status(&node);
    assert_eq!((&status["places_left"]["day"], &status["places_refused"]), (&0.into(), &5.into()));
    assert_eq!(status["places_breaker"], "closed", "a rate limit is not a failure of the service");
    let (_, metrics) = get(&node, "/metrics");
    assert!(metrics.contains("herd_places_requests_left{window=\"day\"} 0"), "{metrics}");
    assert!(metrics.contains("herd_places_refused_total 5"), "{metrics}");
    // Questions without a request are still answered.
    assert!(node.ask(b"WHATSAT kiwi 1 0\n").contains("\"OK\""));
}

#[test]
fn one_address_gets_its_share_and_leaves_the_rest_to_others() {
    let upstream = Upstream::start(|stream| reply(stream, "200 OK", NOTHING));
    let (node, _) = node("budget-share", "places_per_day = 4", &upstream);
    assert_eq!(
        statuses(&node, 1..=4),
        ["ZERO_RESULTS", "ZERO_RESULTS", "OVER_QUERY_LIMIT", "OVER_QUERY_LIMIT"]
    );
    assert!(node.ask(b"WHATSAT kiwi 1 5\n").contains("each client address may cause 2 requests"));
    let other = |radius| ask_from(Ipv4Addr::new(127, 0, 0, 2), &node, &format!("WHATSAT kiwi {radius} 5\n"));
    assert!(other(5).contains("ZERO_RESULTS") && other(6).contains("ZERO_RESULTS"));
    assert!(other(7).contains("OVER_QUERY_LIMIT"));
    assert_eq!(upstream.requests(), 4);
}

#[test]
fn a_retry_is_a_request() {
    let upstream = Upstream::start(|stream| reply(stream, "503 Service Unavailable", ""));
    let (node, _) = node("budget-retry", "places_per_day = 3\nplaces_address_percent = 100", &upstream);
    assert_eq!(statuses(&node, 1..=3), ["UNKNOWN_ERROR", "UNKNOWN_ERROR", "OVER_QUERY_LIMIT"]);
    assert_eq!(upstream.requests(), 3);
}

#[test]
fn limits_that_are_off_limit_nothing() {
    let upstream = Upstream::start(|stream| reply(stream, "200 OK", NOTHING));
    let limits = "places_per_day = \"off\"\nplaces_per_minute = \"off\"";
    let (node, _) = node("budget-off", limits, &upstream);
    let radii = |whole: usize| (1..=300).map(move |part| format!("WHATSAT kiwi {whole}.{part:03} 5\n"));
    let told = node.ask(radii(1).collect::<String>().as_bytes());
    assert_eq!((told.matches("ZERO_RESULTS").count(), upstream.requests()), (300, 300));
    assert_eq!(status(&node)["places_left"], serde_json::json!({}));
}

#[test]
fn by_default_many_connections_of_one_address_cause_few_requests() {
    let upstream = Upstream::start(|stream| reply(stream, "200 OK", NOTHING));
    let (node, _) = node("budget-default", "", &upstream);
    std::thread::scope(|scope| {
        for client in 0..16 {
            let node = &node;
            scope.spawn(move || {
                let lines = (0..100).map(|line| format!("WHATSAT kiwi 1.{client:02}{line:02} 5\n"));
                let told = node.ask(lines.collect::<String>().as_bytes());
                assert_eq!(told.matches("\"status\"").count(), 100);
            });
        }
    });
    assert!((1..=100).contains(&upstream.requests()), "{}", upstream.requests());
}

#[test]
fn cities_of_the_embedded_table_are_not_counted() {
    let node = Node::start_with("budget-offline", "places_per_day = 1", |command| {
        command.args(["--places", "offline"])
    });
    node.ask(IAMAT.as_bytes());
    for _ in 0..3 {
        assert!(node.ask(b"WHATSAT kiwi 10 1\n").contains("Santa Monica"));
    }
}
