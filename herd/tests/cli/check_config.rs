//! `herd check-config`.

use super::*;

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

/// A herd file of two nodes with certificates in `certs`. Only those of the first node exist.
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
    authority.add("A", &Hosts::default(), 90, false).unwrap();
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
    assert!(stderr.contains("the herd x has no node C"), "{stderr}");

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
