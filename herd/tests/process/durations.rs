//! The durations that a node measures: each histogram counts what happened.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;

use crate::admin::get;
use crate::support::{DEADLINE, IAMAT, Node, scratch, wait_until};
use crate::upstream::{CANARY, Upstream, reply, wait_for_end};

const ADMIN: [&str; 2] = ["--admin-address", "127.0.0.1:0"];

const NOTHING: &str = "{\"status\":\"ZERO_RESULTS\",\"results\":[]}";

fn status(node: &Node) -> Value {
    serde_json::from_str(&get(node, "/status").1).unwrap()
}

/// The numbers of durations in the status of a node.
fn counts<const N: usize>(node: &Node, names: [&str; N]) -> [u64; N] {
    let status = status(node);
    names.map(|name| status["durations"][name]["count"].as_u64().unwrap())
}

fn answers(node: &Node) -> [u64; 3] {
    counts(node, ["answer_iamat", "answer_whatsat", "answer_invalid"])
}

/// The value of a series in the metrics of a node.
fn metric(metrics: &str, series: &str) -> f64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{series} in {metrics}")).parse().unwrap()
}

/// Starts a node that asks the service at `url`, with a journal.
fn with_places(test: &str, limits: &str, url: &str, durability: &str) -> Node {
    let data = scratch(test).join("data");
    Node::start_with(test, limits, |command| {
        command.args(ADMIN).args(["--places", "google-legacy", "--places-url", url]);
        command.args(["--durability", durability]).arg("--data-dir").arg(data);
        command.env("HERD_PLACES_KEY", CANARY)
    })
}

#[test]
fn answers_are_timed_by_verb_and_add_up_with_the_counters_of_lines() {
    let node = Node::start_with("timed-answers", "distinct_clients = 1", |command| command.args(ADMIN));
    assert_eq!(answers(&node), [0, 0, 0]);
    let long = "x".repeat(100_000);
    node.ask(
        format!(
            "{IAMAT}{IAMAT}IAMAT pear +1+1 1\nWHATSAT kiwi 0 0\nWHATSAT pear 0 0\nnonsense\n\nIAMAT x\n{long}\n"
        )
        .as_bytes(),
    );
    assert_eq!(answers(&node), [3, 2, 4]);
    let metrics = get(&node, "/metrics").1;
    let lines: f64 = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("herd_client_lines_total{")?.split_once("} "))
        .map(|(_, count)| count.parse::<f64>().unwrap())
        .sum();
    let timed = ["IAMAT", "WHATSAT", "invalid"]
        .map(|verb| metric(&metrics, &format!("herd_answer_duration_seconds_count{{verb=\"{verb}\"}}")));
    assert_eq!((timed, timed.iter().sum::<f64>()), ([3.0, 2.0, 4.0], lines));
}

#[test]
fn an_answer_is_timed_until_the_disk_has_its_record() {
    for durability in ["everysec", "always"] {
        let node = with_places(&format!("timed-disk-{durability}"), "", "http://127.0.0.1:1", durability);
        for number in 0..20 {
            let lines = format!("nonsense\nIAMAT kiwi +1+1 {number}\nWHATSAT kiwi 0 0\nIAMAT kiwi 1\n");
            node.ask(lines.as_bytes());
        }
        assert_eq!(answers(&node), [20, 20, 40], "{durability}");
        let [writes, syncs] = counts(&node, ["journal_write", "journal_sync"]);
        // Each record was written before its answer.
        assert!(writes >= 20 && (durability == "everysec" || syncs >= 20), "{writes} and {syncs}");
        let durations = &status(&node)["durations"];
        let total = |name: &str| durations[name]["sum_seconds"].as_f64().unwrap();
        assert!(total("answer_iamat") >= total("journal_write") * 0.5, "{durations}");
    }
}

#[test]
fn lines_behind_a_question_wait_for_its_places_and_each_request_is_timed_by_outcome() {
    let (go, gone) = mpsc::channel();
    let gone = Arc::new(Mutex::new(gone));
    let upstream = Upstream::start(move |stream| {
        if gone.lock().unwrap().recv_timeout(2 * DEADLINE).is_ok_and(|answers| answers) {
            reply(stream, "200 OK", NOTHING);
        }
    });
    let node = with_places("timed-places", "", &upstream.url, "everysec");
    node.ask(IAMAT.as_bytes());
    let mut client = node.connect();
    client.write_all(format!("x\n{IAMAT}WHATSAT kiwi 1 5\n{IAMAT}x\n").as_bytes()).unwrap();
    upstream.wait_for_requests(1);
    let asked = Instant::now();
    // The connection is open, so the node has the line when it answers the next client.
    client.write_all(IAMAT.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    wait_until("the last line has come", || status(&node)["lines"]["reports_stale"] == 3);
    assert_eq!(answers(&node), [2, 0, 1]);
    let waited = asked.elapsed().as_secs_f64();
    go.send(true).unwrap();
    client.read_to_string(&mut String::new()).unwrap();
    assert_eq!(answers(&node), [4, 1, 2]);
    let sum = |name: &str| status(&node)["durations"][name]["sum_seconds"].as_f64().unwrap();
    for name in ["answer_iamat", "answer_whatsat", "answer_invalid", "places_request"] {
        assert!(sum(name) >= waited, "{name}: {} s of {waited} s", sum(name));
    }
    // A request whose connection is lost, and its retry.
    go.send(false).unwrap();
    go.send(true).unwrap();
    node.ask(b"WHATSAT kiwi 2 5\n");
    let metrics = get(&node, "/metrics").1;
    let timed = ["zero_results", "connection_lost"].map(|outcome| {
        let series = format!("herd_places_request_duration_seconds_count{{outcome=\"{outcome}\"}}");
        metric(&metrics, &series)
    });
    assert_eq!(timed, [2.0, 1.0]);
    assert_eq!(timed.iter().sum::<f64>(), metric(&metrics, "herd_places_requests_total"));
    assert_eq!(counts(&node, ["places_request"]), [3]);
}

#[test]
fn a_request_that_is_given_up_has_timed_out() {
    let upstream = Upstream::start(|mut stream| wait_for_end(&mut stream));
    let limits = "places_total = \"100ms\"";
    let node = with_places("timed-out", limits, &upstream.url, "everysec");
    node.ask(format!("{IAMAT}WHATSAT kiwi 1 5\n").as_bytes());
    let metrics = get(&node, "/metrics").1;
    assert_eq!(metric(&metrics, "herd_places_requests_total"), 1.0);
    let series = "herd_places_request_duration_seconds_count{outcome=\"timeout\"}";
    assert_eq!(metric(&metrics, series), 1.0);
}

#[test]
fn updates_are_timed_when_they_arrive_and_so_are_heartbeats() {
    let alford = Node::start_awaiting_with("Alford", "Parker", "timed-links", &ADMIN);
    let parker =
        Node::start_beside("Parker", ("Alford", &alford), "timed-links", |command| command.args(ADMIN));
    // The times of these reports were years ago, but the ages count from now.
    alford.ask(format!("{IAMAT}IAMAT plum +1+1 1\nIAMAT plum +1+1 1\n").as_bytes());
    wait_until("Parker has heard all", || status(&parker)["clients"] == 2);
    let durations = &status(&parker)["durations"];
    assert_eq!(durations["update_age"]["count"], 2);
    assert!(durations["update_age"]["sum_seconds"].as_f64().unwrap() < 3600.0, "{durations}");
    assert_eq!(counts(&alford, ["update_age"]), [0]);
    let neighbour = |node: &Node| {
        let neighbour = &status(node)["neighbours"][0];
        ["updates_sent", "updates_received"].map(|name| neighbour[name].as_u64().unwrap())
    };
    assert_eq!((neighbour(&alford), neighbour(&parker)), ([2, 0], [0, 2]));
    wait_until("heartbeats have gone there and back", || counts(&parker, ["link_round_trip"]) >= [2]);
    let metrics = get(&parker, "/metrics").1;
    assert!(metric(&metrics, "herd_link_heartbeat_duration_seconds_count{neighbour=\"Alford\"}") >= 2.0);
    assert_eq!(metric(&metrics, "herd_link_update_age_seconds_count"), 2.0);
    let fresh = "herd_link_updates_received_total{neighbour=\"Alford\",outcome=\"fresh\"}";
    assert_eq!(metric(&metrics, fresh), 2.0);
}

#[test]
fn the_status_has_the_buckets_of_the_metrics_and_quantiles_between_them() {
    let node = Node::start_with("quantiles", "", |command| command.args(ADMIN));
    assert!(status(&node)["durations"]["answer_iamat"]["p99_seconds"].is_null());
    node.ask(IAMAT.repeat(1000).as_bytes());
    let iamat = &status(&node)["durations"]["answer_iamat"];
    let metrics = get(&node, "/metrics").1;
    let buckets = iamat["buckets"].as_array().unwrap();
    for bucket in buckets {
        let bound = bucket[0].as_f64().map_or_else(|| "+Inf".to_owned(), |bound| format!("{bound:?}"));
        let exposed = metrics.lines().find_map(|line| {
            let rest = line.strip_prefix("herd_answer_duration_seconds_bucket{le=\"")?;
            let (le, count) = rest.split_once("\",verb=\"IAMAT\"} ")?;
            let same = le == bound || le.parse::<f64>().ok() == bucket[0].as_f64();
            same.then(|| count.parse::<u64>().unwrap())
        });
        assert_eq!(exposed, bucket[1].as_u64(), "{bound}: {metrics}");
    }
    assert_eq!(buckets.last().unwrap()[1], 1000);
    let quantile = |name: &str| iamat[name].as_f64().unwrap();
    assert!(0.0 < quantile("p50_seconds") && quantile("p50_seconds") <= quantile("p99_seconds"), "{iamat}");
    let slower: Vec<&Value> = buckets.iter().filter(|bucket| bucket[1].as_u64() >= Some(990)).collect();
    assert!(quantile("p99_seconds") <= slower[0][0].as_f64().unwrap_or(10.0), "{iamat}");
}
