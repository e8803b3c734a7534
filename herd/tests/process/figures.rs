//! Figures of a node that another source knows as well.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::unistd::{SysconfVar, sysconf};
use serde_json::Value;

use crate::admin::get;
use crate::support::{Node, wait_until};

fn with_admin(test: &str) -> Node {
    Node::start_with(test, "", |command| command.args(["--admin-address", "127.0.0.1:0"]))
}

fn metric(node: &Node, name: &str) -> f64 {
    let text = get(node, "/metrics").1;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
}

/// The time that the system has counted for a process: in its own code, and in the kernel.
fn cpu_seconds(pid: u32) -> [f64; 2] {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64;
    let seconds = |index: usize| fields.split(' ').nth(index).unwrap().parse::<f64>().unwrap() / ticks;
    [seconds(11), seconds(12)]
}

#[test]
fn the_start_and_the_time_of_a_process_are_what_the_system_says() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let before = now();
    let node = with_admin("process");
    let started = metric(&node, "process_start_time_seconds");
    // The system knows to a second when it was booted.
    assert!((before - 2.0..now() + 2.0).contains(&started), "{started}, and it was started after {before}");
    wait_until("the kernel has worked for the node", || {
        node.ask("x\n".repeat(1000).as_bytes());
        cpu_seconds(node.process.id())[1] >= 0.05
    });
    let least: f64 = cpu_seconds(node.process.id()).iter().sum();
    let counted = metric(&node, "process_cpu_seconds_total");
    let most: f64 = cpu_seconds(node.process.id()).iter().sum();
    // The system counts in ticks.
    assert!((least - 0.02..=most + 0.02).contains(&counted), "{counted}, and not {least} to {most}");
}

#[test]
fn a_node_in_memory_has_no_disk_that_fails_or_hangs() {
    let node = with_admin("no-disk");
    for name in ["herd_durability_degraded", "herd_durability_stalled"] {
        assert_eq!(metric(&node, name), 0.0, "{name}");
    }
}

#[test]
fn why_a_neighbour_cannot_be_dialled_is_told_until_there_is_a_link() {
    let admin = ["--admin-address", "127.0.0.1:0"];
    let node = Node::start_awaiting_with("Alford", "Bolden", "dial-error", &admin);
    let neighbour = || {
        let status: Value = serde_json::from_str(&get(&node, "/status").1).unwrap();
        status["neighbours"][0].clone()
    };
    wait_until("a rejected connection is logged", || {
        neighbour()["dial_error"].as_str().is_some_and(|error| error.contains("refused"))
    });
    let _bolden = Node::start_beside("Bolden", ("Alford", &node), "dial-error", |command| command);
    wait_until("the two are linked", || neighbour()["linked"] == true);
    assert_eq!(neighbour()["dial_error"], Value::Null);
}
