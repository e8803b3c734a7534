use std::process::Command;

use super::*;
use crate::cluster::graphs::Graph;

/// A herd of two nodes that run the same shell script.
fn scripted_herd(test: &str, script: &str) -> Processes {
    let folder = std::env::temp_dir().join(format!("herd-processes-{}-{test}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("node");
    // A shell writes the file. If this process did, a child that another test starts at the same
    // time could inherit the open file, and a file that is open for writing cannot be executed.
    let write = r##"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 700 "$1""##;
    let mut shell = Command::new("/bin/sh");
    assert!(shell.args(["-c", write, "sh"]).arg(&program).arg(script).status().unwrap().success());
    let file = HerdFile::parse(&Graph::Line.herd_file(2, 21_000), "generated").unwrap();
    Processes::new(Setup::clean(file, program, folder)).unwrap()
}

#[test]
fn the_error_quotes_a_node_that_exits_before_it_is_ready() {
    let mut herd = scripted_herd("exits", "echo it is too hot >&2; exit 3");
    let error = herd.start_all().unwrap_err().to_string();
    assert!(error.starts_with("Node1 did not get ready (exit status: 3): it is too hot\n"), "{error}");
    fs::remove_dir_all(&herd.folder).unwrap();
}

#[test]
fn a_node_that_listens_at_other_addresses_is_not_ready() {
    let mut herd = scripted_herd("elsewhere", r#"echo '{"client":"127.0.0.1:1","link":"127.0.0.1:2"}'; cat"#);
    let error = herd.start_all().unwrap_err().to_string();
    assert!(error.starts_with("Node1 listens at other addresses than "), "{error}");
    fs::remove_dir_all(&herd.folder).unwrap();
}

#[test]
fn an_unknown_name_changes_nothing_for_the_known_names() {
    let ready = r#"echo '{"client":"127.0.0.1:21000","link":"127.0.0.1:21002"}'; exec cat"#;
    let mut herd = scripted_herd("unknown", ready);
    let names = ["Node1", "Nobody"].map(str::to_owned);
    let error = herd.start(&names).unwrap_err().to_string();
    assert_eq!(error, "no node is called Nobody: the nodes are Node1, Node2");
    assert_eq!(herd.pid("Node1").unwrap(), None);
    herd.start(&names[..1]).unwrap();
    assert!(herd.kill(&names).is_err());
    assert!(herd.pid("Node1").unwrap().is_some());
    fs::remove_dir_all(&herd.folder).unwrap();
}
