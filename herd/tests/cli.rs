//! The command line of `herd`: help, wrong arguments, exit codes.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use assert_cmd::Command;

fn herd() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("herd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
        command.env_remove(name);
    }
    command
}

/// What a command that fails with this exit code writes to standard error.
fn stderr_of_failure(command: &mut Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty(), "a failure has no output");
    String::from_utf8(output.stderr).unwrap()
}

/// A herd file of one node at the given addresses.
fn herd_file(name: &str, client: &str, link: &str) -> String {
    let path = format!("{}/{name}.toml", env!("CARGO_TARGET_TMPDIR"));
    let node =
        format!("name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"{client}\"\nlink = \"{link}\"\n");
    std::fs::write(&path, node).unwrap();
    path
}

#[test]
fn help_tells_the_verbs_the_flags_and_their_variables() {
    let output = herd().arg("--help").assert().success().get_output().stdout.clone();
    let help = String::from_utf8(output).unwrap();
    for word in ["IAMAT", "WHATSAT", "check-config", "--places-url", "HERD_LOG_LEVEL", "HERD_PLACES_KEY"] {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn version_is_told() {
    herd().arg("--version").assert().success().stdout(format!("herd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_name_is_a_usage_error() {
    assert!(stderr_of_failure(&mut herd(), 2).contains("<NAME>"));
}

#[test]
fn an_unknown_name_is_answered_by_the_names_there_are() {
    let stderr = stderr_of_failure(herd().arg("Welsh"), 2);
    assert!(
        stderr.contains("Welsh") && stderr.contains("Alford, Bolden, Hamilton, Parker, Powell"),
        "{stderr}"
    );
}

#[test]
fn a_port_in_use_is_named_and_ends_the_node_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (file, client, link) in
        [("taken-client", &*address, "127.0.0.1:0"), ("taken-link", "127.0.0.1:0", &*address)]
    {
        let file = herd_file(file, client, link);
        let stderr = stderr_of_failure(herd().args(["Alford", "--config", &file]), 1);
        assert!(stderr.contains(&address), "{stderr}");
    }
}

#[test]
fn links_are_refused_on_any_address_but_loopback() {
    let stderr = stderr_of_failure(herd().args(["Alford", "--link-address", "0.0.0.0:0"]), 1);
    assert!(stderr.contains("loopback only") && stderr.contains("0.0.0.0:0"), "{stderr}");
    let file = herd_file("open-link", "127.0.0.1:0", "192.0.2.1:9");
    let mut run = herd();
    for command in [run.args(["Alford", "--config", &file]), herd().args(["check-config", &file])] {
        let stderr = stderr_of_failure(command, 2);
        assert!(stderr.contains(&format!("{file}:5: links are plain TCP and stay on loopback")), "{stderr}");
    }
}

#[test]
fn google_legacy_without_a_key_says_how_to_give_one() {
    let stderr = stderr_of_failure(herd().args(["Alford", "--places", "google-legacy"]), 2);
    assert!(stderr.contains("HERD_PLACES_KEY") && stderr.contains("--places-key-file"), "{stderr}");
}

#[test]
fn a_wrong_key_is_not_repeated() {
    let stderr = stderr_of_failure(
        herd().args(["Alford", "--places", "google-legacy"]).env("HERD_PLACES_KEY", "se cret"),
        2,
    );
    assert!(stderr.contains("HERD_PLACES_KEY") && !stderr.contains("cret"), "{stderr}");
}

#[test]
fn a_key_file_named_by_a_flag_overrides_a_key_in_the_environment() {
    let mut command = herd();
    command.args(["Alford", "--places-key-file", "/no/such/file"]).env("HERD_PLACES_KEY", "key");
    assert!(stderr_of_failure(&mut command, 2).contains("/no/such/file"));
    // A key in the environment overrides the name of a file there.
    let mut check = herd();
    check.args(["places-check", "--places", "google", "--places-url", "http://127.0.0.1:1"]);
    check.env("HERD_PLACES_KEY", "key").env("HERD_PLACES_KEY_FILE", "/no/such/file");
    assert!(stderr_of_failure(&mut check, 1).contains("unreachable"));
}

#[test]
fn an_empty_key_is_no_key() {
    let mut check = herd();
    check.arg("places-check").env("HERD_PLACES_KEY", " ").assert().success();
    let stderr =
        stderr_of_failure(herd().args(["Alford", "--places", "google"]).env("HERD_PLACES_KEY", ""), 2);
    assert!(stderr.contains("needs an API key"), "{stderr}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let path = format!("{}/open-key", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, "secret\n").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let stderr = stderr_of_failure(herd().args(["Alford", "--places-key-file", &path]), 2);
    assert!(stderr.contains(&path) && stderr.contains("chmod 600") && !stderr.contains("secret"), "{stderr}");
}

#[test]
fn places_check_works_offline_without_a_key() {
    let output = herd().arg("places-check").assert().success().get_output().stdout.clone();
    let verdict = String::from_utf8(output).unwrap();
    assert!(verdict.starts_with("works: ") && verdict.contains("Santa Monica"), "{verdict}");
}

#[test]
fn places_check_tells_an_unreachable_service_and_no_key() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for provider in ["google", "google-legacy"] {
        let mut check = herd();
        check.args(["places-check", "34", "-118", "--places", provider, "--places-url", &url]);
        let stderr = stderr_of_failure(check.env("HERD_PLACES_KEY", "secret"), 1);
        assert!(
            stderr.contains("unreachable") && !stderr.contains("secret") && !stderr.contains(&url),
            "{stderr}"
        );
    }
}

#[test]
fn check_config_passes_the_classroom_herds() {
    let herds = format!("{}/../fixtures/herds", env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for file in std::fs::read_dir(herds).unwrap() {
        herd().arg("check-config").arg(file.unwrap().path()).assert().success();
        checked += 1;
    }
    assert_eq!(checked, 9);
}

#[test]
fn check_config_tells_what_is_wrong_by_file_and_line() {
    let path = format!("{}/wrong.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, "name = \"x\"\n[[node]]\nname = \"A\"\nclient = \"127.0.0.1:1\"\nlink = \"nowhere\"\nneighbours = [\"B\"]\n").unwrap();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    assert!(stderr.contains(&format!("{path}:5: `nowhere` is no address")), "{stderr}");
    assert!(stderr.contains(&format!("{path}:6: A names B as a neighbour")), "{stderr}");
}

#[test]
fn flags_that_take_back_each_other_are_usage_errors() {
    let refused = |args: &[&str]| stderr_of_failure(herd().arg("Alford").args(args), 2);
    assert!(refused(&["--data-dir", "x", "--durability", "off"]).contains("leave out --data-dir"));
    assert!(refused(&["--durability", "always"]).contains("add --data-dir"));
    assert!(refused(&["--strict-durability"]).contains("add --data-dir"));
}

#[test]
fn a_journal_is_looked_at_without_being_changed() {
    let folder = format!("{}/journal", env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&folder).unwrap();
    let file = format!("{folder}/journal");
    let journal = "be94ece8 JOURNAL 1 Alford\nabe91472 EPOCH 0361a8027139f407\n\
        c2b1da46 2 AT Alford +1795486665.004884257 plum +1+1 1\nf43f8a62 CLOSED\n";
    std::fs::write(&file, journal).unwrap();
    let told = |command: &str| {
        let output =
            herd().args(["journal", command, &folder]).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    };
    assert_eq!(
        told("verify"),
        format!("{file}: 1 updates, {} bytes, closed properly: fine\n", journal.len())
    );
    assert_eq!(told("dump"), "AT Alford +1795486665.004884257 plum +1+1 1\n");
    let stat: serde_json::Value = serde_json::from_str(&told("stat")).unwrap();
    assert_eq!(
        (&stat["node"], &stat["clients"], &stat["last_sequence"]),
        (&"Alford".into(), &1.into(), &2.into())
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), journal);

    std::fs::write(&file, journal.replace("plum", "plug")).unwrap();
    let output = herd().args(["journal", "verify", &file]).assert().code(1).get_output().clone();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{file}:3: damaged, at byte 58\n"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("ask its neighbours for everything"));
    std::fs::write(&file, &journal[..journal.len() - 1]).unwrap();
    let output = herd().args(["journal", "verify", &file]).assert().code(1).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("torn"));
}
