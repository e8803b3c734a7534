//! A log that cannot be written does not delay anything else.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use crate::admin::get;
use crate::support::{Node, scratch, wait_for_log, wait_until};

/// The capacity of a pipe in bytes.
const PIPE: usize = 64 * 1024;

/// Makes the node log far more than the pipe and the backlog can hold. At level debug, each line is
/// logged.
fn fill(node: &Node) {
    for _ in 0..20 {
        let line = [&[b'x'; 1000][..], b"\n"].concat();
        let answers = node.ask(&line.repeat(20));
        assert_eq!(answers.lines().count(), 20);
    }
    wait_until("lines of the log are dropped", || dropped(node) > 0);
}

fn dropped(node: &Node) -> u64 {
    let metrics = get(node, "/metrics").1;
    let line = metrics.lines().find_map(|line| line.strip_prefix("herd_log_lines_dropped_total "));
    line.expect("a counter").parse().unwrap()
}

fn is_stopped(mut node: Node) {
    kill(Pid::from_raw(node.process.id() as i32), Signal::SIGTERM).unwrap();
    assert!(node.wait().success());
}

const LIMITS: &str = "log_backlog_bytes = 20000";
const ARGS: [&str; 4] = ["--log-level", "debug", "--admin-address", "127.0.0.1:0"];

#[test]
fn a_node_whose_log_file_nobody_reads_goes_on_and_stops() {
    let fifo = scratch("log-fifo").join("log");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    // A pipe without a reader cannot be opened.
    let mut reader = File::options().read(true).write(true).open(&fifo).unwrap();
    reader.write_all(&[b'f'; PIPE]).unwrap();
    let node =
        Node::start_with("log-fifo", LIMITS, |command| command.args(ARGS).arg("--log-file").arg(&fifo));
    fill(&node);
    is_stopped(node);
}

#[test]
fn a_node_whose_standard_error_nobody_reads_goes_on_and_stops() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'f'; PIPE]).unwrap();
    let node = Node::start_with("log-stderr", LIMITS, |command| {
        command.args(ARGS).stderr(Stdio::from(OwnedFd::from(writer)))
    });
    fill(&node);
    is_stopped(node);
    drop(reader);
}

#[test]
fn once_a_log_can_be_written_again_it_says_how_many_lines_were_dropped() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'f'; PIPE]).unwrap();
    let node = Node::start_with("log-recovers", LIMITS, |command| {
        command.args(ARGS).stderr(Stdio::from(OwnedFd::from(writer)))
    });
    fill(&node);
    let lines = dropped(&node);
    let reading = std::thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).unwrap();
        log
    });
    // Lines are dropped while the backlog is full.
    wait_until("no more lines are dropped", || {
        let before = dropped(&node);
        node.ask(b"x\n");
        dropped(&node) == before
    });
    is_stopped(node);
    let log = reading.join().unwrap();
    let reported = log.lines().filter(|line| line.contains("lines not logged")).map(|line| {
        let (_, number) = line.rsplit_once("lines=").expect("a number of lines");
        number.parse::<u64>().unwrap()
    });
    assert!(reported.sum::<u64>() >= lines, "{lines} were dropped");
    assert!(log.contains("node stopped"), "what comes later is in the log");
}

#[test]
fn a_log_file_that_cannot_be_reopened_in_time_delays_nothing_else() {
    let folder = scratch("log-reopen");
    let log = folder.join("log");
    let node = Node::start_with("log-reopen", "disk_patience = \"10ms\"", |command| {
        command.args(ARGS).arg("--log-file").arg(&log)
    });
    let old = folder.join("old");
    std::fs::rename(&log, &old).unwrap();
    // Opening a pipe for writing waits for a reader.
    mkfifo(&log, Mode::S_IRWXU).unwrap();
    kill(Pid::from_raw(node.process.id() as i32), Signal::SIGHUP).unwrap();
    wait_for_log(&old.display().to_string(), "certificates reloaded", 1);
    assert_eq!(node.ask(b"x\n"), "? x\n");
    is_stopped(node);
}

#[test]
fn a_node_that_has_written_its_whole_log_counts_no_dropped_lines() {
    let node =
        Node::start_with("nothing-dropped", "", |command| command.args(["--admin-address", "127.0.0.1:0"]));
    assert!(get(&node, "/metrics").1.contains("herd_log_lines_dropped_total 0\n"));
}
