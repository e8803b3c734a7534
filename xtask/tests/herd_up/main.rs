//! A herd as a user runs it, from `herd-up` to `herd-down`.

mod breaking;
mod checkout;
mod dashboard;
mod errors;
mod faults;
mod load;
mod logs;
mod peers;
mod regions;
mod screens;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xtask::cluster::workspace::{Profile, herd_binary};

use checkout::{Checkout, DEADLINE, runs, wait, wait_until};

#[test]
fn a_detached_herd_runs_until_herd_down() {
    let checkout = Checkout::new("detached");
    // This returns only if no process of the herd keeps the output open.
    let table = checkout.up(&[]);
    assert!(
        table.contains("Alford") && table.contains("Parker,Powell") && table.contains("cargo xtask say"),
        "{table}"
    );
    let nodes = checkout.nodes();
    assert_eq!(nodes.len(), 5);
    for node in &nodes {
        let log = PathBuf::from(node["log"].as_str().unwrap());
        assert!(log.is_absolute() && log.exists(), "{log:?}");
    }
    let answer = checkout.run(&["say", "Alford", "IAMAT kiwi +34.0-118.4 1", "WHATSAT kiwi 10 2"]);
    assert!(answer.starts_with("AT Alford +") && answer.contains("\"status\" : \"OK\""), "{answer}");
    let log = checkout.run(&["herd-logs", "Alford"]);
    assert!(log.contains("IAMAT kiwi +34.0-118.4 1") && !log.contains('\u{1b}'), "{log}");
    checkout.wait_for_tap("Parker", "from Alford AT Alford ");
    let pids = checkout.pids();
    checkout.run(&["herd-down"]);
    assert!(!pids.into_iter().any(runs));
    assert!(checkout.fail(&["herd-status"]).contains("no herd"));
}

#[test]
fn killed_nodes_are_reported_and_restart_on_their_ports_with_what_they_missed() {
    let checkout = Checkout::new("killed");
    checkout.up(&[]);
    let before = checkout.nodes();
    checkout.run(&["herd-kill", "Bolden", "Parker"]);
    assert_eq!(checkout.pids().len(), 3);
    assert!(checkout.fail(&["herd-status"]).contains("down: Bolden, Parker"));
    assert!(checkout.fail(&["say", "Parker", "x"]).contains("herd-restart Parker"));
    checkout.run(&["say", "Alford", "IAMAT kiwi +1+1 1"]);
    checkout.run(&["herd-restart", "Bolden", "Parker"]);
    for (number, (old, new)) in (10..).zip(before.iter().zip(checkout.nodes())) {
        assert_eq!((&old["client"], &old["link"]), (&new["client"], &new["link"]));
        let admin = format!("127.0.0.1:{}", checkout.ports.first() + number);
        assert_eq!((&old["admin"], &new["admin"]), (&admin.clone().into(), &admin.into()));
        assert_eq!(new["state"], "ready");
    }
    wait_until("Bolden knows", || {
        checkout.run(&["say", "Bolden", "WHATSAT kiwi 1 0"]).starts_with("AT Alford ")
    });
}

#[test]
fn a_herd_whose_nodes_have_all_crashed_is_restarted() {
    let checkout = Checkout::new("all-dead");
    checkout.up(&["--nodes", "3", "--graph", "line"]);
    for pid in checkout.pids() {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    wait_until("all are down", || checkout.pids().is_empty());
    checkout.run(&["herd-restart"]);
    assert_eq!(checkout.pids().len(), 3);
}

#[test]
fn records_survive_a_kill_of_all_nodes_but_not_a_new_herd_up_and_not_in_memory() {
    let checkout = Checkout::new("data");
    let (all, kiwi) = (["Node1", "Node2"], "IAMAT kiwi +34.0-118.4 1");
    let kill_and_ask = || {
        checkout.run(&[&["herd-kill"][..], &all].concat());
        checkout.run(&["herd-restart"]);
        checkout.run(&["say", "Node2", "WHATSAT kiwi 0 0"])
    };
    let durability = || checkout.nodes().iter().map(|node| node["durability"].clone()).collect::<Vec<_>>();
    let data = checkout.folder.join("kept").display().to_string();

    checkout.up(&["--nodes", "2"]);
    assert_eq!(durability(), ["everysec", "everysec"]);
    let answer = checkout.run(&["say", "Node2", kiwi]);
    assert!(kill_and_ask().starts_with(&answer), "{answer}");
    checkout.run(&["herd-down"]);

    checkout.up(&["--nodes", "2", "--data-dir", &data]);
    assert_eq!(checkout.run(&["say", "Node2", "WHATSAT kiwi 0 0"]), "? WHATSAT kiwi 0 0\n");
    let answer = checkout.run(&["say", "Node2", kiwi]);
    checkout.run(&["herd-down"]);
    checkout.up(&["--nodes", "2", "--data-dir", &data]);
    assert!(checkout.run(&["say", "Node2", "WHATSAT kiwi 0 0"]).starts_with(&answer), "{answer}");
    checkout.run(&["herd-down"]);

    checkout.up(&["--nodes", "2", "--memory"]);
    assert_eq!(durability(), ["memory", "memory"]);
    checkout.run(&["say", "Node2", kiwi]);
    assert_eq!(kill_and_ask(), "? WHATSAT kiwi 0 0\n");
}

#[test]
fn the_nodes_exit_when_their_supervisor_is_killed() {
    let checkout = Checkout::new("orphans");
    checkout.up(&[]);
    let pids = checkout.pids();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pids[0])).unwrap();
    let supervisor = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap();
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    wait_until("the nodes are gone", || !pids.iter().any(|pid| runs(*pid)));
    assert!(checkout.fail(&["herd-status"]).contains("no herd"));
}

#[test]
fn a_signal_stops_a_herd_in_the_foreground() {
    let checkout = Checkout::new("foreground");
    let port = checkout.ports.first().to_string();
    // The build must not count against the deadline of `wait_until`.
    herd_binary(Profile::Debug).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut command = checkout.command(&["herd-up", "--base-port", &port]);
        let mut herd_up = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(herd_up.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = thread::spawn(move || lines.any(|line| line == "Ctrl-C stops the herd."));
        wait_until("the herd is ready or has exited", || ready.is_finished());
        assert!(ready.join().unwrap());
        let pids = checkout.pids();
        kill(Pid::from_raw(herd_up.id() as i32), signal).unwrap();
        assert!(wait(&mut herd_up).success(), "{signal}");
        assert!(pids.len() == 5 && !pids.into_iter().any(runs), "{signal}");
    }
}

#[test]
fn a_herd_stops_if_its_detaching_herd_up_has_exited() {
    let checkout = Checkout::new("interrupted");
    let program = herd_binary(Profile::Debug).unwrap();
    let port = checkout.ports.first().to_string();
    let mut command = checkout.command(&["herd-up", "--base-port", &port, "--supervise"]);
    let mut supervisor = command.arg(program).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // As if the detaching herd-up were interrupted.
    drop(supervisor.stdout.take());
    let status = wait(&mut supervisor);
    let mut stderr = String::new();
    supervisor.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(!status.success() && stderr.contains("the herd-up of this herd has exited"), "{stderr}");
    assert!(checkout.fail(&["herd-status"]).contains("no herd"));
    checkout.up(&[]);
}

#[test]
fn silent_connections_to_the_control_port_do_not_delay_commands() {
    let checkout = Checkout::new("strangers");
    checkout.up(&["--nodes", "2"]);
    let state = fs::read(checkout.folder.join("state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let connect = || {
        let stream = TcpStream::connect(state["control"].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    };
    // If the supervisor waited a second for each of these in turn, the next command would time out.
    let silent: Vec<TcpStream> = std::iter::repeat_with(connect).take(100).collect();
    assert_eq!(checkout.pids().len(), 2);
    drop(silent);
    for request in [&b"\xff\0\n"[..], b"{}\n", b"{\"token\":\"\",\"action\":\"down\",\"nodes\":[]}\n"] {
        let mut stranger = connect();
        stranger.write_all(request).unwrap();
        let mut reply = Vec::new();
        // The connection ends or is reset, without an answer.
        let _ = stranger.read_to_end(&mut reply);
        assert!(reply.is_empty());
    }
    assert_eq!(checkout.pids().len(), 2);
}

#[test]
fn the_lines_in_the_logs_are_switched_off_and_on() {
    let checkout = Checkout::new("log-lines-switch");
    checkout.up(&["--nodes", "2"]);
    let logged = |client: &str| {
        checkout.run(&["say", "Node1", &format!("IAMAT {client} +1+1 1")]);
        let log = checkout.run(&["herd-logs", "Node1"]);
        log.contains(" DEBUG received peer=") && log.contains(&format!("line=IAMAT {client} "))
    };
    assert!(logged("kiwi"));
    checkout.run(&["herd-logs", "--lines", "off"]);
    assert!(!logged("plum"));
    let note = String::from_utf8(checkout.xtask(&["herd-logs"]).stderr).unwrap();
    assert!(note.contains("no lines of clients and links in the log of Node1, Node2"), "{note}");
    let error = checkout.fail(&["tap", "Node1"]);
    assert!(error.contains("`cargo xtask herd-logs Node1 --lines on`"), "{error}");
    checkout.run(&["herd-logs", "Node1", "--lines", "on"]);
    assert!(logged("fig"));
    let note = String::from_utf8(checkout.xtask(&["herd-logs"]).stderr).unwrap();
    assert!(note.contains("in the log of Node2:"), "{note}");
}

#[test]
fn logs_of_all_nodes_are_merged_by_time_and_followed() {
    let checkout = Checkout::new("logs");
    checkout.up(&["--nodes", "3"]);
    let text = checkout.run(&["herd-logs"]);
    let times: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert!(times.len() > 10 && times.is_sorted(), "{text}");
    for name in ["Node1", "Node2", "Node3"] {
        assert!(text.contains(&format!("\n{name}: ")) || text.starts_with(&format!("{name}: ")), "{text}");
    }
    let mut command = checkout.command(&["herd-logs", "--follow"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines().map_while(Result::ok);
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = thread::spawn(move || {
        for line in lines {
            // This fails when the test no longer waits.
            let _ = sender.send(line);
        }
    });
    checkout.run(&["say", "Node1", "IAMAT kiwi +1+1 1"]);
    let mut followed = Vec::new();
    while !followed.iter().any(|line: &String| line.starts_with("Node2: ") && line.contains("line=AT Node1 "))
    {
        followed.push(receiver.recv_timeout(DEADLINE).expect("Node2 hears of kiwi"));
    }
    kill(Pid::from_raw(follower.id() as i32), Signal::SIGKILL).unwrap();
    wait(&mut follower);
    reader.join().unwrap();
    let times: Vec<&str> = followed.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert!(times.is_sorted(), "{followed:?}");
}
