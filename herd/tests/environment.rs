//! The environment variables of `herd`: each one empty, valid and invalid.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use fixtures::checkout::{program, scratch};
use fixtures::extract::Extract;
use herd::places::osm::build;
use herd::tls::{Authority, Hosts, LinkFiles};

/// Longer than a node takes to start and stop.
const DEADLINE: Duration = Duration::from_secs(20);

/// The variables of all nodes, unless a row overrides them: the nodes stop at once, and use free
/// ports.
const ALWAYS: [(&str, &str); 4] = [
    ("HERD_CONFIG", "{folder}/herd.toml"),
    ("HERD_CLIENT_ADDRESS", "127.0.0.1:0"),
    ("HERD_LINK_ADDRESS", "127.0.0.1:0"),
    ("HERD_STOP_WITH_STDIN", "1"),
];

/// Every way to write a boolean.
const WORDS: &[&str] = &["1", "0", "true", "false", "yes", "no", "on", "off", "TRUE", "No"];

const CERTIFICATES: &[(&str, &str)] = &[
    ("HERD_LINKS_CA", "{folder}/ca.pem"),
    ("HERD_LINKS_CERT", "{folder}/Alford.pem"),
    ("HERD_LINKS_KEY", "{folder}/Alford.key"),
];

const CLIENTS: &[(&str, &str)] =
    &[("HERD_CLIENTS_CERT", "{folder}/Alford.pem"), ("HERD_CLIENTS_KEY", "{folder}/Alford.key")];

const GOOGLE: &[(&str, &str)] = &[("HERD_PLACES", "google"), ("HERD_PLACES_KEY", "key")];

const KEY_FILE: &[(&str, &str)] = &[("HERD_PLACES", "google")];

const ADMIN: &[(&str, &str)] = &[("HERD_ADMIN_ADDRESS", "127.0.0.1:0")];

const ON_DISK: &[(&str, &str)] = &[("HERD_DATA_DIR", "{folder}/data")];

/// A variable, its valid values, an invalid one, and the other variables that these need.
type Row = (&'static str, &'static [&'static str], &'static str, &'static [(&'static str, &'static str)]);

const TABLE: [Row; 28] = [
    ("HERD_ADMIN_ADDRESS", &["127.0.0.1:0"], "nowhere", &[]),
    ("HERD_ADMIN_TOKEN_FILE", &["{folder}/token"], "/no/such", ADMIN),
    ("HERD_CLIENTS_CERT", &["{folder}/Alford.pem"], "/no/such", CLIENTS),
    ("HERD_CLIENTS_KEY", &["{folder}/Alford.key"], "/no/such", CLIENTS),
    ("HERD_CLIENT_ADDRESS", &["127.0.0.1:0", "[::1]:0"], "127.0.0.1", &[]),
    ("HERD_CONFIG", &["{folder}/herd.toml"], "/no/such", &[]),
    ("HERD_DATA_DIR", &["{folder}/data"], "/dev/null/data", &[]),
    ("HERD_DURABILITY", &["everysec", "always"], "sometimes", ON_DISK),
    ("HERD_INSECURE_LINKS", WORDS, "perhaps", &[]),
    ("HERD_LINKS_CA", &["{folder}/ca.pem"], "/no/such", CERTIFICATES),
    ("HERD_LINKS_CERT", &["{folder}/Alford.pem"], "/no/such", CERTIFICATES),
    ("HERD_LINKS_KEY", &["{folder}/Alford.key"], "/no/such", CERTIFICATES),
    ("HERD_LINK_ADDRESS", &["127.0.0.1:0"], "localhost:0", &[]),
    ("HERD_LOG_FILE", &["{folder}/log"], "/no/such/log", &[]),
    ("HERD_LOG_FORMAT", &["text", "json"], "xml", &[]),
    ("HERD_LOG_LEVEL", &["error", "warn", "info", "debug", "trace"], "all", &[]),
    ("HERD_MAX_FUTURE_SKEW", &["off", "24h"], "24", &[]),
    ("HERD_METRICS_ADDRESS", &["127.0.0.1:0", "0.0.0.0:0"], "9090", &[]),
    ("HERD_PLACES", &["offline", "none"], "everywhere", &[]),
    ("HERD_PLACES_FIELDS", &["pro", "enterprise"], "all", GOOGLE),
    ("HERD_PLACES_FILE", &["{folder}/places.bin"], "/no/such", &[]),
    ("HERD_PLACES_KEY", &["key"], "se cret", GOOGLE),
    ("HERD_PLACES_KEY_FILE", &["{folder}/key"], "/no/such", KEY_FILE),
    ("HERD_PLACES_LAYOUT", &["current", "classic"], "modern", &[]),
    ("HERD_PLACES_URL", &["http://127.0.0.1:1"], "nonsense", GOOGLE),
    ("HERD_STOP_WITH_STDIN", &["1", "true", "yes", "on", "Y"], "perhaps", &[]),
    ("HERD_STRICT_DURABILITY", WORDS, "perhaps", ON_DISK),
    ("HERD_THREADS", &["1", "2"], "0", &[]),
];

/// The flag of a variable.
fn flag(variable: &str) -> String {
    variable.replacen("HERD_", "--", 1).replace('_', "-").to_lowercase()
}

/// A folder with everything that the table names.
fn folder(test: &str) -> PathBuf {
    let folder = scratch(test);
    let LinkFiles { ca, cert, key } =
        Authority::init(&folder.join("certs")).unwrap().add("Alford", &Hosts::default(), 90, false).unwrap();
    for (from, to) in [(ca, "ca.pem"), (cert, "Alford.pem"), (key, "Alford.key")] {
        fs::copy(from, folder.join(to)).unwrap();
    }
    for (file, content) in [("key", "key\n"), ("token", "0123456789abcdef\n")] {
        fs::write(folder.join(file), content).unwrap();
        fs::set_permissions(folder.join(file), PermissionsExt::from_mode(0o600)).unwrap();
    }
    let extract = Extract::ordinary().bytes;
    let length = extract.len() as u64;
    let built = build(Cursor::new(extract), length, 1 << 20, |_| {}).unwrap();
    fs::write(folder.join("places.bin"), built.file).unwrap();
    let node = "[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:0\"\n";
    fs::write(folder.join("herd.toml"), format!("name = \"one\"\n{node}")).unwrap();
    folder
}

/// `herd` with these variables and no others, later ones overriding earlier ones.
fn herd<'a>(folder: &Path, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Command {
    let mut command = Command::new(program("herd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
        command.env_remove(name);
    }
    for (name, value) in variables {
        command.env(name, value.replace("{folder}", folder.to_str().unwrap()));
    }
    command.env("XDG_STATE_HOME", folder.join("state")).timeout(DEADLINE);
    command
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn the_table_has_every_variable_that_the_command_line_knows() {
    let mut known = BTreeSet::new();
    for command in [&["--help"][..], &["places-check", "--help"]] {
        let output = herd(&scratch("help"), []).args(command).assert().success().get_output().clone();
        let help = String::from_utf8(output.stdout).unwrap();
        let words = help.split(|byte: char| !byte.is_ascii_uppercase() && byte != '_');
        known.extend(words.filter(|word| word.starts_with("HERD_")).map(str::to_owned));
    }
    let table: BTreeSet<String> = TABLE.into_iter().map(|(variable, ..)| variable.to_owned()).collect();
    assert_eq!(table, known);
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let folder = folder("empty");
    for (variable, ..) in TABLE.into_iter() {
        let mut node = herd(&folder, ALWAYS.into_iter().chain([(variable, "")]));
        // Without the variable that stops the node.
        node.args(["Alford", "--stop-with-stdin"]).assert().success();
    }
    herd(&folder, ALWAYS.into_iter().chain(TABLE.into_iter().map(|(variable, ..)| (variable, ""))))
        .args([
            "Alford",
            "--stop-with-stdin",
            "--client-address",
            "127.0.0.1:0",
            "--link-address",
            "127.0.0.1:0",
        ])
        .assert()
        .success();
}

#[test]
fn a_good_value_is_taken() {
    let folder = folder("good");
    for (variable, good, _, beside) in TABLE.into_iter() {
        for value in good {
            let variables = ALWAYS.into_iter().chain(beside.iter().copied()).chain([(variable, *value)]);
            let node = herd(&folder, variables).arg("Alford").assert();
            assert!(node.get_output().status.success(), "{variable}={value}: {}", stderr(&node));
        }
    }
}

#[test]
fn a_bad_value_is_refused_by_the_name_of_its_variable() {
    let folder = folder("bad");
    for (variable, _, bad, beside) in TABLE.into_iter() {
        let variables = ALWAYS.into_iter().chain(beside.iter().copied()).chain([(variable, bad)]);
        let node = herd(&folder, variables).arg("Alford").assert();
        let told = stderr(&node);
        assert!(!node.get_output().status.success(), "{variable}={bad}");
        assert!(told.contains(variable) && !told.contains(&flag(variable)), "{variable}={bad}: {told}");
    }
}

#[test]
fn a_value_that_is_not_text_is_refused_by_the_name_of_its_variable() {
    let folder = folder("bytes");
    for (variable, _, _, beside) in TABLE.into_iter() {
        let mut node = herd(&folder, ALWAYS.into_iter().chain(beside.iter().copied()));
        node.env(variable, std::ffi::OsString::from_vec([variable.as_bytes(), &[0xff]].concat()));
        node.current_dir(&folder);
        let node = node.arg("Alford").assert();
        // Names of files and folders need not be text.
        let told = stderr(&node);
        let is_made = ["HERD_DATA_DIR", "HERD_LOG_FILE"].contains(&variable);
        assert_eq!(node.get_output().status.success(), is_made, "{variable}: {told}");
        assert!(is_made || told.contains(variable), "{variable}: {told}");
        assert!(!told.contains(&flag(variable)), "{variable}: {told}");
    }
}

#[test]
fn a_flag_wins_over_its_variable_and_is_blamed_itself() {
    let folder = folder("flags");
    let variables = || ALWAYS.into_iter().chain([("HERD_LOG_LEVEL", "loud")]);
    herd(&folder, variables()).args(["Alford", "--log-level", "warn"]).assert().success();
    let told = stderr(&herd(&folder, variables()).args(["Alford", "--log-level", "all"]).assert().code(2));
    assert!(told.contains("'--log-level <LEVEL>'") && !told.contains("HERD_"), "{told}");
}

#[test]
fn variables_of_a_node_are_nothing_to_other_commands() {
    let folder = folder("commands");
    let bad: BTreeMap<&str, &str> = TABLE.into_iter().map(|(variable, _, bad, _)| (variable, bad)).collect();
    let file = folder.join("herd.toml");
    herd(&folder, bad).arg("check-config").arg(file).assert().success();
}

#[test]
fn booleans_mean_what_they_say() {
    let folder = folder("booleans");
    let with = |more: &'static [(&str, &str)]| herd(&folder, ALWAYS.into_iter().chain(more.iter().copied()));
    // Certificates and plain links exclude each other, unless the latter are off.
    let links = |word| {
        let mut node = with(CERTIFICATES);
        node.env("HERD_INSECURE_LINKS", word).arg("Alford").assert()
    };
    for word in ["0", "false", "no", "off", ""] {
        links(word).success();
    }
    for word in ["1", "true", "yes", "on"] {
        let told = stderr(&links(word).code(2));
        assert!(told.contains("HERD_INSECURE_LINKS cannot be used with HERD_LINKS_CA"), "{told}");
        assert!(!told.contains("--"), "{told}");
    }
    with(&[("HERD_STRICT_DURABILITY", "no")]).arg("Alford").assert().success();
    let told = stderr(&with(&[("HERD_STRICT_DURABILITY", "yes")]).arg("Alford").assert().code(2));
    assert!(told.contains("HERD_STRICT_DURABILITY") && !told.contains("--strict"), "{told}");
}

#[test]
fn what_variables_take_back_or_leave_out_is_told_by_their_names() {
    let folder = folder("together");
    for (variables, expected) in [
        (
            &[("HERD_DATA_DIR", "x"), ("HERD_DURABILITY", "off")][..],
            "HERD_DURABILITY=off cannot be used with HERD_DATA_DIR: leave out one of them",
        ),
        (&[("HERD_DURABILITY", "always")], "HERD_DURABILITY needs a data folder"),
        (
            &[("HERD_LINKS_CA", "x")],
            "TLS for links needs three files: HERD_LINKS_CA, --links-cert and --links-key",
        ),
        (
            &[("HERD_CLIENTS_KEY", "x")],
            "TLS for clients needs two files: --clients-cert and HERD_CLIENTS_KEY",
        ),
    ] {
        let mut node = herd(&folder, ALWAYS.into_iter().chain(variables.iter().copied()));
        let told = stderr(&node.arg("Alford").assert().code(2));
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn unknown_variables_are_warnings_with_what_was_meant() {
    let folder = folder("unknown");
    let unknown = [("HERD_LOGLEVEL", "debug"), ("HERD_COLOUR", "red"), ("HERD_LOG_FILE", "{folder}/log")];
    herd(&folder, ALWAYS.into_iter().chain(unknown)).arg("Alford").assert().success();
    let log = fs::read_to_string(folder.join("log")).unwrap();
    let warning = |name: &str| log.lines().find(|line| line.contains("WARN") && line.contains(name));
    assert!(
        warning("HERD_LOGLEVEL is unknown and ignored; did you mean `HERD_LOG_LEVEL`?").is_some(),
        "{log}"
    );
    assert!(warning("HERD_COLOUR is unknown and ignored").is_some(), "{log}");
    assert!(warning("HERD_LOG_FILE").is_none(), "{log}");
    let config = folder.join("herd.toml").display().to_string();
    let checked = herd(&folder, unknown).args(["check-config", &config]).assert().success();
    let told = String::from_utf8(checked.get_output().stdout.clone()).unwrap();
    assert!(told.contains("warning: the environment variable HERD_LOGLEVEL is unknown"), "{told}");
}
