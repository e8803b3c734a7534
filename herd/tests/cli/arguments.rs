//! Help and wrong arguments.

use super::*;

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
    assert!(stderr_of_failure(&mut herd(), 2).contains("<NODE>"));
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
fn flags_that_take_back_each_other_are_usage_errors() {
    let refused = |args: &[&str]| stderr_of_failure(herd().arg("Alford").args(args), 2);
    assert!(refused(&["--data-dir", "x", "--durability", "off"]).contains("cannot be used with --data-dir"));
    assert!(refused(&["--durability", "always"]).contains("add --data-dir"));
    assert!(refused(&["--strict-durability"]).contains("add --data-dir"));
}
