//! A journal that an earlier release wrote: `fixtures/journals/format-2`, of the node Alford with
//! its neighbour Bolden, with clients that were removed and some that came back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::checkout::{program, root, scratch};
use serde_json::{Value, json};

use crate::support::{Node, stop};

/// A data folder with a copy of the journal.
fn folder() -> PathBuf {
    let folder = scratch("former-journal").join("data");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(root().join("fixtures/journals/format-2/journal"), folder.join("journal")).unwrap();
    folder
}

/// What `herd journal` prints about a journal, which it finds valid.
fn journal_tool(verb: &str, folder: &Path) -> String {
    let output = Command::new(program("herd")).args(["journal", verb]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The last update of each client in the text of a journal, sorted.
fn last_updates(journal: &str) -> Vec<&str> {
    let updates: Vec<(&str, &str)> = journal
        .lines()
        .filter_map(|line| {
            let update = line.splitn(4, ' ').nth(3)?;
            let fields: Vec<&str> = update.split(' ').collect();
            match fields[0] {
                "AT" => Some((fields[3], update)),
                "AFTER" => Some((fields[5], update)),
                "REMOVED" => Some((fields[2], update)),
                _ => None,
            }
        })
        .collect();
    let is_last = |index: usize, client| updates[index + 1..].iter().all(|(other, _)| *other != client);
    let last = updates.iter().enumerate().filter(|(index, (client, _))| is_last(*index, *client));
    let mut last: Vec<&str> = last.map(|(_, (_, update))| *update).collect();
    last.sort_unstable();
    last
}

#[test]
fn a_journal_of_an_earlier_release_is_read_whole_and_continued() {
    let folder = folder();
    let text = fs::read_to_string(folder.join("journal")).unwrap();
    let expected = last_updates(&text);
    assert_eq!(expected.len(), 40);

    assert!(journal_tool("verify", &folder).contains("52 updates, 5156 bytes, closed cleanly: valid"));
    let stat: Value = serde_json::from_str(&journal_tool("stat", &folder)).unwrap();
    assert_eq!(
        stat,
        json!({
            "node": "Alford", "format": 2, "epoch": "5e9c11e162108ab9", "clients": 38, "updates": 52,
            "bytes": 5156, "last_sequence": 52, "damaged_lines": 0, "closed": true,
            "cursors": { "Bolden": "60b37312fd288c34 52" },
        })
    );
    let dumped = journal_tool("dump", &folder);
    let mut dumped: Vec<&str> = dumped.lines().collect();
    dumped.sort_unstable();
    assert_eq!(dumped, expected);

    let mut node = Node::start_with("former-journal", "", |command| command.arg("--data-dir").arg(&folder));
    for update in &expected {
        let Some(at) = update.find("AT ").map(|start| &update[start..]) else {
            let question = format!("WHATSAT {} 0 0\n", update.rsplit(' ').next().unwrap());
            assert!(node.ask(question.as_bytes()).starts_with("? "), "{update}");
            continue;
        };
        let question = format!("WHATSAT {} 0 0\n", at.split(' ').nth(3).unwrap());
        assert_eq!(node.ask(question.as_bytes()).lines().next(), Some(at));
    }
    assert!(node.ask(b"IAMAT later +1+1 1\n").starts_with("AT Alford "));
    stop(&mut node);
    let verified = journal_tool("verify", &folder);
    assert!(verified.contains("53 updates") && verified.contains("valid"), "{verified}");
    let stat: Value = serde_json::from_str(&journal_tool("stat", &folder)).unwrap();
    assert_eq!((&stat["clients"], &stat["last_sequence"]), (&json!(39), &json!(53)));
}
