//! What `cargo xtask` says when it is used wrongly. The snapshot keeps every message, so that a
//! review sees each change of wording.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{program, root, scratch};

/// Longer than any of these commands takes, the build of the node program included.
const DEADLINE: Duration = Duration::from_secs(300);

/// Commands that fail before they start a process, in a folder with the files of [`write_files`].
const COMMANDS: &[&str] = &[
    "nosuch",
    "herd-status",
    "herd-status --wide --json",
    "herd-status --watch --json",
    "herd-down",
    "herd-restart",
    "herd-kill",
    "herd-kill Alford",
    "herd-pause",
    "herd-cut Alford",
    "herd-cut Alford Parker",
    "herd-heal",
    "herd-logs",
    "herd-logs --grep (",
    "herd-logs --since soon",
    "herd-logs --lines on --tail 5",
    "dashboard",
    "dashboard --listen 80",
    "tap Alford",
    "say Alford",
    "say Alford x",
    "load",
    "load nosuch",
    "load --connections 0",
    "load --protocol smtp",
    "load --whatsat 100%",
    "load --whatsat 10% --protocol set 127.0.0.1:1",
    "load --places 5",
    "load --tls",
    "load --ca FOLDER/missing.pem",
    "herd-up --herd nosuch",
    "herd-up --herd FOLDER/torn.toml",
    "herd-up --nodes 0",
    "herd-up --graph ring",
    "herd-up --nodes 5 --graph cube",
    "herd-up --nodes 5 --herd 2015-winter",
    "herd-up --base-port 0",
    "herd-up --places nowhere",
    "herd-up --open",
    "herd-up --peer nosuch",
    "herd-up --peer twisted --data-dir FOLDER",
    "e2e nosuch",
    "e2e classroom-examples",
    "e2e --config nosuch",
    "e2e --herd nosuch",
    "e2e --against node.py",
    "chaos nosuch",
    "chaos --faults nosuch",
    "chaos --faults kil,pause",
    "chaos --rounds many",
    "chaos --minutes 5 --rounds 5",
    "chaos processes --herd nosuch",
    "chaos --durability memory --faults disk-full",
    "chaos --backbone --faults shard-move",
    "chaos --shards --herd 2015-winter",
    "chaos sim --nodes 1",
    "chaos sim --shape ring",
    "chaos sim --graph circle",
    "scale --former nowhere",
    "chaos turmoil --latency 0",
    "check-history",
    "check-history FOLDER/missing.jsonl",
    "check-history FOLDER/torn.toml",
    "compare nosuch",
    "compare one-nod",
    "compare --quick --keep",
    "compare memory --keep",
    "scale --nodes 1",
    "scale --clients 1e6",
    "scale --backbone --clients many",
    "scale --backbone --clients 2e6..1e9",
    "scale --backbone --memory 0",
    "scale --backbone --nodes 5",
    "limits nosuch",
    "limits client",
    "resilience nosuch",
    "resilience --minutes 0",
    "alerts nosuch",
    "alerts HerdNodeDwon",
    "alerts --check HerdNodeDown",
    "fuzz nosuch",
    "mutants --file nosuch.rs --all",
    "ci nosuch",
    "ci tests",
    "conformance --self-test nosuch",
];

/// Writes the files that the commands name.
fn write_files(folder: &Path) {
    fs::write(folder.join("torn.toml"), "[[node]\nname = \"A\"\n").unwrap();
}

/// Runs a command, and returns what it prints and its exit code.
fn provoke(command: &str, folder: &Path) -> String {
    let mut xtask = Command::new(program("xtask"));
    let folder = folder.display().to_string();
    xtask.args(command.replace("FOLDER", &folder).split_whitespace());
    xtask
        .env("XTASK_RUN_DIR", format!("{folder}/none"))
        .env("COLUMNS", "100")
        .env("CARGO_TERM_QUIET", "true")
        .timeout(DEADLINE);
    let output = xtask.output().unwrap();
    let code = output.status.code();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(![Some(0), None].contains(&code), "`cargo xtask {command}` should fail, but prints: {text}");
    let text = text.replace(&folder, "FOLDER").replace(&root().display().to_string(), "CHECKOUT");
    let text = without_number_of_sessions(&text);
    format!("$ cargo xtask {command}\n{text}(exit code {})\n\n", code.unwrap_or_default())
}

/// Replaces the number of sessions by N, so that a new session does not change the snapshot.
fn without_number_of_sessions(text: &str) -> String {
    let sessions = fs::read_dir(root().join("fixtures/sessions")).unwrap().filter_map(Result::ok);
    let is_session = |file: &fs::DirEntry| file.path().extension().is_some_and(|ending| ending == "session");
    text.replace(&format!("the {} sessions", sessions.filter(is_session).count()), "the N sessions")
}

#[test]
fn every_wrong_use_is_answered_by_what_is_wrong_and_what_to_do() {
    let folder = scratch("xtask-errors");
    write_files(&folder);
    let mut all = String::new();
    for command in COMMANDS {
        write!(all, "{}", provoke(command, &folder)).unwrap();
    }
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(root().join("xtask/tests/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("errors", all));
}
