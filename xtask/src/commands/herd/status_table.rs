//! The status of a herd as a table.

use herd::printable::line;
use serde_json::Value;

use crate::text::fitted_table;

/// A column: its header, and a function that returns its cell for a node's status.
type Column = (&'static str, fn(&Value) -> String);

const COLUMNS: [Column; 13] = [
    ("NODE", |node| text(&node["name"])),
    ("STATE", |node| text(&node["state"])),
    ("CLIENTS", |node| text(&node["status"]["clients"])),
    ("LINKS", links),
    ("ADDRESS", |node| text(&node["client"])),
    ("ADMIN", |node| text(&node["admin"])),
    ("UPTIME", uptime),
    ("DURABILITY", |node| text(&node["durability"])),
    ("IAMAT P50/P99", answer_times),
    ("LINK ADDRESS", |node| text(&node["link"])),
    ("NEIGHBOURS", |node| text(&node["neighbours"])),
    ("PID", |node| text(&node["pid"])),
    ("LOG", |node| text(&node["log"])),
];

/// The number of columns, at the end, that only `--wide` shows: process ids and paths.
const WIDE: usize = 2;

/// The columns of a peer's nodes, which have no admin ports, and those that `--wide` shows.
const OF_PEERS: [usize; 5] = [0, 1, 4, 9, 10];
const WIDE_OF_PEERS: [usize; 7] = [0, 1, 4, 9, 10, 11, 12];

/// The columns that are left out if the table is too wide, in the order in which they go.
const SPARE: [usize; 9] = [10, 9, 7, 8, 5, 6, 2, 3, 4];

/// The columns among those of a peer's nodes that are left out, in this order, if the table is too
/// wide.
const SPARE_OF_PEERS: [usize; 2] = [4, 3];

/// The columns of a status table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusColumns {
    /// Every column.
    All,
    /// The columns that fit this width in characters, or all but process ids and paths if there is
    /// no width.
    Fitted(Option<usize>),
}

/// Returns a table with a row for each node and each server of the backbone, and below it the
/// reasons why nodes are not ready or do not answer, and the links that are cut.
pub(super) fn status_table(status: &Value, columns: StatusColumns) -> String {
    let lists = [&status["nodes"], &status["servers"]];
    let nodes: Vec<&Value> = lists.into_iter().filter_map(Value::as_array).flatten().collect();
    let mut rows = vec![COLUMNS.map(|(header, _)| header.to_owned())];
    rows.extend(nodes.iter().map(|node| COLUMNS.map(|(_, cell)| cell(node))));
    let mut table = match columns {
        columns if nodes.iter().any(|node| node["peer"].is_string()) => peer_table(&rows, columns),
        StatusColumns::All => fitted_table(&rows, &[], None),
        StatusColumns::Fitted(width) => {
            let rows: Vec<_> = rows.iter().filter_map(|row| row.first_chunk().cloned()).collect();
            fitted_table::<{ COLUMNS.len() - WIDE }>(&rows, &SPARE, width)
        }
    };
    for node in nodes {
        for reason in node["reasons"].as_array().into_iter().flatten() {
            let reason = text(reason);
            let reason = line(reason.as_bytes());
            table += &format!("{} is {}: {reason}\n", text(&node["name"]), text(&node["state"]));
        }
    }
    for link in cut_links(status) {
        table += &format!("the link between {} and {} is cut\n", text(&link[0]), text(&link[1]));
    }
    table
}

/// Returns how many nodes are in each state, and how many links are cut.
pub(super) fn summary(status: &Value) -> String {
    let nodes: Vec<&Value> = status["nodes"].as_array().into_iter().flatten().collect();
    let count = |state: &str| nodes.iter().filter(|node| node["state"] == state).count();
    let states = STATES.map(|state| (count(state), state));
    let states =
        states.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}"));
    let states = states.collect::<Vec<_>>().join(", ");
    let cut = match cut_links(status).count() {
        0 => String::new(),
        1 => "; 1 link cut".to_owned(),
        several => format!("; {several} links cut"),
    };
    format!("{}: {} nodes: {states}{cut}", text(&status["herd"]), nodes.len())
}

/// The states of nodes.
const STATES: [&str; 6] = ["ready", "running", "not ready", "not answering", "paused", "down"];

fn cut_links(status: &Value) -> impl Iterator<Item = &Value> {
    status["cut"].as_array().into_iter().flatten()
}

/// Returns the table of a peer's nodes, of which only little is known.
fn peer_table(rows: &[[String; COLUMNS.len()]], columns: StatusColumns) -> String {
    match columns {
        StatusColumns::All => fitted_table(&choose(rows, WIDE_OF_PEERS), &[], None),
        StatusColumns::Fitted(width) => fitted_table(&choose(rows, OF_PEERS), &SPARE_OF_PEERS, width),
    }
}

/// Returns some columns of rows.
fn choose<const N: usize>(rows: &[[String; COLUMNS.len()]], columns: [usize; N]) -> Vec<[String; N]> {
    rows.iter().map(|row| columns.map(|column| row[column].clone())).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Returns the number of links that are up, of the number of neighbours.
fn links(node: &Value) -> String {
    let Some(neighbours) = node["status"]["neighbours"].as_array() else { return "-".to_owned() };
    let up = neighbours.iter().filter(|neighbour| neighbour["linked"] == true).count();
    format!("{up}/{}", neighbours.len())
}

/// Returns the median and the 99th percentile of the time to answer a report.
fn answer_times(node: &Value) -> String {
    let iamat = &node["status"]["durations"]["answer_iamat"];
    let quantiles = [&iamat["p50_seconds"], &iamat["p99_seconds"]].map(Value::as_f64);
    match quantiles {
        [Some(half), Some(most)] => format!("{} / {}", short(half), short(most)),
        _ => "-".to_owned(),
    }
}

/// Returns a time in seconds as a short number with a unit.
fn short(seconds: f64) -> String {
    let (value, unit) = match seconds {
        _ if seconds < 0.000_995 => (seconds * 1e6, "µs"),
        _ if seconds < 0.995 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let decimals = usize::from(value < 9.95);
    format!("{value:.decimals$}{unit}")
}

/// Returns the uptime of the process in its two largest units.
fn uptime(node: &Value) -> String {
    let Some(seconds) = node["status"]["uptime_seconds"].as_f64() else { return "-".to_owned() };
    let (minutes, seconds) = (seconds as u64 / 60, seconds as u64 % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    match (hours / 24, hours % 24) {
        (0, 0) if minutes == 0 => format!("{seconds}s"),
        (0, 0) => format!("{minutes}m {seconds}s"),
        (0, hours) => format!("{hours}h {minutes}m"),
        (days, hours) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, state: &str, reasons: &[&str], status: &Value) -> Value {
        json!({
            "name": name,
            "client": "127.0.0.1:12480",
            "link": "127.0.0.1:12580",
            "admin": "127.0.0.1:12585",
            "pid": 4242,
            "log": format!("/checkout/target/herd/2015-winter/{name}.log"),
            "state": state,
            "reasons": reasons,
            "neighbours": ["Parker", "Powell"],
            "durability": status["durability"],
            "status": status,
        })
    }

    /// One node in each state.
    fn herd() -> Value {
        let status = |linked: bool, uptime: f64| {
            json!({
                "clients": 1_000_000,
                "uptime_seconds": uptime,
                "durability": "everysec",
                "neighbours": [{ "linked": linked }, { "linked": false }],
                "durations": { "answer_iamat": { "p50_seconds": 0.000_042, "p99_seconds": 0.001_7 } },
            })
        };
        json!({ "herd": "2015-winter", "nodes": [
            node("Alford", "ready", &[], &status(true, 90_061.5)),
            node("Hamilton", "not ready", &["no neighbour is linked"], &status(false, 59.9)),
            node("Parker", "not answering", &["no answer within 1s"], &Value::Null),
            node("Powell", "down", &[], &Value::Null),
        ] })
    }

    #[test]
    fn eighty_columns_show_what_is_needed_most() {
        insta::assert_snapshot!(status_table(&herd(), StatusColumns::Fitted(Some(80))), @r"
        NODE      STATE          CLIENTS  LINKS  ADDRESS          UPTIME
        Alford    ready          1000000  1/2    127.0.0.1:12480  1d 1h
        Hamilton  not ready      1000000  0/2    127.0.0.1:12480  59s
        Parker    not answering  -        -      127.0.0.1:12480  -
        Powell    down           -        -      127.0.0.1:12480  -
        Hamilton is not ready: no neighbour is linked
        Parker is not answering: no answer within 1s
        ");
    }

    #[test]
    fn a_width_of_160_columns_shows_more() {
        insta::assert_snapshot!(status_table(&herd(), StatusColumns::Fitted(Some(160))), @r"
        NODE      STATE          CLIENTS  LINKS  ADDRESS          ADMIN            UPTIME  DURABILITY  IAMAT P50/P99  LINK ADDRESS     NEIGHBOURS
        Alford    ready          1000000  1/2    127.0.0.1:12480  127.0.0.1:12585  1d 1h   everysec    42µs / 1.7ms   127.0.0.1:12580  Parker,Powell
        Hamilton  not ready      1000000  0/2    127.0.0.1:12480  127.0.0.1:12585  59s     everysec    42µs / 1.7ms   127.0.0.1:12580  Parker,Powell
        Parker    not answering  -        -      127.0.0.1:12480  127.0.0.1:12585  -       -           -              127.0.0.1:12580  Parker,Powell
        Powell    down           -        -      127.0.0.1:12480  127.0.0.1:12585  -       -           -              127.0.0.1:12580  Parker,Powell
        Hamilton is not ready: no neighbour is linked
        Parker is not answering: no answer within 1s
        ");
    }

    #[test]
    fn a_peers_table_has_only_what_is_known_of_its_nodes() {
        let mut herd = herd();
        for node in herd["nodes"].as_array_mut().unwrap() {
            node["peer"] = "twisted".into();
            node["status"] = Value::Null;
        }
        herd["nodes"][0]["state"] = "running".into();
        insta::assert_snapshot!(status_table(&herd, StatusColumns::Fitted(Some(80))), @r"
        NODE      STATE          ADDRESS          LINK ADDRESS     NEIGHBOURS
        Alford    running        127.0.0.1:12480  127.0.0.1:12580  Parker,Powell
        Hamilton  not ready      127.0.0.1:12480  127.0.0.1:12580  Parker,Powell
        Parker    not answering  127.0.0.1:12480  127.0.0.1:12580  Parker,Powell
        Powell    down           127.0.0.1:12480  127.0.0.1:12580  Parker,Powell
        Hamilton is not ready: no neighbour is linked
        Parker is not answering: no answer within 1s
        ");
        let header = |columns| status_table(&herd, columns).lines().next().unwrap().to_owned();
        assert!(header(StatusColumns::Fitted(Some(60))).ends_with(" ADDRESS          LINK ADDRESS"));
        assert_eq!(header(StatusColumns::Fitted(Some(50))), "NODE      STATE          ADDRESS");
        assert!(header(StatusColumns::All).ends_with(" LOG"));
    }

    #[test]
    fn only_the_wide_table_shows_paths_and_process_ids() {
        let whole = status_table(&herd(), StatusColumns::Fitted(None));
        assert!(
            whole.contains("NEIGHBOURS") && !whole.contains("PID") && !whole.contains("/checkout/"),
            "{whole}"
        );
        let wide = status_table(&herd(), StatusColumns::All);
        assert!(
            wide.contains(" 4242 ") && wide.contains("/checkout/target/herd/2015-winter/Powell.log"),
            "{wide}"
        );
    }

    #[test]
    fn paused_nodes_and_cut_links_are_shown() {
        let mut herd = herd();
        herd["nodes"][0]["state"] = "paused".into();
        herd["cut"] = json!([["Alford", "Parker"], ["Bolden", "Powell"]]);
        let shown = status_table(&herd, StatusColumns::Fitted(Some(80)));
        assert!(shown.contains("Alford    paused "), "{shown}");
        let links = "the link between Alford and Parker is cut\nthe link between Bolden and Powell is cut\n";
        assert!(shown.ends_with(links), "{shown}");
        assert_eq!(
            summary(&herd),
            "2015-winter: 4 nodes: 1 not ready, 1 not answering, 1 paused, 1 down; 2 links cut"
        );
    }

    #[test]
    fn the_node_and_its_state_are_never_left_out() {
        let narrow = status_table(&herd(), StatusColumns::Fitted(Some(1)));
        assert!(narrow.starts_with("NODE      STATE\nAlford    ready\n"), "{narrow}");
    }

    #[test]
    fn a_time_is_short() {
        for (seconds, expected) in [
            (0.000_002_5, "2.5µs"),
            (0.000_042, "42µs"),
            (0.000_994, "994µs"),
            (0.000_996, "1.0ms"),
            (0.009_96, "10ms"),
            (0.25, "250ms"),
            (1.25, "1.2s"),
            (12.5, "12s"),
        ] {
            assert_eq!(short(seconds), expected);
        }
        assert_eq!(answer_times(&json!({ "status": { "durations": {} } })), "-");
    }

    #[test]
    fn an_uptime_has_its_two_largest_units() {
        for (seconds, expected) in [
            (0.4, "0s"),
            (59.9, "59s"),
            (61.0, "1m 1s"),
            (3_600.0, "1h 0m"),
            (90_061.0, "1d 1h"),
            (8.64e6, "100d 0h"),
        ] {
            assert_eq!(uptime(&json!({ "status": { "uptime_seconds": seconds } })), expected);
        }
    }
}
