//! What clients and operators see of the backbone.

use std::fs;

use fixtures::checkout::scratch;
use xtask::cluster::herd_file::HerdFile;
use xtask::cluster::processes::{Processes, Setup};
use xtask::cluster::test_herd::TestHerd;
use xtask::cluster::workspace::{Profile, herd_binary};

use super::joined::{EAST, Joined, WEST, request, wait_until};

#[test]
fn a_report_in_one_region_becomes_known_in_all() {
    let Some(mut joined) = Joined::start("backbone-both-ways", 3) else { return };
    // Parker does not read the backbone itself.
    let kiwi = joined.report("Powell", "kiwi");
    joined.wait_for(&["Alford", "Powell", "Parker", "Bolden", "Hamilton"], &kiwi);
    let kiwi = joined.report("Parker", "kiwi");
    joined.wait_for(&WEST, &kiwi);
    joined.wait_for(&EAST, &kiwi);
    let plum = joined.report("Alford", "plum");
    joined.wait_for(&EAST, &plum);
}

#[test]
fn clients_notice_no_outage_of_the_servers_and_nothing_is_lost() {
    let Some(mut joined) = Joined::start("backbone-outage", 1) else { return };
    let before = joined.report("Alford", "before");
    joined.wait_for(&EAST, &before);
    let servers = joined.servers.names();
    joined.servers.kill(&servers).unwrap();
    let reports: Vec<String> =
        (0..20).map(|client| joined.report(WEST[client % 2], &format!("client-{client}"))).collect();
    // A node does not notice an outage that is over before a request has timed out.
    wait_until(|| {
        let log = joined.log("Alford");
        if log.contains("nothing is published") { Ok(()) } else { Err(log) }
    });
    joined.servers.start_servers(&servers).unwrap();
    reports.iter().for_each(|report| joined.wait_for(&EAST, report));
    let log = joined.log("Alford");
    assert_eq!(log.matches("nothing is published to other regions").count(), 1, "{log}");
    assert_eq!(log.matches("updates are published to other regions").count(), 2, "{log}");
}

#[test]
fn answers_wait_for_the_servers_while_these_work() {
    let Some(mut joined) = Joined::start_with("backbone-answers", 1, "answer = \"backbone\"") else { return };
    joined.report("Alford", "kiwi");
    let stored = request(&joined, "$JS.API.STREAM.INFO.herd", "")["state"]["messages"].clone();
    assert_eq!(stored, 1, "it was answered before it was stored");
    let servers = joined.servers.names();
    joined.servers.kill(&servers).unwrap();
    let plum = joined.report("Alford", "plum");
    joined.wait_for_log("Alford", "ERROR the backbone stores nothing; answers do not wait for it");
    joined.servers.start_servers(&servers).unwrap();
    joined.wait_for(&EAST, &plum);
    joined.wait_for_log("Alford", "the backbone works again; answers wait for it");
    let pear = joined.report("Alford", "pear");
    joined.wait_for(&EAST, &pear);
}

#[test]
fn a_node_whose_name_is_taken_in_another_region_publishes_nothing() {
    let Some(mut joined) = Joined::start("backbone-names", 1) else { return };
    let kiwi = joined.report("Alford", "kiwi");
    joined.wait_for(&EAST, &kiwi);
    let south =
        "name = \"south\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\n";
    let south = format!("{south}[backbone]\nnats = {:?}\n", joined.servers.backbone().urls);
    let south = HerdFile::parse(&south, "the south").unwrap();
    let mut herd = TestHerd::new(&south, |file, _| {
        let folder = scratch("backbone-names-south");
        Processes::new(Setup::clean(file, herd_binary(Profile::Debug)?, folder))
    })
    .unwrap();
    herd.start_all().unwrap();
    wait_until(|| {
        let log = fs::read_to_string(herd.log("Alford")).unwrap();
        let told = "ERROR nothing is published to other regions reason=the region west has a node with this";
        if log.contains(told) { Ok(()) } else { Err(log) }
    });
}
