//! The metrics of a node, and their documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use fixtures::checkout::root;

use crate::admin::get;
use crate::support::{Node, wait_until};

/// A metric as documented or exposed: its type and its labels.
pub(crate) type Shape = (String, BTreeSet<String>);

/// The metrics of `docs/src/reference/metrics.md` by name.
fn documented() -> BTreeMap<String, Shape> {
    let text = std::fs::read_to_string(root().join("docs/src/reference/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, kind, _, what, _, _] = cells[..] else { panic!("a row of five cells: {row}") };
        assert!(!what.is_empty(), "{row}");
        let (name, labels) = shape(name.trim_matches('`'));
        (name, (kind.to_owned(), labels))
    })
    .collect()
}

/// The name of a series, and the names of its labels.
fn shape(series: &str) -> (String, BTreeSet<String>) {
    let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
    let names = labels.split(',').map(|label| label.split('=').next().unwrap_or_default().to_owned());
    (name.to_owned(), names.filter(|name| !name.is_empty()).collect())
}

/// The metrics that `/metrics` exposes, by the names that Prometheus gives them.
pub(crate) fn exposed(text: &str) -> BTreeMap<String, Shape> {
    let mut metrics = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metrics.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        }
        if let Some((series, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
            let (name, labels) = shape(series);
            // A histogram has its labels in the series of its buckets, and their bounds.
            if let Some((_, known)) = metrics.get_mut(name.trim_end_matches("_bucket")) {
                known.extend(labels.into_iter().filter(|label| label != "le"));
            }
        }
    }
    metrics
}

/// The metrics of a node with all features: a linked neighbour, a journal, a service with rate
/// limits, and a backbone.
pub(crate) fn of_a_busy_node(test: &str) -> String {
    let data = fixtures::checkout::scratch(test).join("data").display().to_string();
    let args = ["--admin-address", "127.0.0.1:0"];
    let alford = Node::start_awaiting_with("Alford", "Parker", test, &args);
    let backbone = "[backbone]\nnats = [\"nats://127.0.0.1:1\"]\n";
    let parker = Node::start_beside_with("Parker", ("Alford", &alford), test, backbone, |command| {
        let service = ["--places", "google", "--places-url", "http://127.0.0.1:1"];
        command.args(args).args(service).args(["--data-dir", &data]).env("HERD_PLACES_KEY", "key")
    });
    wait_until("heartbeats have gone there and back", || {
        get(&parker, "/metrics").1.contains("\nherd_link_round_trip_seconds{neighbour=\"Alford\"} ")
    });
    get(&parker, "/metrics").1
}

#[test]
fn the_metrics_that_are_documented_are_those_of_a_node() {
    assert_eq!(exposed(&of_a_busy_node("documented")), documented());
}

#[test]
fn a_request_gets_openmetrics_if_it_asks_for_that_and_the_older_format_otherwise() {
    let node = Node::start_with("formats", "", |command| command.args(["--admin-address", "127.0.0.1:0"]));
    let metrics = |accept: &str| {
        let mut stream = TcpStream::connect(node.admin.unwrap()).unwrap();
        stream.write_all(format!("GET /metrics HTTP/1.0\r\n{accept}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let open = metrics("Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert!(open.contains("content-type: application/openmetrics-text; version=1.0.0;"), "{open}");
    assert!(open.contains("# TYPE herd_new_ids_refused counter\n") && open.ends_with("\n# EOF\n"), "{open}");
    for accept in ["", "Accept: */*\r\n", "Accept: application/openmetrics-text;q=0.1, text/plain\r\n"] {
        let classic = metrics(accept);
        assert!(classic.contains("content-type: text/plain; version=0.0.4;"), "{classic}");
        assert!(classic.contains("# TYPE herd_new_ids_refused_total counter\n"), "{classic}");
        assert!(!classic.contains("# EOF") && !classic.contains("# UNIT"), "{classic}");
    }
}

#[test]
fn promtool_finds_nothing_to_say() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where `cargo xtask alerts` unpacks it.
    let unpacked = root().join("target/prometheus/usr/bin");
    let folders = std::env::split_paths(&path).chain([unpacked]);
    let programs = folders.map(|folder| folder.join("promtool"));
    // `cargo xtask ci alerts` says so if it is not there.
    let Some(promtool) = programs.into_iter().find(|file| file.is_file()) else { return };
    let metrics = of_a_busy_node("promtool");
    let mut check = Command::new(promtool).args(["check", "metrics"]).stdin(Stdio::piped()).spawn().unwrap();
    check.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    assert!(check.wait().unwrap().success(), "{metrics}");
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    for (name, (kind, labels)) in documented() {
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(is_plain(&name) && labels.iter().all(|label| is_plain(label)), "{name}");
        assert!(name.starts_with("herd_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        let scaled = ["_milliseconds", "_ms", "_micros", "_kilobytes", "_kb", "_percent", "_minutes"];
        assert!(!scaled.iter().any(|unit| name.contains(unit)), "{name} has a unit that is not a base unit");
    }
}

#[test]
fn the_rules_watch_metrics_that_exist() {
    let rules = std::fs::read_to_string(root().join("herd/deploy/herd.rules.yml")).unwrap();
    let documented = documented();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let watched: BTreeSet<&str> =
        words.filter(|word| word.starts_with("herd_") || word.starts_with("process_")).collect();
    let is_known = |name: &str| {
        documented.contains_key(name)
            || name.strip_suffix("_bucket").is_some_and(|name| documented.contains_key(name))
    };
    let unknown: Vec<&&str> = watched.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty() && watched.len() > 10, "{unknown:?} of {watched:?}");
}

#[test]
fn a_node_tells_of_its_process_and_of_its_build() {
    let text = of_a_busy_node("build-and-process");
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    };
    assert!(value("process_open_fds") > 3.0 && value("process_open_fds") < value("process_max_fds"));
    assert!(value("process_resident_memory_bytes") > 1e6, "{text}");
    assert!(value("process_cpu_seconds_total") > 0.0, "{text}");
    assert!(value("process_start_time_seconds") > 1.7e9, "{text}");
    let build = text.lines().find(|line| line.starts_with("herd_build_info{")).unwrap();
    assert!(build.contains(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")), "{build}");
    assert!(build.contains("rustc=\"1.") && build.contains("commit=\""), "{build}");
}

/// The value of a series.
fn value(node: &Node, series: &str) -> Option<String> {
    let text = get(node, "/metrics").1;
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
}

#[test]
fn questions_for_places_are_counted_by_outcome_and_time_and_so_is_the_breaker() {
    let node = Node::start_with("places-metrics", "places_failures = 1\nplaces_pause = \"1h\"", |command| {
        let service = ["--places", "google", "--places-url", "http://127.0.0.1:1"];
        command.args(["--admin-address", "127.0.0.1:0"]).args(service).env("HERD_PLACES_KEY", "key")
    });
    let told = |series: &str| value(&node, series).unwrap_or_else(|| panic!("{series} is not there"));
    assert_eq!(told("herd_places_breaker_state{state=\"closed\"}"), "1");
    node.ask(b"IAMAT kiwi +1+1 1\nWHATSAT kiwi 1 1\n");
    node.ask(b"WHATSAT kiwi 1 2\n");
    assert_eq!(told("herd_places_questions_total{outcome=\"not_reached\"}"), "1");
    assert_eq!(told("herd_places_questions_total{outcome=\"breaker_open\"}"), "1");
    assert_eq!(told("herd_places_duration_seconds_count"), "2");
    assert_eq!(told("herd_places_breaker_state{state=\"open\"}"), "1");
    assert_eq!(told("herd_places_breaker_state{state=\"closed\"}"), "0");
}

#[test]
fn a_report_that_a_limit_forbids_is_refused_and_not_invalid() {
    let node = Node::start_with("refused-report", "distinct_clients = 1", |command| {
        command.args(["--admin-address", "127.0.0.1:0"])
    });
    node.ask(b"IAMAT kiwi +1+1 1\nIAMAT pear +1+1 1\nIAMAT kiwi north 1\n");
    let told = |outcome: &str| {
        value(&node, &format!("herd_client_lines_total{{verb=\"IAMAT\",outcome=\"{outcome}\"}}")).unwrap()
    };
    assert_eq!(["fresh", "refused", "invalid"].map(told), ["1", "1", "1"]);
}

#[test]
fn a_neighbour_that_is_killed_lags_by_what_happens_afterwards_and_one_that_never_came_has_no_lag() {
    let args = ["--admin-address", "127.0.0.1:0"];
    let alford = Node::start_awaiting_with("Alford", "Parker", "lag", &args);
    let lag = || value(&alford, "herd_link_lag_sequences{neighbour=\"Parker\"}");
    let state = |state: &str| {
        value(&alford, &format!("herd_link_state{{neighbour=\"Parker\",state=\"{state}\"}}")).unwrap()
    };
    let reports = |client: &str| {
        let lines = (0..20).map(|number| format!("IAMAT {client}{number} +1+1 1\n"));
        alford.ask(lines.collect::<String>().as_bytes());
    };
    reports("before");
    assert_eq!((lag(), state("never")), (None, "1".to_owned()));
    let parker = Node::start_beside("Parker", ("Alford", &alford), "lag", |command| command.args(args));
    wait_until("Parker has heard all", || value(&parker, "herd_clients").unwrap() == "20");
    // One heartbeat may have been in flight. The next one confirms everything.
    for _ in 0..2 {
        let round_trip = || value(&alford, "herd_link_round_trip_seconds{neighbour=\"Parker\"}");
        let before = round_trip();
        wait_until("Parker's next heartbeat has come", || round_trip() != before);
    }
    assert_eq!((lag().as_deref(), state("up")), (Some("0"), "1".to_owned()));
    drop(parker);
    wait_until("the link is down", || state("down") == "1");
    assert_eq!(lag().as_deref(), Some("0"));
    reports("after");
    assert_eq!(lag().as_deref(), Some("20"));
    let status: serde_json::Value = serde_json::from_str(&get(&alford, "/status").1).unwrap();
    let neighbour = &status["neighbours"][0];
    assert_eq!((&neighbour["lag"], &neighbour["state"]), (&20.into(), &"down".into()));
}
