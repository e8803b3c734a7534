//! The command line of `herd`: help, wrong arguments, exit codes.

use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{program, scratch};
use herd::tls::Authority;

/// Longer than any of these commands takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn herd() -> Command {
    let mut command = Command::new(program("herd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", folder().join("state")).timeout(DEADLINE);
    command
}

/// The folder of the test that runs: the test runner names its thread after it.
fn folder() -> PathBuf {
    scratch(thread::current().name().expect("a test should run in a thread of its own"))
}

/// A path in that folder.
fn file(name: &str) -> String {
    folder().join(name).display().to_string()
}

/// What a command that fails with this exit code writes to standard error.
fn stderr_of_failure(command: &mut Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty(), "a failure has no output");
    String::from_utf8(output.stderr).unwrap()
}

/// A herd file of one node at the given addresses.
fn herd_file(name: &str, client: &str, link: &str) -> String {
    let path = file(&format!("{name}.toml"));
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
fn what_a_terminal_would_obey_is_shown_instead() {
    let hostile = "\u{1b}]0;title\u{7}\u{202e}\u{9b}2J";
    let file = file("hostile.toml");
    std::fs::write(&file, format!("name = \"x\"\n[[node]]\nname = \"{hostile}\"\n")).unwrap();
    for args in [
        &[hostile][..],
        &["Alford", "--config", hostile],
        &["--no-such-flag", hostile],
        &["check-config", &file],
    ] {
        let stderr = stderr_of_failure(herd().args(args), 2);
        let obeyed = |character: char| character.is_control() && character != '\n' || character == '\u{202e}';
        assert!(!stderr.contains(obeyed), "{stderr:?}");
    }
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
fn plain_links_are_refused_on_any_address_but_loopback() {
    let insecure = ["Alford", "--insecure-links", "--link-address", "0.0.0.0:0"];
    let stderr = stderr_of_failure(herd().args(insecure), 1);
    assert!(stderr.contains("loopback only") && stderr.contains("0.0.0.0:0"), "{stderr}");
}

#[test]
fn links_between_machines_need_certificates_that_somebody_has_made() {
    let file = herd_file("open-link", "127.0.0.1:0", "192.0.2.1:9");
    let stderr = stderr_of_failure(herd().args(["Alford", "--config", &file]), 2);
    assert!(stderr.contains("192.0.2.1:9") && stderr.contains("`herd certs`"), "{stderr}");
    let told = herd().args(["check-config", &file]).assert().success().get_output().stdout.clone();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("the links of Alford are not on loopback"), "{told}");
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
    let path = file("open-key");
    std::fs::write(&path, "secret\n").unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        // Not a node, which would go on if it took the key.
        let mut check = herd();
        check.args(["places-check", "--places", "google", "--places-url", "http://127.0.0.1:1"]);
        let stderr = stderr_of_failure(check.args(["--places-key-file", &path]), 2);
        let told = format!("others can read it (mode {mode:o}): chmod 600 it");
        assert!(stderr.contains(&path) && stderr.contains(&told) && !stderr.contains("secret"), "{stderr}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let mut check = herd();
        check.args(["places-check", "--places", "google", "--places-url", "http://127.0.0.1:1"]);
        assert!(stderr_of_failure(check.args(["--places-key-file", &path]), 1).contains("unreachable"));
    }
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
    let herds = fixtures::herds();
    let mut checked = 0;
    for file in std::fs::read_dir(herds).unwrap() {
        herd().arg("check-config").arg(file.unwrap().path()).assert().success();
        checked += 1;
    }
    assert_eq!(checked, 9);
}

#[test]
fn what_is_started_by_default_listens_on_loopback_only() {
    let herds = fixtures::herds();
    for file in std::fs::read_dir(herds).unwrap() {
        // The built-in herd is one of them.
        let herd = herd::config::Herd::read(&file.unwrap().path()).unwrap();
        for member in &herd.members {
            assert!(member.client.ip().is_loopback() && member.link.ip().is_loopback(), "{member:?}");
        }
    }
    let built_in = herd::config::Herd::built_in().unwrap();
    assert!(
        built_in
            .members
            .iter()
            .all(|member| member.client.ip().is_loopback() && member.link.ip().is_loopback())
    );
}

#[test]
fn check_config_tells_what_is_wrong_by_file_and_line() {
    let path = file("wrong.toml");
    std::fs::write(&path, "name = \"x\"\n[[node]]\nname = \"A\"\nclient = \"127.0.0.1:1\"\nlink = \"nowhere\"\nneighbours = [\"B\"]\n").unwrap();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    assert!(stderr.contains(&format!("{path}:5: `nowhere` is not an address")), "{stderr}");
    assert!(stderr.contains(&format!("{path}:6: A names B as a neighbour")), "{stderr}");
}

#[test]
fn check_config_tells_all_misspelt_keys_at_once() {
    let path = file("misspelt.toml");
    let text = std::fs::read_to_string(herd_file("right", "127.0.0.1:1", "127.0.0.1:2")).unwrap();
    std::fs::write(&path, format!("{text}neigbours = []\n[limits]\ndistinct_client = 5\n")).unwrap();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    let expected = format!(
        "error: {path}:6: [[node]] has no key `neigbours`: did you mean `neighbours`?\n\
        {path}:8: [limits] has no key `distinct_client`: did you mean `distinct_clients`?\n"
    );
    assert_eq!(stderr, expected);
}

/// A herd file of two nodes with certificates in `certs`, of which those of the first are made.
fn herd_with_certificates() -> String {
    let path = file("certified.toml");
    let node = |name: &str, neighbour: &str, port: u16| {
        format!(
            "[[node]]\nname = \"{name}\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:{port}\"\nneighbours = [\"{neighbour}\"]\n"
        )
    };
    let links = "[links]\nca = \"certs/ca.pem\"\ncert = \"certs/{name}.pem\"\nkey = \"certs/{name}.key\"\n";
    let text = format!("name = \"x\"\n{}{}{links}", node("A", "B", 1), node("B", "A", 2));
    std::fs::write(&path, text).unwrap();
    let authority = Authority::init(&folder().join("certs")).unwrap();
    authority.add("A", 90, false).unwrap();
    path
}

#[test]
fn check_config_tells_which_files_of_links_are_missing_or_unusable() {
    let path = herd_with_certificates();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    let certs = folder().join("certs");
    let certs = certs.display();
    let missing = |line: u8, file: &str| {
        format!("{path}:{line}: cannot read {certs}/{file}: No such file or directory (os error 2)\n")
    };
    assert_eq!(stderr, format!("error: {}{}", missing(14, "B.pem"), missing(15, "B.key")));
    herd().args(["check-config", &path, "A"]).assert().success();
    let stderr = stderr_of_failure(herd().args(["check-config", &path, "C"]), 2);
    assert!(stderr.contains("no node of the herd x is called C"), "{stderr}");

    std::fs::copy(file("certs/A.pem"), file("certs/B.pem")).unwrap();
    std::fs::copy(file("certs/A.key"), file("certs/B.key")).unwrap();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    assert!(stderr.contains(&format!("{path}:14: cannot use {certs}/B.pem: ")), "{stderr}");
    assert!(stderr.contains("the certificate is for A, not for B"), "{stderr}");

    std::fs::remove_file(file("certs/ca.pem")).unwrap();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    assert_eq!(stderr, format!("error: {}", missing(13, "ca.pem")));
}

#[test]
fn check_config_tells_which_keys_of_clients_and_places_cannot_be_read() {
    let path = herd_file("files", "127.0.0.1:1", "127.0.0.1:2");
    let text = std::fs::read_to_string(&path).unwrap();
    let tables = "[clients]\ncert = \"web.pem\"\nkey = \"/dev\"\n[places]\nkey_file = \"places.key\"\n";
    std::fs::write(&path, format!("{text}{tables}")).unwrap();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    for (line, file) in [(7, file("web.pem")), (8, "/dev".to_owned()), (10, file("places.key"))] {
        let expected = format!("{path}:{line}: ");
        let told = stderr.lines().find(|told| told.contains(&expected)).unwrap_or_default();
        assert!(told.contains(&file), "{stderr}");
    }
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
}

#[test]
fn check_config_tells_which_links_nobody_can_dial() {
    let path = file("undialable.toml");
    let node = |name: &str, link: &str, neighbour: &str| {
        format!(
            "[[node]]\nname = \"{name}\"\nclient = \"127.0.0.1:0\"\nlink = \"{link}\"\nneighbours = [\"{neighbour}\"]\n"
        )
    };
    let text = format!("name = \"x\"\n{}{}", node("A", "127.0.0.1:0", "B"), node("B", "0.0.0.0:2", "A"));
    std::fs::write(&path, text).unwrap();
    let stderr = stderr_of_failure(herd().args(["check-config", &path]), 2);
    assert!(stderr.contains(&format!("{path}:5: neighbours cannot dial 127.0.0.1:0")), "{stderr}");
    assert!(stderr.contains(&format!("{path}:10: neighbours cannot dial 0.0.0.0:2")), "{stderr}");
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
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
    let folder = file("journal");
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
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{file}: line 3 is damaged, at byte 58\n"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("ask its neighbours for everything"));
    std::fs::write(&file, &journal[..journal.len() - 1]).unwrap();
    let output = herd().args(["journal", "verify", &file]).assert().code(1).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("torn"));
}

#[test]
fn a_reader_that_has_read_enough_of_a_journal_is_no_error_and_a_full_disk_is_one() {
    let file = folder().join("journal");
    let journal = "be94ece8 JOURNAL 1 Alford\nabe91472 EPOCH 0361a8027139f407\n";
    std::fs::write(&file, journal).unwrap();
    let verify_to = |output: Stdio| {
        let mut command = std::process::Command::new(program("herd"));
        command.args(["journal", "verify"]).arg(&file).stdout(output).output().unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let told = verify_to(writer.into());
    assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
    let told = verify_to(File::options().write(true).open("/dev/full").unwrap().into());
    assert!(!told.status.success() && !told.stderr.is_empty(), "{told:?}");
}

#[test]
fn certificates_are_made_shown_and_not_made_twice() {
    let folder = file("certs");
    let refused = |args: &[&str], code| stderr_of_failure(herd().arg("certs").args(args), code);
    let made = |args: &[&str]| {
        let output = herd().arg("certs").args(args).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    };
    assert!(refused(&["add", "Alford", &folder], 1).contains("`herd certs init` makes them"));
    assert_eq!(made(&["init", &folder]), format!("made an authority in {folder}\n"));
    assert!(refused(&["init", &folder], 1).contains("has an authority already"));
    let said = made(&["add", "Alford", &folder]);
    assert_eq!(said, format!("made {folder}/Alford.pem and {folder}/Alford.key\n"));
    assert!(refused(&["add", "Alford", &folder], 1).contains("--replace"));
    made(&["add", "Alford", &folder, "--replace", "--days", "20"]);
    for name in ["ca", "../Alford", "", "a b", ".", ".."] {
        assert!(refused(&["add", name, &folder], 1).contains("is no name"), "{name}");
    }
    for days in ["0", "3651", "x"] {
        refused(&["add", "Bolden", &folder, "--days", days], 2);
    }
    let shown = made(&["show", &folder]);
    let shown: Vec<&str> = shown.lines().collect();
    assert!(
        shown[0].starts_with(&format!("{folder}/Alford.pem: Alford: ends soon, in 19 days")),
        "{shown:?}"
    );
    assert!(
        shown[1].starts_with(&format!("{folder}/ca.pem: the authority: counts for 3649 days")),
        "{shown:?}"
    );
    assert_eq!(shown.len(), 2);
    assert!(refused(&["show", "/dev/null"], 1).contains("/dev/null holds no certificate"));
    let mode =
        |file: &str| std::fs::metadata(format!("{folder}/{file}")).unwrap().permissions().mode() & 0o777;
    assert_eq!([".", "ca.key", "Alford.key"].map(mode), [0o700, 0o600, 0o600]);
}

#[test]
fn certificates_that_cannot_be_used_are_told_before_the_node_starts() {
    let folder = file("unusable-certs");
    for args in [&["init", &folder][..], &["add", "Alford", &folder], &["add", "Bolden", &folder]] {
        herd().arg("certs").args(args).assert().success();
    }
    let refused = |[ca, cert, key]: [&str; 3], code| {
        let [ca, cert, key] = [ca, cert, key].map(|file| format!("{folder}/{file}"));
        let args = ["Alford", "--links-ca", &ca, "--links-cert", &cert, "--links-key", &key];
        stderr_of_failure(herd().args(args), code)
    };
    assert!(refused(["ca.pem", "none.pem", "Alford.key"], 1).contains("cannot read"));
    assert!(refused(["ca.pem", "Alford.key", "Alford.key"], 1).contains("holds no certificate in PEM"));
    assert!(refused(["ca.pem", "Alford.pem", "Alford.pem"], 1).contains("holds no private key in PEM"));
    assert!(refused(["ca.pem", "Alford.pem", "Bolden.key"], 1).contains("its key is another one's"));
    std::fs::set_permissions(format!("{folder}/Alford.key"), Permissions::from_mode(0o644)).unwrap();
    assert!(refused(["ca.pem", "Alford.pem", "Alford.key"], 1).contains("chmod 600"));
    let half = ["Alford", "--links-ca", "ca.pem"];
    assert!(stderr_of_failure(herd().args(half), 2).contains("links need three files"));
    let both = ["Alford", "--links-ca", "ca.pem", "--insecure-links"];
    assert!(stderr_of_failure(herd().args(both), 2).contains("cannot be used with"));
}

#[test]
fn places_are_looked_for_on_earth_only() {
    for (coordinates, expected) in [
        (["91", "0"], "invalid value '91' for '[LAT]': a latitude is a number of degrees from -90 to 90"),
        (["-90.001", "0"], "invalid value '-90.001' for '[LAT]': a latitude is"),
        (["NaN", "0"], "invalid value 'NaN' for '[LAT]': a latitude is"),
        (["inf", "0"], "invalid value 'inf' for '[LAT]': a latitude is"),
        (["north", "0"], "invalid value 'north' for '[LAT]': a latitude is"),
        (
            ["0", "181"],
            "invalid value '181' for '[LON]': a longitude is a number of degrees from -180 to 180",
        ),
        (["0", "-180.5"], "invalid value '-180.5' for '[LON]': a longitude is"),
        (["0", "nan"], "invalid value 'nan' for '[LON]': a longitude is"),
    ] {
        let stderr = stderr_of_failure(herd().arg("places-check").args(coordinates), 2);
        assert!(stderr.contains(expected), "{stderr}");
    }
    for coordinates in [["90", "180"], ["-90", "-180"], ["48.2", "16.4"]] {
        herd().arg("places-check").args(coordinates).assert().success();
    }
}
