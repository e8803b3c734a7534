//! The records of a node after a crash, and its behaviour while its disk fails.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fixtures::checkout::scratch;

use crate::events::Feed;
use crate::support::{IAMAT, Node, herd, wait_for_log, wait_until};
use fixtures::checkout::program;

/// The data folder of a test, which does not exist yet.
fn folder(test: &str) -> PathBuf {
    scratch(test).join("data")
}

fn start(test: &str, folder: &PathBuf, more: &[&str]) -> Node {
    Node::start_with(test, "", |command| command.arg("--data-dir").arg(folder).args(more))
}

fn reports(clients: std::ops::Range<usize>) -> String {
    clients.map(|client| format!("IAMAT client-{client} +34.068930-118.445127 1520023934.9\n")).collect()
}

/// The node's answers about this many clients.
fn told(node: &Node, clients: usize) -> String {
    let questions: String = (0..clients).map(|client| format!("WHATSAT client-{client} 0 0\n")).collect();
    node.ask(questions.as_bytes())
        .lines()
        .filter(|line| line.starts_with("AT "))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Runs `herd journal` on a folder.
fn journal_tool(verb: &str, folder: &Path) -> Output {
    Command::new(program("herd")).args(["journal", verb]).arg(folder).output().unwrap()
}

#[test]
fn a_copy_of_a_running_node_is_restored_under_a_new_epoch() {
    let folder = folder("copied");
    let (copy, restored) = (folder.with_extension("copy"), folder.with_extension("restored"));
    let run = |verb: &str, from: &Path, to: &Path| {
        Command::new(program("herd")).arg(verb).arg(from).arg(to).output().unwrap()
    };
    let node = start("copied", &folder, &[]);
    node.ask(reports(0..3).as_bytes());
    let copied = run("backup", &folder, &copy);
    assert!(copied.status.success() && copied.stdout.starts_with(copy.display().to_string().as_bytes()));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let again = String::from_utf8(run("backup", &folder, &copy).stderr).unwrap();
    assert!(again.contains("exists: choose another name"), "{again}");
    node.ask(reports(3..4).as_bytes());
    let in_use = String::from_utf8(run("restore", &copy, &folder).stderr).unwrap();
    assert!(in_use.contains("another process uses it"), "{in_use}");
    drop(node);
    let not_lost = String::from_utf8(run("restore", &copy, &folder).stderr).unwrap();
    assert!(not_lost.contains("has a journal"), "{not_lost}");

    assert!(run("restore", &copy, &restored).status.success());
    let node = start("restored", &restored, &[]);
    assert_eq!(told(&node, 4).lines().count(), 3);
    // The first node has used the next sequences of its epoch already.
    let epoch = |folder: &Path| {
        let stat: serde_json::Value = serde_json::from_slice(&journal_tool("stat", folder).stdout).unwrap();
        stat["epoch"].as_str().unwrap().to_owned()
    };
    assert_ne!(epoch(&restored), epoch(&folder));
}

#[test]
fn what_verify_says_of_a_damaged_journal_a_node_says_too_and_then_it_is_whole() {
    let damage = |lines: &mut Vec<&[u8]>, way: &str| match way {
        "empty" => lines.clear(),
        "missing" => drop(lines.drain(5..8)),
        "swapped" => lines.swap(5, 6),
        "repeated" => lines.insert(6, lines[5]),
        way => panic!("no way to damage a journal: {way}"),
    };
    let cases = [
        ("empty", "the journal is empty: everything in it is lost"),
        ("missing", "3 lines are missing between lines 5 and 6"),
        ("swapped", "1 line is missing between lines 5 and 6"),
        ("repeated", "line 7 is out of place: repeated, or swapped with another"),
    ];
    for (way, message) in cases {
        let folder = folder(&format!("damaged-{way}"));
        let node = start("damaged", &folder, &[]);
        node.ask(reports(0..20).as_bytes());
        drop(node);
        let journal = folder.join("journal");
        let whole = fs::read(&journal).unwrap();
        let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        damage(&mut lines, way);
        fs::write(&journal, lines.concat()).unwrap();
        let verified = journal_tool("verify", &folder);
        let said = String::from_utf8(verified.stdout).unwrap();
        assert!(!verified.status.success() && said.contains(message), "{said}");
        let log = folder.with_extension("log");
        let _ = fs::remove_file(&log);
        let node = start("damaged", &folder, &["--log-file", log.to_str().unwrap()]);
        wait_for_log(log.to_str().unwrap(), message, 1);
        wait_for_log(log.to_str().unwrap(), "journal damaged", 1);
        let known = told(&node, 20);
        drop(node);
        assert!(journal_tool("verify", &folder).status.success());
        assert_eq!(
            String::from_utf8(journal_tool("dump", &folder).stdout).unwrap().lines().count(),
            known.lines().count()
        );
        assert_eq!(
            known.lines().count(),
            match way {
                "empty" => 0,
                "missing" => 17,
                _ => 20,
            }
        );
        assert!(folder.join("journal.damaged").exists());
    }
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
            .ends_with(&format!("error: cannot use the data folder {shown}: another process uses it: give each node its own data folder\n"))
    );
    drop(node);
    assert!(second("Bolden").ends_with(&format!(
        "error: cannot use the data folder {shown}: the journal belongs to Alford, not to Bolden: give each node its own data folder\n"
    )));
}

#[test]
fn a_journal_is_compacted_while_the_node_serves() {
    let folder = folder("compaction");
    let log = folder.with_extension("log");
    let node = Node::start_with("compaction", "journal_bytes = 10000", |command| {
        command.arg("--data-dir").arg(&folder).arg("--log-file").arg(&log)
    });
    for stamp in 0..300 {
        node.ask(format!("IAMAT kiwi +1+1 {stamp}\nIAMAT plum +1+1 {stamp}\n").as_bytes());
    }
    wait_for_log(log.to_str().unwrap(), "journal compacted", 1);
    // One more compaction may follow.
    wait_until("the journal is short", || fs::metadata(folder.join("journal")).unwrap().len() < 10_000);
    node.ask(b"IAMAT kiwi +2+2 1000\n");
    drop(node);
    let node = start("compaction", &folder, &[]);
    let answers = node.ask(b"WHATSAT kiwi 0 0\nWHATSAT plum 0 0\n");
    assert!(answers.contains(" kiwi +2+2 1000\n") && answers.contains(" plum +1+1 299\n"), "{answers}");
}

/// Limits the size of the files of a process from now on.
fn limit_files(node: &Node, bytes: &str) {
    let pid = node.process.id().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

#[test]
fn a_full_disk_stops_nothing_and_nothing_is_missing_when_there_is_room_again() {
    let folder = folder("full");
    let log = folder.with_extension("log");
    let admin = ["--admin-address", "127.0.0.1:0"];
    let node = start("full", &folder, &[&["--log-file", log.to_str().unwrap()], &admin[..]].concat());
    let mut feed = Feed::open(&node);
    limit_files(&node, "20000");
    let answers = node.ask(reports(0..1000).as_bytes());
    assert_eq!(answers.lines().filter(|line| line.starts_with("AT Alford ")).count(), 1000);
    wait_for_log(log.to_str().unwrap(), "durability degraded", 1);
    let warning = feed.next_of("warning");
    let text = warning["text"].as_str().unwrap();
    assert!(warning["what"] == "disk" && text.starts_with("the disk fails: "), "{warning}");
    assert_eq!(told(&node, 1000), answers);
    assert_eq!(fs::read_to_string(&log).unwrap().matches("durability degraded").count(), 1);
    // The line that did not fit was not written in part.
    assert!(journal_tool("verify", &folder).status.success());
    limit_files(&node, "unlimited");
    wait_for_log(log.to_str().unwrap(), "durability restored", 1);
    assert_eq!(feed.next_of("warning")["text"], "the disk works again; all records are on it");
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
        // Every report answered before is there.
        let node = start("strict", &folder, &[]);
        assert!(told(&node, 10_000).starts_with(&answers[..answers.rfind('\n').map_or(0, |end| end + 1)]));
    }
}
