//! Commands that break herds on the backbone, and measure them.

use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::program;

use super::joined::server;

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

/// Breaks a herd of this kind by one fault of each of these kinds. Each run may excuse only what
/// `excuses` says. The folder of a run is named after its seed, so each test has another one.
fn break_by(herd: &str, seed: &str, faults: &[&str], excuses: &str) {
    if server().is_none() {
        return;
    }
    for fault in faults {
        let output = Command::new(program("xtask"))
            .args(["chaos", herd, "--seed", seed, "--rounds", "1", "--rate", "500"])
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
    break_by("--backbone", "1031", &["leader-kill", "bit-flip", "stream-truncate"], "none lost, 0 excused");
}

#[test]
fn a_region_that_is_cut_off_and_a_reader_that_is_killed_lose_nothing() {
    break_by("--backbone", "1033", &["region-cut", "reader-kill"], "none lost, 0 excused");
}

#[test]
fn a_region_that_is_wiped_gets_everything_again() {
    break_by("--backbone", "1039", &["region-wipe"], "none lost, ");
}

#[test]
fn shards_that_move_while_clients_report_lose_nothing() {
    break_by("--shards", "1049", &["shard-move"], "none lost, 0 excused");
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
