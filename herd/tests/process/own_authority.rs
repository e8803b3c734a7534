//! The certificates of a herd on loopback that names none.

use std::fs;

use fixtures::checkout::scratch;

use crate::support::{Node, herd};

/// A herd of one node, with more at the end of its file.
fn herd_of_one(name: &str, more: &str) -> String {
    format!(
        "name = {name:?}\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:2\"\n{more}"
    )
}

/// The errors of a node that does not start.
fn errors_of(test: &str, text: &str, code: i32) -> String {
    let file = scratch(test).join("herd.toml");
    fs::write(&file, text).unwrap();
    let output = herd(test).args(["Alford", "--config"]).arg(file).assert().code(code).get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_herd_keeps_its_authority_in_the_state_folder_under_its_name() {
    let test = "own-authority";
    let _node = Node::run("Alford", test, &herd_of_one("quartet", ""), |command| command);
    let folder = scratch(test).join("state/herd/quartet");
    for file in ["ca.pem", "Alford.pem", "Alford.key"] {
        assert!(folder.join(file).is_file(), "{file} in {}", folder.display());
    }
}

#[test]
fn a_name_that_no_folder_can_have_is_refused() {
    for name in ["..", "a/b", "a/", "/a"] {
        let errors = errors_of("own-authority-name", &herd_of_one(name, ""), 2);
        assert!(errors.contains("cannot name a folder for certificates after the herd"), "{name}: {errors}");
    }
}

#[test]
fn certificates_that_the_herd_file_names_are_used_instead() {
    let test = "named-authority";
    let links = "[links]\nca = \"ca.pem\"\ncert = \"{name}.pem\"\nkey = \"{name}.key\"\n";
    let errors = errors_of(test, &herd_of_one("quartet", links), 1);
    assert!(errors.contains("named-authority/Alford.pem"), "{errors}");
    assert!(!scratch(test).join("state/herd").exists());
}
