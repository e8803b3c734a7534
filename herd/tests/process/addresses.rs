//! Nodes that neighbours dial at another address than they listen on, and by names.

use herd::tls::{Authority, Hosts};

use crate::links::{names, state};
use crate::support::{IAMAT, Node, log_of, scratch, wait_for_log, wait_until};

/// A pair of nodes, each given with where it listens for links and where it is dialled.
fn pair(alford: [&str; 2], bolden: [&str; 2]) -> String {
    let node = |name: &str, neighbour: &str, [link, advertise]: [&str; 2]| {
        format!(
            "[[node]]\nname = \"{name}\"\nclient = \"127.0.0.1:0\"\nlink = \"{link}\"\n\
            advertise = \"{advertise}\"\nneighbours = [\"{neighbour}\"]\n"
        )
    };
    format!("name = \"pair\"\n{}{}", node("Alford", "Bolden", alford), node("Bolden", "Alford", bolden))
}

/// The first neighbour in a node's status.
fn neighbour(node: &Node) -> serde_json::Value {
    state(node)["neighbours"][0].clone()
}

#[test]
fn a_node_that_listens_on_all_addresses_is_found_by_its_name() {
    let test = "advertised";
    let authority = Authority::init(&scratch(test).join("certs")).unwrap();
    let [alford_files, bolden_files] =
        ["Alford", "Bolden"].map(|name| authority.add(name, &Hosts::default(), 90, false).unwrap());
    // Nobody listens on port 1, so Bolden opens the link.
    let herd = pair(["0.0.0.0:0", "localhost:9"], ["127.0.0.1:0", "localhost:1"]);
    let admin = ["--admin-address", "127.0.0.1:0"];
    let alford = Node::run_as_written(&[], "Alford", test, &herd, |command| {
        command.args(names(&alford_files)).args(admin)
    });
    assert!(alford.link.ip().is_unspecified(), "{}", alford.link);
    let advertised = format!("localhost:{}", alford.link.port());
    let herd = pair(["0.0.0.0:0", &advertised], ["127.0.0.1:0", "localhost:1"]);
    let bolden = Node::run_as_written(&[], "Bolden", test, &herd, |command| {
        command.args(names(&bolden_files)).args(admin)
    });
    wait_until("both are linked", || [&alford, &bolden].iter().all(|node| neighbour(node)["linked"] == true));
    alford.ask(IAMAT.as_bytes());
    wait_until("Bolden knows kiwi", || state(&bolden)["clients"] == 1);
}

#[test]
fn a_name_that_does_not_resolve_is_a_warning_and_is_tried_again() {
    let test = "unresolved";
    let log = log_of(test);
    let args = ["--insecure-links", "--admin-address", "127.0.0.1:0"];
    let herd = pair(["127.0.0.1:0", "localhost:9"], ["127.0.0.1:0", "bolden.invalid:9"]);
    let alford = Node::run_as_written(&[], "Alford", test, &herd, |command| {
        command.args(args).args(["--log-file", &log])
    });
    let unresolved = "cannot resolve bolden.invalid:9: ";
    wait_until("the status says why Bolden is not dialled", || {
        neighbour(&alford)["dial_error"].as_str().is_some_and(|reason| reason.starts_with(unresolved))
    });
    wait_for_log(&log, unresolved, 1);
    let told = std::fs::read_to_string(&log).unwrap();
    let line = told.lines().find(|line| line.contains(unresolved)).unwrap();
    assert!(line.contains("WARN") && line.contains("Bolden") && line.contains("retrying"), "{line}");

    let advertised = format!("localhost:{}", alford.link.port());
    let herd = pair(["127.0.0.1:0", &advertised], ["127.0.0.1:0", "bolden.invalid:9"]);
    let bolden = Node::run_as_written(&[], "Bolden", test, &herd, |command| command.args(args));
    wait_until("Alford is linked", || neighbour(&alford)["linked"] == true);
    assert_eq!(neighbour(&alford)["dial_error"], serde_json::Value::Null);
    drop(bolden);
    wait_until("Alford dials again", || neighbour(&alford)["dial_error"].is_string());
}
