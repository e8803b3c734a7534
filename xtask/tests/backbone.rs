//! Herds that real servers of the backbone join. Where the servers cannot be had, these tests say
//! so and pass.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use fixtures::checkout::{program, scratch};
use serde_json::Value;
use xtask::cluster::backbone::{Backbone, NatsServers, halves, nats_server};
use xtask::cluster::herd_file::HerdFile;
use xtask::cluster::processes::{Processes, Setup};
use xtask::cluster::test_herd::TestHerd;
use xtask::cluster::workspace::{Profile, herd_binary};

/// The time limit for whatever a test waits for. An election of the servers takes up to ten
/// seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// The time between two looks.
const POLL: Duration = Duration::from_millis(20);

/// The classroom herd, cut into Alford and Powell in the west, and Bolden, Hamilton and Parker in
/// the east.
struct Joined {
    herd: TestHerd,
    servers: NatsServers,
    next_report: u64,
}

impl Joined {
    /// Starts the herd and `count` servers. Returns `None` if the servers cannot be had.
    fn start(test: &str, count: u16) -> Option<Joined> {
        Joined::start_with(test, count, "")
    }

    /// The same, with further keys in the `[backbone]` table.
    fn start_with(test: &str, count: u16, keys: &str) -> Option<Joined> {
        let program = server()?;
        let folder = scratch(test);
        let servers = NatsServers::start(program, folder.join("nats"), count).unwrap();
        let herd = TestHerd::new(&HerdFile::find("2015-winter").unwrap(), |file, _| {
            let halves = halves(&file)?;
            let backbone = Backbone { keys: keys.parse()?, ..servers.backbone() };
            let views = halves.views(&BTreeMap::new(), &backbone)?;
            let program = herd_binary(Profile::Debug)?;
            Processes::new(Setup { views, ..Setup::clean(halves.file, program, folder.join("herd")) })
        });
        let mut joined = Joined { herd: herd.unwrap(), servers, next_report: 1_500_000_000 };
        joined.herd.start_all().unwrap();
        Some(joined)
    }

    fn ask(&self, node: &str, line: &str) -> String {
        let address = self.herd.herd().member(node).unwrap().client;
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    }

    /// Lets a client report to a node, and returns the answer.
    fn report(&mut self, node: &str, client: &str) -> String {
        self.next_report += 1;
        let answer = self.ask(node, &format!("IAMAT {client} +34.0-118.4 {}", self.next_report));
        assert!(answer.starts_with(&format!("AT {node} ")), "{answer}");
        answer
    }

    /// Waits until nodes know a report.
    fn wait_for(&self, nodes: &[&str], report: &str) {
        let client = report.split(' ').nth(3).unwrap();
        let question = format!("WHATSAT {client} 0 0");
        for node in nodes {
            wait_until(|| {
                let answer = self.ask(node, &question);
                if answer == report { Ok(()) } else { Err(format!("{node} answers {answer:?}")) }
            });
        }
    }

    fn kill(&mut self, nodes: &[&str]) {
        self.herd.kill(&nodes.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    }

    fn start_nodes(&mut self, nodes: &[&str]) {
        self.herd.start(&nodes.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    }

    /// Waits until a node's log has a text.
    fn wait_for_log(&self, node: &str, text: &str) {
        wait_until(|| {
            let log = self.log(node);
            if log.contains(text) { Ok(()) } else { Err(log) }
        });
    }

    /// The text of a node's log.
    fn log(&self, node: &str) -> String {
        fs::read_to_string(self.herd.log(node)).unwrap()
    }
}

/// The server program; `None` if it cannot be had.
fn server() -> Option<PathBuf> {
    let found = nats_server(&print_line);
    if let Err(error) = &found {
        print_line(&format!("not tested: the servers of the backbone cannot be had: {error:#}"));
    }
    found.ok()
}

fn print_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn wait_until(mut is_done: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(state) = is_done() {
        assert!(Instant::now() < deadline, "after {DEADLINE:?}: {state}");
        thread::sleep(POLL);
    }
}

const WEST: [&str; 2] = ["Alford", "Powell"];
const EAST: [&str; 3] = ["Bolden", "Hamilton", "Parker"];

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

/// Sends a request to the first server, and returns the JSON of the answer.
fn request(joined: &Joined, subject: &str, body: &str) -> Value {
    let url = joined.servers.backbone().urls[0].clone();
    let mut stream = TcpStream::connect(url.trim_start_matches("nats://")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let lines =
        format!("CONNECT {{\"verbose\":false}}\r\nSUB reply 1\r\nPUB {subject} reply {length}\r\n{body}\r\n");
    stream.write_all(lines.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("MSG reply ")).unwrap();
    serde_json::from_str(&lines.next().unwrap()).unwrap()
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

/// Says, as a node of a region that has nothing, a sum from time to time, and answers requests for
/// the sums of its buckets, until `is_done`.
fn differ(joined: &Joined, mut is_done: impl FnMut() -> bool) {
    let url = joined.servers.backbone().urls[0].clone();
    let mut stream = TcpStream::connect(url.trim_start_matches("nats://")).unwrap();
    stream.set_read_timeout(Some(POLL)).unwrap();
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nSUB herd-buckets.south.Ghost 1\r\n").unwrap();
    let sum = "SUM south Ghost 1";
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

#[test]
fn servers_that_are_killed_and_wiped_under_load_lose_nothing() {
    if server().is_none() {
        return;
    }
    let output = Command::new(program("xtask"))
        .args(["chaos", "--backbone", "--seed", "1023", "--rounds", "2", "--rate", "500"])
        .args(["--faults", "servers-kill,servers-wipe"])
        .timeout(Duration::from_secs(300))
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("none lost, 0 excused"), "{stdout}");
    for done in ["killed, away", "wiped, away"] {
        assert!(stdout.contains(done), "choose a seed that draws both faults: {stdout}");
    }
}

/// Breaks a joined herd by one fault of each of these kinds. Each run may excuse only what
/// `excuses` says. The folder of a run is named after its seed, so each test has another one.
fn break_by(seed: &str, faults: &[&str], excuses: &str) {
    if server().is_none() {
        return;
    }
    for fault in faults {
        let output = Command::new(program("xtask"))
            .args(["chaos", "--backbone", "--seed", seed, "--rounds", "1", "--rate", "500"])
            .args(["--faults", fault])
            .timeout(Duration::from_secs(300))
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
        assert!(stdout.contains(excuses) && stdout.contains("converged after"), "{fault}: {stdout}");
    }
}

#[test]
fn a_leader_that_is_killed_and_a_stream_that_lacks_messages_lose_nothing() {
    break_by("1031", &["leader-kill", "bit-flip", "stream-truncate"], "none lost, 0 excused");
}

#[test]
fn a_region_that_is_cut_off_and_a_reader_that_is_killed_lose_nothing() {
    break_by("1033", &["region-cut", "reader-kill"], "none lost, 0 excused");
}

#[test]
fn a_region_that_is_wiped_gets_everything_again() {
    break_by("1039", &["region-wipe"], "none lost, ");
}

#[test]
fn the_costs_of_more_clients_are_computed_from_figures_of_this_machine() {
    if server().is_none() {
        return;
    }
    let output = Command::new(program("xtask"))
        .args(["scale", "--backbone", "--quick", "--debug", "--clients", "1e4,1e9"])
        .args(["--rate-per-client", "0.00001"])
        .timeout(Duration::from_secs(300))
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    for text in
        ["debug build, not to be quoted", "a quick run, not to be quoted", "Rows with shards are a model."]
    {
        assert!(stdout.contains(text), "{stdout}");
    }
    // A figure of 0 was not measured.
    let measured = stdout.split("\n\n").nth(2).unwrap().lines().filter(|line| line.contains("  "));
    let zeros: Vec<&str> = measured.filter(|line| line.contains("  0 ")).collect();
    assert!(zeros.is_empty(), "{zeros:?} in {stdout}");
    let row = |clients: &str| stdout.lines().find(|line| line.starts_with(clients)).unwrap();
    assert!(row("1e4 ").contains("5 full nodes"), "{stdout}");
    assert!(row("1e9 ").contains("64 x 2 shards") && row("1e9 ").contains("(model)"), "{stdout}");
}
