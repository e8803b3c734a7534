//! The admin port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use fixtures::checkout::program;

use crate::events::Feed;
use crate::support::{DEADLINE, IAMAT, Node, herd, log_of, wait_for_log, wait_until};

/// The answer of a node's admin port: its first line, and its body.
pub(crate) fn get(node: &Node, path: &str) -> (String, String) {
    request(node, &format!("GET {path} HTTP/1.0\r\n\r\n"))
}

/// The same of any request.
pub(crate) fn request(node: &Node, request: &str) -> (String, String) {
    request_of(node.admin.expect("an admin port"), request)
}

/// The same of any port that speaks HTTP.
pub(crate) fn request_of(port: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(port).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn start(test: &str) -> Node {
    Node::start_with(test, "", |command| command.args(["--admin-address", "127.0.0.1:0"]))
}

#[test]
fn a_node_tells_its_state_as_json_and_for_prometheus() {
    let node = start("admin");
    node.ask(
        format!("{IAMAT}{IAMAT}WHATSAT kiwi 0 0\nnonsense\nWHATSAT plum 0 0\nIAMAT kiwi\nWHATSAT kiwi 1\n")
            .as_bytes(),
    );
    let (head, body) = get(&node, "/status");
    assert_eq!(head, "HTTP/1.0 200 OK");
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&status["name"], &status["durability"]), (&"Alford".into(), &"memory".into()));
    assert_eq!((&status["clients"], &status["ready"]), (&1.into(), &true.into()));
    let lines = serde_json::json!({
        "reports_fresh": 1, "reports_stale": 1, "reports_refused": 0, "reports_invalid": 1,
        "questions": 1, "questions_unknown": 1, "questions_invalid": 1, "invalid": 1,
    });
    assert_eq!(status["lines"], lines);
    let refused = |reason: &str| status["lines_refused"][reason].as_u64().unwrap();
    assert_eq!(["verb", "operands", "unknown_client", "future_time"].map(refused), [1, 2, 1, 0]);
    let (_, metrics) = get(&node, "/metrics");
    for line in [
        "herd_client_lines_total{verb=\"IAMAT\",outcome=\"fresh\"} 1",
        "herd_client_lines_total{verb=\"IAMAT\",outcome=\"invalid\"} 1",
        "herd_client_lines_total{verb=\"WHATSAT\",outcome=\"unknown\"} 1",
        "herd_client_lines_total{verb=\"WHATSAT\",outcome=\"invalid\"} 1",
        "herd_client_lines_total{verb=\"other\",outcome=\"invalid\"} 1",
        "herd_client_lines_refused_total{reason=\"operands\"} 2",
        "herd_client_lines_refused_total{reason=\"table_full\"} 0",
        "herd_connections_accepted_total{port=\"client\"} 1",
        "herd_places_questions_total{outcome=\"ok\"} 0",
        "herd_places_breaker_state{state=\"closed\"} 1",
        "herd_clients 1",
        "herd_ready 1",
    ] {
        assert!(metrics.lines().any(|told| told == line), "{line} in {metrics}");
    }
    assert_eq!(get(&node, "/healthz"), ("HTTP/1.0 200 OK".to_owned(), "ok\n".to_owned()));
    assert_eq!(get(&node, "/readyz").1, "ready\n");
    assert!(get(&node, "/").0.contains("404"));
}

#[test]
fn a_node_without_any_link_is_not_ready_and_says_why() {
    let node = Node::start_awaiting_with("Alford", "Parker", "lonely", &["--admin-address", "127.0.0.1:0"]);
    let (head, body) = get(&node, "/readyz");
    assert_eq!(
        (head.as_str(), body.as_str()),
        ("HTTP/1.0 503 Service Unavailable", "no neighbour is linked\n")
    );
    let probe = |args: &[&str]| {
        let admin = node.admin.expect("an admin port").to_string();
        let output = Command::new(program("herd")).arg("probe").arg(admin).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    assert_eq!(probe(&[]), (Some(1), "error: no neighbour is linked\n".to_owned()));
    assert_eq!(probe(&["--alive"]), (Some(0), "ok\n".to_owned()));
    let _parker = Node::start_beside("Parker", ("Alford", &node), "lonely", |command| command);
    wait_until("the node is ready", || get(&node, "/readyz").1 == "ready\n");
    assert_eq!(probe(&[]), (Some(0), "ready\n".to_owned()));
    let (_, metrics) = get(&node, "/metrics");
    assert!(metrics.contains("herd_link_up{neighbour=\"Parker\"} 1\n"), "{metrics}");
    let round_trip = "\nherd_link_round_trip_seconds{neighbour=\"Parker\"} 0.0";
    wait_until("heartbeats have gone there and back", || get(&node, "/metrics").1.contains(round_trip));
}

#[test]
fn a_request_for_another_host_is_misdirected() {
    let table = "name = \"one\"\n[admin]\nhosts = [\"herd.example.org\"]\n";
    let alone = "[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:0\"\n";
    let node = Node::run("Alford", "admin-host", &format!("{table}{alone}"), |command| {
        command.args(["--admin-address", "127.0.0.1:0"])
    });
    for path in ["/healthz", "/status", "/nothing"] {
        let ask = |host: &str| {
            request(&node, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).0
        };
        assert_eq!(ask("evil.example.org"), "HTTP/1.1 421 Misdirected Request", "{path}");
        for own in ["127.0.0.1", "[::1]:1", "localhost:12680", "herd.example.org"] {
            assert!(!ask(own).contains("421"), "{own}{path}");
        }
    }
}

#[test]
fn silent_connections_to_the_admin_port_neither_keep_others_out_nor_use_up_the_files() {
    let alone =
        "name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:0\"\n";
    let node = Node::run_by(&["prlimit", "--nofile=200:200"], "Alford", "admin-crowd", alone, |command| {
        command.args(["--admin-address", "127.0.0.1:0"])
    });
    let crowd: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(node.admin.unwrap()).unwrap()).collect();
    assert_eq!(get(&node, "/healthz").1, "ok\n");
    assert_eq!(node.ask(b"x\n"), "? x\n");
    let mut neighbour = TcpStream::connect(node.link).unwrap();
    neighbour.set_read_timeout(Some(DEADLINE)).unwrap();
    neighbour.write_all(b"no TLS\n").unwrap();
    assert!(neighbour.read(&mut [0; 8]).is_ok(), "the link port answers");
    drop(crowd);
}

#[test]
fn a_connection_that_sends_no_request_is_closed() {
    let node = Node::start_with("admin-silent", "admin_patience = \"50ms\"", |command| {
        command.args(["--admin-address", "127.0.0.1:0"])
    });
    for head in ["", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"] {
        let mut stream = TcpStream::connect(node.admin.unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(!answer.contains("200"), "{answer}");
    }
}

#[test]
fn the_admin_port_of_the_herd_file_is_used_unless_a_flag_or_a_variable_names_another() {
    // No other program uses this loopback address, so a port that was free is still free.
    let address = TcpListener::bind("127.0.0.77:0").unwrap().local_addr().unwrap();
    let herd = format!(
        "name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\nadmin = \"{address}\"\n"
    );
    let admin_of = |more: fn(&mut Command) -> &mut Command| {
        let node = Node::run("Alford", "admin-address", &herd, more);
        assert!(get(&node, "/healthz").0.ends_with(" 200 OK"));
        node.admin.unwrap()
    };
    assert_eq!(admin_of(|command| command), address);
    assert_ne!(admin_of(|command| command.args(["--admin-address", "127.0.0.1:0"])), address);
    assert_ne!(admin_of(|command| command.env("HERD_ADMIN_ADDRESS", "127.0.0.1:0")), address);
}

#[test]
fn clients_get_no_http_and_the_admin_port_stays_on_loopback() {
    let node = start("no-http");
    assert_eq!(node.ask(b"GET /status HTTP/1.0\r\n\r\n"), "? GET /status HTTP/1.0\n");
    let args = ["Alford", "--client-address", "127.0.0.1:0", "--admin-address", "0.0.0.0:0"];
    herd("no-http").args(args).assert().code(1).stderr(
        "error: the admin address 0.0.0.0:0 is not on loopback: use an address such as 127.0.0.1:12680\n",
    );
}

#[test]
fn clocks_that_differ_are_one_warning_a_metric_and_a_reason_not_to_be_ready() {
    let log = log_of("clocks");
    let args = ["--admin-address", "127.0.0.1:0", "--insecure-links", "--log-file", &log];
    let node = Node::start_awaiting_with("Alford", "Parker", "clocks", &args);
    let mut parker = Parker::link(&node);
    let mut feed = Feed::open(&node);
    // An hour behind.
    parker.answer_heartbeats(4, -3600.0);
    let warning = feed.next_of("warning");
    assert_eq!(warning["what"], "clock");
    let text = warning["text"].as_str().unwrap();
    assert!(
        text.starts_with("the clock of Parker is 3") && text.ends_with(" s behind this node's"),
        "{text}"
    );
    let (head, body) = get(&node, "/readyz");
    assert_eq!(head, "HTTP/1.0 503 Service Unavailable");
    let reason = body
        .strip_prefix("the clock of Parker is 3600.")
        .or(body.strip_prefix("the clock of Parker is 3599."));
    assert!(reason.is_some_and(|rest| rest.ends_with(" s behind this node's\n")), "{body}");
    assert!(get(&node, "/metrics").1.contains("\nherd_link_clock_ahead_seconds{neighbour=\"Parker\"} -3"));
    parker.answer_heartbeats(3, 0.0);
    assert_eq!(get(&node, "/readyz").1, "ready\n");
    wait_for_log(&log, "clocks agree again", 1);
    wait_for_log(&log, "clocks differ", 1);
    assert_eq!(std::fs::read_to_string(&log).unwrap().matches("clocks differ").count(), 1);
}

/// A neighbour played by the test, on a plain TCP link.
struct Parker {
    link: BufReader<TcpStream>,
}

impl Parker {
    /// Completes a link with an empty node.
    fn link(node: &Node) -> Parker {
        let mut link = TcpStream::connect(node.link).unwrap();
        link.set_read_timeout(Some(DEADLINE)).unwrap();
        let hello = "HELLO 5 Parker 0000000000000001 0000000000000001\nCURSOR 0000000000000000 0\n";
        link.write_all(hello.as_bytes()).unwrap();
        Parker { link: BufReader::new(link) }
    }

    /// Answers `beats` heartbeats, with a clock that is `ahead` seconds ahead. Returns once the
    /// node has processed them: it echoes each in its next heartbeat.
    fn answer_heartbeats(&mut self, beats: usize, ahead: f64) {
        for _ in 0..beats {
            let heard = self.next_heartbeat();
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            let clock = ((since_1970 + ahead) * 1e6) as u64;
            let [sum, head, _, sent, ..] = &heard[..] else { panic!("{heard:?}") };
            let alive = format!("ALIVE {sum} 0 {head} 1 {sent} {clock}\n");
            self.link.get_mut().write_all(alive.as_bytes()).unwrap();
        }
        self.next_heartbeat();
        self.next_heartbeat();
    }

    /// The operands of the next heartbeat.
    fn next_heartbeat(&mut self) -> Vec<String> {
        loop {
            let mut line = String::new();
            assert!(self.link.read_line(&mut line).unwrap() > 0, "the link has ended");
            if let Some(operands) = line.trim_end().strip_prefix("ALIVE ") {
                return operands.split(' ').map(str::to_owned).collect();
            }
        }
    }
}
