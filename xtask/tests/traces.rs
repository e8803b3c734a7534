//! Traces of reports, as a collector receives them. They need nodes with the feature `otel`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fixtures::checkout::scratch;
use serde_json::Value;
use tokio::runtime::Runtime;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};
use xtask::cluster::backbone::{NatsServers, halves, nats_server};
use xtask::cluster::herd_file::HerdFile;
use xtask::cluster::processes::{Processes, Setup};
use xtask::cluster::test_herd::TestHerd;
use xtask::cluster::workspace::{Profile, herd_binary};

/// The time limit for whatever a test waits for.
const DEADLINE: Duration = Duration::from_secs(60);

/// The time between two looks.
const POLL: Duration = Duration::from_millis(50);

/// A collector, which keeps the requests that it receives.
struct Collector {
    runtime: Runtime,
    server: MockServer,
}

/// A span, as the collector received it.
#[derive(Clone, Debug)]
struct Span {
    node: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    /// The attributes, as JSON.
    attributes: String,
}

impl Collector {
    fn start() -> Collector {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let takes = Mock::given(method("POST")).and(path("/v1/traces"));
            let takes = takes.and(header("content-type", "application/json"));
            takes.respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&server).await;
            server
        });
        Collector { runtime, server }
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.runtime.block_on(self.server.received_requests()).unwrap();
        let bodies = requests.iter().map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
        let mut spans = Vec::new();
        for body in bodies {
            for resource in body["resourceSpans"].as_array().unwrap() {
                let attributes = resource["resource"]["attributes"].as_array().unwrap();
                let named = attributes.iter().find(|entry| entry["key"] == "service.instance.id").unwrap();
                let node = named["value"]["stringValue"].as_str().unwrap();
                let scopes = resource["scopeSpans"].as_array().unwrap();
                let of_scopes = scopes.iter().flat_map(|scope| scope["spans"].as_array().unwrap());
                spans.extend(of_scopes.map(|span| Span::of(node, span)));
            }
        }
        spans
    }

    /// Waits until the nodes have sent these spans, and the parents of all spans. Returns them.
    fn wait_for(&self, expected: &[(&str, &str)]) -> Vec<Span> {
        let started = Instant::now();
        loop {
            let spans = self.spans();
            let found: BTreeSet<_> = spans.iter().map(|span| (&*span.name, &*span.node)).collect();
            let ids: BTreeSet<_> = spans.iter().map(|span| &*span.id).collect();
            let is_whole = spans.iter().all(|span| span.parent.is_empty() || ids.contains(&*span.parent));
            if is_whole && expected.iter().all(|expected| found.contains(expected)) {
                return spans;
            }
            assert!(started.elapsed() < DEADLINE, "expected {expected:?}, not {spans:?}");
            thread::sleep(POLL);
        }
    }
}

impl Span {
    fn of(node: &str, span: &Value) -> Span {
        let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
        Span {
            node: node.to_owned(),
            name: text("name"),
            trace: text("traceId"),
            id: text("spanId"),
            parent: text("parentSpanId"),
            attributes: span["attributes"].to_string(),
        }
    }
}

/// The span with this name of a node.
fn of<'a>(spans: &'a [Span], name: &str, node: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name && span.node == node).unwrap()
}

/// The classroom herd, with a collector at this URL.
fn file(endpoint: &str) -> HerdFile {
    let text = HerdFile::find("2015-winter").unwrap().text();
    HerdFile::parse(&format!("{text}\n[traces]\nendpoint = \"{endpoint}\"\nsample = 1\n"), "traced").unwrap()
}

/// The herd of a file, which has no backbone.
fn start(test: &str, file: &HerdFile) -> TestHerd {
    let folder = scratch(test);
    let mut herd = TestHerd::new(file, |file, _| {
        Processes::new(logging_lines(Setup::clean(file, herd_binary(Profile::Debug)?, folder)))
    })
    .unwrap();
    herd.start_all().unwrap();
    herd
}

/// The same nodes, which log the lines of their links.
fn logging_lines(setup: Setup) -> Setup {
    Setup { args: vec!["--log-level".into(), "debug".into()], ..setup }
}

/// Lets the client `kiwi` report to Alford.
fn report(herd: &TestHerd) {
    let address = herd.herd().member("Alford").unwrap().client;
    let mut stream = TcpStream::connect(address).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    stream.write_all(format!("IAMAT kiwi +34.068930-118.445127 {now}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("AT Alford "), "{answer}");
}

/// Checks that spans are of one trace, that each has a parent in it, and that they say who reported
/// and not where.
fn check_trace(spans: &[Span]) {
    let traces: BTreeSet<&str> = spans.iter().map(|span| &*span.trace).collect();
    assert_eq!(traces.len(), 1, "{spans:?}");
    let ids: BTreeSet<&str> = spans.iter().map(|span| &*span.id).collect();
    assert_eq!(ids.len(), spans.len(), "{spans:?}");
    for span in spans {
        assert_eq!(span.name == "iamat", span.parent.is_empty(), "{span:?}");
        assert!(span.parent.is_empty() || ids.contains(&*span.parent), "{span:?} in {spans:?}");
        assert!(span.attributes.contains("kiwi") && !span.attributes.contains("34.06"), "{span:?}");
    }
}

/// Checks that the nodes have logged the lines of their links, and that none has the id of a trace.
fn check_links(herd: &TestHerd, trace: &str) {
    for member in &herd.herd().members {
        let log = fs::read_to_string(herd.log(&member.name)).unwrap();
        assert!(log.contains("AT Alford") && !log.contains(trace), "{}: {log}", member.name);
    }
}

#[test]
fn a_report_leaves_one_trace_with_the_spans_of_all_nodes() {
    let collector = Collector::start();
    let herd = start("traces_herd", &file(&collector.server.uri()));
    report(&herd);
    let spans = collector.wait_for(&[
        ("iamat", "Alford"),
        ("apply", "Bolden"),
        ("apply", "Hamilton"),
        ("apply", "Parker"),
        ("apply", "Powell"),
    ]);
    check_trace(&spans);
    check_links(&herd, &spans[0].trace);
    // Hamilton has one neighbour.
    assert_eq!(of(&spans, "apply", "Hamilton").parent, of(&spans, "apply", "Parker").id);
}

#[test]
fn a_trace_goes_on_in_other_regions() {
    let program = match nats_server(&|_| {}) {
        Ok(program) => program,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "not tested: {error:#}");
            return;
        }
    };
    let (collector, folder) = (Collector::start(), scratch("traces_regions"));
    let servers = NatsServers::start(program, folder.join("nats"), 1).unwrap();
    let mut herd = TestHerd::new(&file(&collector.server.uri()), |file, _| {
        let program = herd_binary(Profile::Debug)?;
        let setup = halves(&file)?.setup(&servers.backbone(), program, folder.join("herd"))?;
        Processes::new(logging_lines(setup))
    })
    .unwrap();
    herd.start_all().unwrap();
    let backbone = servers.backbone();
    let mut messages = TcpStream::connect(backbone.urls[0].trim_start_matches("nats://")).unwrap();
    messages.set_read_timeout(Some(DEADLINE)).unwrap();
    let subscribe =
        format!("CONNECT {{\"verbose\":false,\"headers\":true}}\r\nSUB {}.> 1\r\n", backbone.stream);
    messages.write_all(subscribe.as_bytes()).unwrap();
    report(&herd);
    let spans = collector.wait_for(&[
        ("iamat", "Alford"),
        ("publish", "Alford"),
        ("apply", "Powell"),
        ("apply", "Bolden"),
        ("apply", "Hamilton"),
        ("apply", "Parker"),
    ]);
    check_trace(&spans);
    check_links(&herd, &spans[0].trace);
    let publish = of(&spans, "publish", "Alford");
    let reads: Vec<&Span> = spans.iter().filter(|span| span.name == "read").collect();
    assert!(!reads.is_empty() && reads.iter().all(|read| read.parent == publish.id), "{spans:?}");
    let said = read_until(&mut messages, b"AT Alford");
    let header = format!("traceparent: 00-{}-{}-01\r\n", publish.trace, publish.id);
    assert!(said.contains(&header), "{header} is not in {said}");
}

/// Reads until a text has arrived, and returns everything.
fn read_until(stream: &mut TcpStream, text: &[u8]) -> String {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    while memchr::memmem::find(&received, text).is_none() {
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&piece[..length]);
    }
    String::from_utf8_lossy(&received).into_owned()
}

#[test]
fn a_collector_that_does_not_answer_disturbs_nothing() {
    // Nothing listens on port 1.
    let herd = start("traces_lost", &file("http://127.0.0.1:1"));
    report(&herd);
    let started = Instant::now();
    let log = || fs::read_to_string(herd.log("Alford")).unwrap();
    while !log().contains("spans of traces are lost") {
        assert!(started.elapsed() < DEADLINE, "{}", log());
        thread::sleep(POLL);
    }
    report(&herd);
}
