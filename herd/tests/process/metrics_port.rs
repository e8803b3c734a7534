//! The metrics port, which other machines may reach.

use std::net::SocketAddr;

use crate::admin::{get, request_of};
use crate::support::{IAMAT, Node, wait_until};

fn scrape(port: SocketAddr, path: &str) -> (String, String) {
    request_of(port, &format!("GET {path} HTTP/1.1\r\nHost: herd.example\r\nConnection: close\r\n\r\n"))
}

#[test]
fn the_metrics_port_has_the_metrics_and_nothing_else() {
    let node = Node::start_with("metrics-port", "", |command| {
        command.args(["--metrics-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"])
    });
    let port = node.metrics.expect("a metrics port");
    node.ask(IAMAT.as_bytes());
    let (head, _) = scrape(port, "/metrics");
    assert_eq!(head, "HTTP/1.1 200 OK");
    let names = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("# TYPE")).map(str::to_owned).collect()
    };
    assert_eq!(names(&scrape(port, "/metrics").1), names(&get(&node, "/metrics").1));
    let open = "GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text\r\n\r\n";
    assert!(request_of(port, open).1.ends_with("# EOF\n"));
    for path in ["/", "/status", "/healthz", "/readyz", "/clients", "/events", "/log-level", "/metrics/"] {
        assert!(scrape(port, path).0.contains(" 404 "), "{path}");
    }
    let post = request_of(port, "POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    assert!(post.0.contains(" 405 "), "{}", post.0);
}

#[test]
fn frequent_requests_get_the_same_metrics_until_these_are_old() {
    let node =
        Node::start_with("metrics-fresh", "", |command| command.args(["--metrics-address", "127.0.0.1:0"]));
    let port = node.metrics.expect("a metrics port");
    let report =
        |text: &str| text.contains("\nherd_client_lines_total{verb=\"IAMAT\",outcome=\"fresh\"} 1\n");
    let first = scrape(port, "/metrics").1;
    assert!(!report(&first));
    node.ask(IAMAT.as_bytes());
    wait_until("the report is counted", || report(&scrape(port, "/metrics").1));
    // Were the node to count for each request, these would differ at least by the connections.
    wait_until("two answers are the same", || scrape(port, "/metrics").1 == scrape(port, "/metrics").1);
}
