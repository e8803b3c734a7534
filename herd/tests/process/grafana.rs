//! The Grafana dashboard of `herd/deploy`.

use std::collections::{BTreeMap, BTreeSet};

use fixtures::checkout::root;
use serde_json::Value;

use crate::metrics::{Shape, exposed, of_a_busy_node};

/// Series that Prometheus makes itself.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];

fn dashboard() -> Value {
    let text = std::fs::read_to_string(root().join("herd/deploy/herd.dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// The words of all queries: of panels, variables and annotations.
fn queried_words(dashboard: &Value) -> BTreeSet<String> {
    let targets = panels(dashboard).iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions = targets.map(|target| &target["expr"]);
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let queries = expressions
        .chain(annotations.iter().map(|annotation| &annotation["expr"]))
        .chain(variables.iter().map(|variable| &variable["query"]["query"]));
    let queries = queries.filter_map(Value::as_str);
    let words = queries.flat_map(|query| query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether a name is that of a metric, or of a series of a histogram.
fn is_exposed(metrics: &BTreeMap<String, Shape>, name: &str) -> bool {
    let of_histogram = ["_bucket", "_count", "_sum"].iter().filter_map(|end| name.strip_suffix(end));
    metrics.contains_key(name)
        || of_histogram.into_iter().any(|name| metrics.get(name).is_some_and(|(kind, _)| kind == "histogram"))
}

#[test]
fn its_queries_name_metrics_that_a_node_exposes() {
    let metrics = exposed(&of_a_busy_node("dashboard"));
    let words = queried_words(&dashboard());
    let named: Vec<&String> =
        words.iter().filter(|word| word.starts_with("herd_") || word.starts_with("process_")).collect();
    let unknown: Vec<&&String> = named.iter().filter(|name| !is_exposed(&metrics, name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(named.len() > 40, "{named:?}");
    assert!(OF_PROMETHEUS.iter().all(|name| words.contains(*name)));
    assert!(!is_exposed(&metrics, "herd_clients_bucket") && !is_exposed(&metrics, "herd_nothing"));
}

#[test]
fn every_metric_is_in_a_query() {
    // The process's own metric of memory is shown instead.
    let left_out = ["herd_memory_bytes", "process_virtual_memory_bytes"];
    let words = queried_words(&dashboard());
    let missing: Vec<String> = exposed(&of_a_busy_node("dashboard-misses"))
        .into_keys()
        .filter(|name| !words.iter().any(|word| word.starts_with(name.as_str())))
        .collect();
    assert_eq!(missing, left_out);
}

#[test]
fn its_panels_have_titles_units_and_ids_of_their_own() {
    let dashboard = dashboard();
    let ids: BTreeSet<u64> = panels(&dashboard).iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels(&dashboard).len());
    let mut titles = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(!title.is_empty(), "{panel}");
        if panel["type"] == "row" {
            continue;
        }
        assert!(titles.insert(title), "two panels are called {title}");
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}");
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
        assert!(unit.is_some_and(|unit| !unit.is_empty()), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        let references: BTreeSet<&str> =
            targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(references.len(), targets.len(), "{title}");
        for source in targets.iter().chain([panel]).map(|part| &part["datasource"]["uid"]) {
            assert_eq!(source, "${datasource}", "{title}");
        }
    }
}

#[test]
fn it_has_the_rows_and_variables_that_an_operator_expects() {
    let dashboard = dashboard();
    let rows = panels(&dashboard).iter().filter(|panel| panel["type"] == "row");
    let rows: Vec<&str> = rows.map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(rows, ["Herd", "Clients", "Links", "Disk", "Places", "Process", "Backbone"]);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables: Vec<&str> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(variables, ["datasource", "job", "instance"]);
    // Without an id, Grafana makes a dashboard of it instead of looking for an old one.
    assert_eq!((&dashboard["id"], &dashboard["title"]), (&Value::Null, &"Herd".into()));
    // Grafana 10 and 11 read this version, and newer ones convert it.
    assert_eq!(dashboard["schemaVersion"], 38);
}

#[test]
fn its_panels_lie_side_by_side_and_do_not_overlap() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard) {
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + width <= 24, "{}", panel["title"]);
        for cell in (y..y + height).flat_map(|y| (x..x + width).map(move |x| (x, y))) {
            assert!(taken.insert(cell), "{} overlaps another panel", panel["title"]);
        }
    }
}
