//! What a node on disk knows after it has been killed, and what it does while its disk fails.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use fixtures::checkout::scratch;

use crate::support::{IAMAT, Node, herd, wait_for_log};

/// The data folder of a test, which is not there yet.
fn folder(test: &str) -> PathBuf {
    scratch(test).join("data")
}

fn start(test: &str, folder: &PathBuf, more: &[&str]) -> Node {
    Node::start_with(test, "", |command| command.arg("--data-dir").arg(folder).args(more))
}

fn reports(clients: std::ops::Range<usize>) -> String {
    clients.map(|client| format!("IAMAT client-{client} +34.068930-118.445127 1520023934.9\n")).collect()
}

/// What the node says of each of so many clients.
fn told(node: &Node, clients: usize) -> String {
    let questions: String = (0..clients).map(|client| format!("WHATSAT client-{client} 0 0\n")).collect();
    node.ask(questions.as_bytes())
        .lines()
        .filter(|line| line.starts_with("AT "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_killed_node_says_the_same_after_its_restart_and_forgets_without_a_folder() {
    for durability in ["everysec", "always"] {
        let folder = folder(&format!("killed-{durability}"));
        let node = start("killed", &folder, &["--durability", durability]);
        let answers = node.ask(reports(0..500).as_bytes());
        // Dropping it kills it.
        drop(node);
        let node = start("killed", &folder, &["--durability", durability]);
        assert_eq!(told(&node, 500), answers);
    }
    let node = Node::start("forgetful", "");
    node.ask(IAMAT.as_bytes());
    drop(node);
    assert_eq!(Node::start("forgetful", "").ask(b"WHATSAT kiwi 0 0"), "? WHATSAT kiwi 0 0\n");
}

#[test]
fn a_data_folder_is_private_and_used_by_one_process_and_belongs_to_one_node() {
    let folder = folder("shared");
    let node = start("shared", &folder, &[]);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(folder.clone()), mode(folder.join("journal"))), (0o700, 0o600));
    let second = |name: &str| {
        let mut command = herd("shared");
        command.args([name, "--client-address", "127.0.0.1:0", "--link-address", "127.0.0.1:0"]);
        let output = command.arg("--data-dir").arg(&folder).assert().code(1).get_output().clone();
        String::from_utf8(output.stderr).unwrap()
    };
    let shown = folder.display();
    assert!(
        second("Alford")
            .ends_with(&format!("error: cannot use the data folder {shown}: another process uses it\n"))
    );
    drop(node);
    assert!(second("Bolden").ends_with(&format!(
        "error: cannot use the data folder {shown}: the journal is that of Alford, not of Bolden: give each node a data folder of its own\n"
    )));
}

#[test]
fn a_journal_is_written_anew_while_the_node_serves() {
    let folder = folder("anew");
    let log = folder.with_extension("log");
    let node = Node::start_with("anew", "journal_bytes = 10000", |command| {
        command.arg("--data-dir").arg(&folder).arg("--log-file").arg(&log)
    });
    for stamp in 0..300 {
        node.ask(format!("IAMAT kiwi +1+1 {stamp}\nIAMAT plum +1+1 {stamp}\n").as_bytes());
    }
    wait_for_log(log.to_str().unwrap(), "journal written anew", 1);
    assert!(fs::metadata(folder.join("journal")).unwrap().len() < 10_000);
    node.ask(b"IAMAT kiwi +2+2 1000\n");
    drop(node);
    let node = start("anew", &folder, &[]);
    let answers = node.ask(b"WHATSAT kiwi 0 0\nWHATSAT plum 0 0\n");
    assert!(answers.contains(" kiwi +2+2 1000\n") && answers.contains(" plum +1+1 299\n"), "{answers}");
}

/// How long files of a process may grow from now on.
fn limit_files(node: &Node, bytes: &str) {
    let pid = node.process.id().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

#[test]
fn a_full_disk_stops_nothing_and_nothing_is_missing_when_there_is_room_again() {
    let folder = folder("full");
    let log = folder.with_extension("log");
    let node = start("full", &folder, &["--log-file", log.to_str().unwrap()]);
    limit_files(&node, "20000");
    let answers = node.ask(reports(0..1000).as_bytes());
    assert_eq!(answers.lines().filter(|line| line.starts_with("AT Alford ")).count(), 1000);
    wait_for_log(log.to_str().unwrap(), "durability: degraded", 1);
    assert_eq!(told(&node, 1000), answers);
    limit_files(&node, "unlimited");
    wait_for_log(log.to_str().unwrap(), "durability: restored", 1);
    drop(node);
    assert_eq!(told(&start("full", &folder, &[]), 1000), answers);
}

#[test]
fn a_strict_node_closes_instead_of_answering_while_the_disk_fails() {
    for durability in ["everysec", "always"] {
        let folder = folder(&format!("strict-{durability}"));
        let node = start("strict", &folder, &["--durability", durability, "--strict-durability"]);
        assert!(node.ask(IAMAT.as_bytes()).starts_with("AT Alford "));
        limit_files(&node, "20000");
        let mut client = node.connect();
        let mut answers = Vec::new();
        for batch in 0..100 {
            if client.write_all(reports(100 * batch..100 * (batch + 1)).as_bytes()).is_err() {
                break;
            }
        }
        let _ = client.read_to_end(&mut answers);
        let answered = answers.iter().filter(|byte| **byte == b'\n').count();
        assert!(answered < 1000, "{answered}");
        let answers = String::from_utf8(answers).unwrap();
        drop(node);
        // What was answered before is there, each of it.
        let node = start("strict", &folder, &[]);
        assert!(told(&node, 10_000).starts_with(&answers[..answers.rfind('\n').map_or(0, |end| end + 1)]));
    }
}
