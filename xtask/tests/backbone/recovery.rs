//! Regions that get back what they, the servers or a node have lost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::joined::{DEADLINE, EAST, Joined, POLL, WEST, request, wait_until};

#[test]
fn a_region_and_a_stream_that_were_wiped_get_everything_again() {
    let Some(mut joined) = Joined::start("backbone-wiped", 1) else { return };
    let reports: Vec<String> = WEST.iter().map(|node| joined.report(node, &format!("of-{node}"))).collect();
    reports.iter().for_each(|report| joined.wait_for(&EAST, report));
    // These nodes have no journals.
    joined.kill(&EAST);
    let servers = joined.servers.names();
    joined.servers.wipe(&servers).unwrap();
    joined.servers.start_servers(&servers).unwrap();
    joined.start_nodes(&EAST);
    reports.iter().for_each(|report| joined.wait_for(&EAST, report));
}

#[test]
fn what_a_dead_node_left_unpublished_is_published_by_its_neighbour() {
    let Some(mut joined) = Joined::start("backbone-dead-node", 1) else { return };
    let first = joined.report("Powell", "first");
    joined.wait_for(&EAST, &first);
    let servers = joined.servers.names();
    joined.servers.kill(&servers).unwrap();
    let last = joined.report("Powell", "last");
    joined.wait_for(&["Alford"], &last);
    joined.kill(&["Powell"]);
    joined.servers.start_servers(&servers).unwrap();
    joined.wait_for(&EAST, &last);
}

#[test]
fn a_region_that_finds_only_the_end_of_the_stream_gets_everything_from_the_others() {
    let Some(mut joined) = Joined::start("backbone-cut-stream", 1) else { return };
    let reports: Vec<String> =
        (0..5).map(|client| joined.report(WEST[client % 2], &format!("client-{client}"))).collect();
    reports.iter().for_each(|report| joined.wait_for(&EAST, report));
    // These nodes have no journals, and the stream keeps its last message only.
    joined.kill(&EAST);
    let mut config = request(&joined, "$JS.API.STREAM.INFO.herd", "")["config"].clone();
    config["max_msgs"] = 1.into();
    let answer = request(&joined, "$JS.API.STREAM.UPDATE.herd", &config.to_string());
    assert_eq!(answer["state"]["messages"], 1, "{answer}");
    joined.start_nodes(&EAST);
    reports.iter().for_each(|report| joined.wait_for(&EAST, report));
    let log = joined.log("Alford");
    assert!(log.contains("another region asks for what it may lack"), "{log}");
}

/// Says, as a node of a region that has nothing, a sum from time to time, and answers requests for
/// the sums of its buckets, until `is_done`.
fn differ(joined: &Joined, mut is_done: impl FnMut() -> bool) {
    let url = joined.servers.backbone().urls[0].clone();
    let mut stream = TcpStream::connect(url.trim_start_matches("nats://")).unwrap();
    stream.set_read_timeout(Some(POLL)).unwrap();
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nSUB herd-buckets.south.Ghost 1\r\n").unwrap();
    let sum = "SUM south Ghost 1 0 0/1";
    let zeros = vec![0; 65_536 * 8];
    let mut received = String::new();
    let deadline = Instant::now() + DEADLINE;
    while !is_done() {
        assert!(Instant::now() < deadline, "nobody noticed a difference in {DEADLINE:?}");
        stream.write_all(format!("PUB herd-sums {}\r\n{sum}\r\n", sum.len()).as_bytes()).unwrap();
        let mut bytes = [0; 4096];
        // Without an answer in time, the sum is said again.
        let count = stream.read(&mut bytes).unwrap_or_default();
        received.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        while let Some((line, rest)) = received.split_once("\r\n") {
            if let ["MSG", _, _, reply, _] = *line.split(' ').collect::<Vec<_>>() {
                stream.write_all(format!("PUB {reply} {}\r\n", zeros.len()).as_bytes()).unwrap();
                stream.write_all(&zeros).unwrap();
                stream.write_all(b"\r\n").unwrap();
            }
            received = rest.to_owned();
        }
    }
}

#[test]
fn a_region_whose_sums_differ_twice_gets_everything_again() {
    let Some(mut joined) = Joined::start_with("backbone-sums", 1, "compare = \"1s\"") else { return };
    let kiwi = joined.report("Alford", "kiwi");
    joined.wait_for(&EAST, &kiwi);
    let messages = |joined: &Joined| {
        request(joined, "$JS.API.STREAM.INFO.herd", "")["state"]["messages"].as_u64().unwrap()
    };
    let before = messages(&joined);
    let told = "another region differs; what both have is published again region=\"south\"";
    differ(&joined, || joined.log("Alford").contains(told));
    wait_until(|| match messages(&joined) {
        count if count > before => Ok(()),
        count => Err(format!("{count} messages")),
    });
}
