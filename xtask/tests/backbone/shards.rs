//! Nodes that hold only some shards of the clients.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use fixtures::checkout::scratch;
use xtask::cluster::backbone::{NatsServers, divided};
use xtask::cluster::herd_file::HerdFile;
use xtask::cluster::processes::{Processes, Setup};
use xtask::cluster::test_herd::TestHerd;
use xtask::cluster::workspace::{Profile, herd_binary};

use super::joined::{Joined, server, wait_until};

/// The nodes, and what they hold. Clark takes reports and holds nothing.
const NODES: [(&str, &str); 4] =
    [("Alford", "0-31"), ("Bolden", "32-63"), ("Clark", "none"), ("Dana", "32-63")];

/// Starts some of the nodes. Returns them with the herd file that they run with.
fn start(test: &str, nodes: &[&str]) -> Option<(Joined, PathBuf)> {
    let program = server()?;
    let folder = scratch(test);
    let servers = NatsServers::start(program, folder.join("nats"), 1).unwrap();
    let path = folder.join("shards.toml");
    let herd = TestHerd::new(&divided(&NODES, &servers.backbone().urls, 1).unwrap(), |file, _| {
        fs::write(&path, file.table().to_string())?;
        Processes::new(Setup::clean(file, herd_binary(Profile::Debug)?, folder.join("herd")))
    });
    let mut joined = Joined::of(herd.unwrap(), servers);
    joined.start_nodes(nodes);
    Some((joined, path))
}

/// Runs `herd shards`.
fn shards(file: &PathBuf) -> Output {
    let program = herd_binary(Profile::Debug).unwrap();
    Command::new(program).arg("shards").arg("--config").arg(file).output().unwrap()
}

/// Waits until a row of `herd shards` is as expected.
fn wait_for_row(file: &PathBuf, expected: &[&str]) {
    wait_until(|| {
        let text = String::from_utf8(shards(file).stdout).unwrap();
        let is_expected = |row: &str| row.split_whitespace().collect::<Vec<_>>() == expected;
        if text.lines().any(is_expected) { Ok(()) } else { Err(text) }
    });
}

/// Waits until each of the nodes finds all clients.
fn assert_all_find(joined: &Joined, nodes: &[&str], reports: &[String]) {
    reports.iter().for_each(|report| joined.wait_for(nodes, report));
}

#[test]
fn each_node_keeps_its_shards_and_finds_all_clients_also_while_a_shard_is_moved() {
    let Some((mut joined, file)) = start("backbone-shards", &["Alford", "Bolden", "Clark"]) else { return };
    let mut reports = Vec::new();
    let mut report = |joined: &mut Joined, node: &str, count: usize| {
        for _ in 0..count {
            let client = format!("client-{}", reports.len());
            reports.push(joined.report(node, &client));
        }
        reports.clone()
    };
    let all = report(&mut joined, "Clark", 20);
    assert_all_find(&joined, &["Alford", "Bolden", "Clark"], &all);
    // Clark holds nothing, and drops what the others hold.
    wait_for_row(&file, &["Clark", "Clark", "none", "0", "0", "0", "whole"]);
    // A node that holds a shard also takes reports of others.
    report(&mut joined, "Bolden", 20);
    joined.start_nodes(&["Dana"]);
    let all = report(&mut joined, "Clark", 20);
    let held = all.len() - held_by_alford(&all);
    wait_for_row(&file, &["Dana", "Dana", "32-63", &held.to_string(), "0", "0", "whole"]);
    joined.kill(&["Bolden"]);
    let all = report(&mut joined, "Clark", 20);
    assert_all_find(&joined, &["Alford", "Clark", "Dana"], &all);
    assert_eq!(shards(&file).status.code(), Some(0));
}

/// The number of clients in Alford's shards.
fn held_by_alford(reports: &[String]) -> usize {
    let held = herd::node::Shards::parse("0-31", 64).unwrap();
    let client = |report: &str| report.split(' ').nth(3).unwrap().to_owned();
    reports.iter().filter(|report| held.holds(client(report).as_bytes())).count()
}

#[test]
fn a_herd_that_divides_clients_otherwise_publishes_nothing() {
    let Some((mut joined, _)) = start("backbone-shards-other", &["Alford"]) else { return };
    // The first node that connects creates the stream.
    let kiwi = joined.report("Alford", "kiwi");
    joined.wait_for(&["Alford"], &kiwi);
    joined.wait_for_log("Alford", "updates are published to other regions");
    let east =
        "name = \"east\"\n[[node]]\nname = \"Eve\"\nclient = \"127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\n";
    let urls = joined.servers.backbone().urls;
    let east = format!("{east}[backbone]\nnats = {urls:?}\nreplicas = 1\nshards = 8\n");
    let mut herd = TestHerd::new(&HerdFile::parse(&east, "the east").unwrap(), |file, _| {
        let folder = scratch("backbone-shards-east");
        Processes::new(Setup::clean(file, herd_binary(Profile::Debug)?, folder))
    })
    .unwrap();
    herd.start_all().unwrap();
    wait_until(|| {
        let log = fs::read_to_string(herd.log("Eve")).unwrap();
        let told = "the stream was created with shards = 64: set the same in [backbone]";
        if log.contains(told) { Ok(()) } else { Err(log) }
    });
}

#[test]
fn a_shard_that_nobody_holds_is_kept_by_the_node_that_received_its_reports() {
    let Some((mut joined, file)) = start("backbone-shards-unheld", &["Alford", "Clark"]) else { return };
    wait_until(|| {
        let output = shards(&file);
        let error = String::from_utf8(output.stderr).unwrap();
        match output.status.code() {
            Some(1) if error == "error: no node has all clients of the shards 32-63\n" => Ok(()),
            _ => Err(error),
        }
    });
    let all: Vec<String> =
        (0..20).map(|client| joined.report("Clark", &format!("client-{client}"))).collect();
    assert_all_find(&joined, &["Clark"], &all);
    let kept = ["Clark", "Clark", "none", "20", "20", "0", "whole"];
    wait_for_row(&file, &kept);
    joined.start_nodes(&["Bolden"]);
    wait_for_row(&file, &["Clark", "Clark", "none", "0", "0", "0", "whole"]);
    assert_all_find(&joined, &["Alford", "Bolden", "Clark"], &all);
}
