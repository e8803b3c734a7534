//! The messages of `herd` when it is used wrongly. A snapshot contains every message, so that a
//! review shows each change of wording.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{program, root, scratch};

/// Longer than any of these commands takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Commands that fail, as a shell would run them in a folder with the files of [`write_files`].
const COMMANDS: &[&str] = &[
    "",
    "Nobody",
    "Alford Bolden",
    "Alford --config missing.toml",
    "Alford --config torn.toml",
    "A --config problems.toml",
    "A --config misspelt.toml",
    "A --config nobody-to-dial.toml",
    "Alford --confg x",
    "Alford --herd x",
    "Alford --client-address nonsense",
    "Alford --client-address 127.0.0.1:70000",
    "Alford --admin-address 0.0.0.0:9000",
    "Alford --threads 0",
    "Alford --threads many",
    "Alford --durability sometimes",
    "Alford --durability always",
    "Alford --strict-durability",
    "Alford --data-dir empty.pem",
    "Alford --max-future-skew tomorrow",
    "Alford --places nowhere",
    "Alford --places osm",
    "Alford --places osm --places-file missing.bin",
    "Alford --places-file empty.pem",
    "Alford --places google",
    "Alford --places google --places-key-file missing.key",
    "Alford --places google --places-key-file open.key",
    "Alford --places google --places-key-file empty.pem",
    "Alford --places google --places-key-file own.key --places-url nonsense",
    "Alford --admin-token-file short.token",
    "Alford --links-cert empty.pem",
    "Alford --links-ca empty.pem --links-cert empty.pem --links-key own.key",
    "Alford --links-ca missing.pem --links-cert missing.pem --links-key missing.key",
    "Alford --clients-cert empty.pem",
    "Alford --insecure-links --links-ca empty.pem --links-cert empty.pem --links-key own.key",
    "A --config anywhere.toml",
    "Alford --log-file nowhere/herd.log",
    "Alford --log-level loud",
    "Alford --log-format xml",
    "HERD_LOG_LEVEL=loud Alford",
    "HERD_INSECURE_LINKS=maybe Alford",
    "check-config",
    "check-config missing.toml",
    "check-config problems.toml",
    "check-config misspelt.toml",
    "check-confg problems.toml",
    "check-confg",
    "say",
    "say Nobody x",
    "say localhost x",
    "say 127.0.0.1:70000 x",
    "say Alford --config missing.toml x",
    "say 127.0.0.1:1 x",
    "say 127.0.0.1:1,127.0.0.1:2 x",
    "say 127.0.0.1:1 --ca missing.pem x",
    "say 127.0.0.1:1 --server-name / x",
    "say 127.0.0.1:1 --timeout soon x",
    "check",
    "check localhost",
    "check 127.0.0.1:1",
    "check 127.0.0.1:1 --ca missing.pem",
    "check 127.0.0.1:1 --warn 3s",
    "shards",
    "shards --config missing.toml",
    "certs",
    "certs init .",
    "certs add . Alford",
    "certs show empty.pem",
    "certs show missing.pem",
    "journal verify missing",
    "journal verify journal",
    "journal stat missing",
    "journal dump missing",
    "places build missing.osm.pbf",
    "places build journal",
    "places build journal --memory 0",
    "places stat missing.bin",
    "places stat journal",
    "places-check --places google",
    "places-check nowhere",
];

/// Writes the files that the commands name.
fn write_files(folder: &Path) {
    let node = |name: &str, first: u16, more: &str| {
        format!(
            "[[node]]\nname = \"{name}\"\nclient = \"127.0.0.1:{first}\"\nlink = \"127.0.0.1:{}\"\n{more}",
            first + 1
        )
    };
    let problems =
        node("A", 21_000, "neighbours = [\"B\", \"C\"]\n") + &node("A", 21_000, "neighbours = [\"A\"]\n");
    let files = [
        ("torn.toml", "[[node]\nname = \"A\"\n".to_owned()),
        ("problems.toml", problems),
        ("misspelt.toml", node("A", 21_000, "neigbours = []\n[limts]\nline_bytes = -1\n")),
        ("nobody-to-dial.toml", node("A", 21_000, "").replace("127.0.0.1:21001", "0.0.0.0:0")),
        ("anywhere.toml", node("A", 21_000, "").replace("127.0.0.1:21001", "192.0.2.1:21001")),
        ("empty.pem", String::new()),
        ("open.key", "a-key-of-nobody\n".to_owned()),
        ("own.key", "a-key-of-nobody\n".to_owned()),
        ("short.token", "short\n".to_owned()),
        ("ca.pem", "not a certificate\n".to_owned()),
        ("journal", "not a journal\n".to_owned()),
    ];
    for (name, text) in files {
        let is_whole = ["misspelt.toml", "nobody-to-dial.toml", "anywhere.toml"].contains(&name);
        let text = if is_whole { format!("name = \"pair\"\n{text}") } else { text };
        fs::write(folder.join(name), text).unwrap();
        let mode = if name == "open.key" { 0o644 } else { 0o600 };
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
    }
}

/// Runs a command, and returns what it prints and its exit code.
fn provoke(command: &str, folder: &Path) -> String {
    let mut herd = Command::new(program("herd"));
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.to_string_lossy().starts_with("HERD_")) {
        herd.env_remove(name);
    }
    let words = command.split_whitespace();
    let (settings, arguments): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("HERD_"));
    herd.envs(settings.iter().filter_map(|setting| setting.split_once('=')));
    herd.env("XDG_STATE_HOME", folder.join("state")).env("COLUMNS", "100");
    let output = herd.args(arguments).current_dir(folder).timeout(DEADLINE).output().unwrap();
    let code = output.status.code();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap().replace(&folder.display().to_string(), "FOLDER");
    assert_ne!(code, Some(0), "`herd {command}` should fail, but prints: {text}");
    let code = code.map_or("killed".to_owned(), |code| format!("exit code {code}"));
    format!("$ herd {command}\n{text}({code})\n\n")
}

#[test]
fn every_wrong_use_is_answered_by_what_is_wrong_and_what_to_do() {
    let folder = scratch("herd-errors");
    write_files(&folder);
    let mut all = String::new();
    for command in COMMANDS {
        write!(all, "{}", provoke(command, &folder)).unwrap();
    }
    assert!(!all.contains("a-key-of-nobody"), "{all}");
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(root().join("herd/tests/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("errors", all));
}
