//! The behaviour of a node on SIGHUP.

use crate::support::{Node, log_of, stop, wait_for_log};
use fixtures::checkout::scratch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn a_hangup_logs_only_what_happened() {
    let folder = scratch("hangup");
    let (logs, moved) = (folder.join("logs"), folder.join("moved"));
    std::fs::create_dir(&logs).unwrap();
    let log = logs.join("log").display().to_string();
    let node = Node::start_with("hangup", "", |command| command.args(["--log-file", &log]));
    let hang_up = || kill(Pid::from_raw(node.process.id() as i32), Signal::SIGHUP).unwrap();
    hang_up();
    wait_for_log(&log, "log file reopened", 1);
    std::fs::rename(&logs, &moved).unwrap();
    let log = moved.join("log").display().to_string();
    hang_up();
    // The message about the certificates is the last one.
    wait_for_log(&log, "certificates reloaded", 2);
    let told = std::fs::read_to_string(&log).unwrap();
    assert_eq!(told.matches("cannot reopen the log file").count(), 1, "{told}");
    assert_eq!(told.matches("log file reopened").count(), 1, "{told}");
}

#[test]
fn a_hangup_of_a_node_without_log_file_and_certificates_logs_nothing_of_them() {
    let log = log_of("hangup-of-nothing");
    let stderr = std::fs::File::create(&log).unwrap();
    let mut node =
        Node::start_with("hangup-of-nothing", "", |command| command.arg("--insecure-links").stderr(stderr));
    kill(Pid::from_raw(node.process.id() as i32), Signal::SIGHUP).unwrap();
    stop(&mut node);
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(
        told.contains("node stopped") && !told.contains("log file") && !told.contains("certificate"),
        "{told}"
    );
}
