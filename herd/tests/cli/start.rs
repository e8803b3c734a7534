//! Errors that prevent the start of a node.

use super::*;

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
    assert!(stderr.contains("not on loopback") && stderr.contains("0.0.0.0:0"), "{stderr}");
}

#[test]
fn links_between_machines_need_certificates_that_somebody_has_made() {
    let file = herd_file("open-link", "127.0.0.1:0", "192.0.2.1:9");
    let stderr = stderr_of_failure(herd().args(["Alford", "--config", &file]), 2);
    assert!(stderr.contains("192.0.2.1:9") && stderr.contains("`herd certs`"), "{stderr}");
    let told = herd().args(["check-config", &file]).assert().success().get_output().stdout.clone();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("the link address of Alford is not on loopback"), "{told}");
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
    assert!(refused(["ca.pem", "Alford.pem", "Bolden.key"], 1).contains("its private key does not match"));
    std::fs::set_permissions(format!("{folder}/Alford.key"), Permissions::from_mode(0o644)).unwrap();
    assert!(refused(["ca.pem", "Alford.pem", "Alford.key"], 1).contains("chmod 600"));
    let half = ["Alford", "--links-ca", "ca.pem"];
    assert!(stderr_of_failure(herd().args(half), 2).contains("TLS for links needs three files"));
    let both = ["Alford", "--links-ca", "ca.pem", "--insecure-links"];
    assert!(stderr_of_failure(herd().args(both), 2).contains("cannot be used with"));
}
