//! Subcommands at the edges of what they check.

use std::fs;
use std::path::Path;

use herd::tls::{Authority, Hosts};
use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};

use crate::support::{herd, scratch};

fn stdout(command: &mut assert_cmd::Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// A herd of three in a row whose first node's links are away from loopback, with the end of a herd
/// file.
fn row(more: &str) -> String {
    let node = |name: &str, link: &str, neighbours: &[&str]| {
        let client = "127.0.0.1:0";
        format!(
            "[[node]]\nname = \"{name}\"\nclient = \"{client}\"\nlink = \"{link}\"\nneighbours = {neighbours:?}\n"
        )
    };
    let nodes = [
        node("Alford", "192.0.2.1:3000", &["Bolden"]),
        node("Bolden", "127.0.0.1:3001", &["Alford", "Parker"]),
        node("Parker", "127.0.0.1:3002", &["Bolden"]),
    ];
    format!("name = \"row\"\n{}{more}", nodes.concat())
}

#[test]
fn check_config_counts_edges_and_asks_for_all_three_files_of_links() {
    let folder = scratch("row");
    let authority = Authority::init(&folder).unwrap();
    for name in ["Alford", "Bolden", "Parker"] {
        authority.add(name, &Hosts::default(), 90, false).unwrap();
    }
    let named = ["ca = \"ca.pem\"\n", "cert = \"{name}.pem\"\n", "key = \"{name}.key\"\n"];
    let file = folder.join("herd.toml");
    let checked = |links: &str| {
        fs::write(&file, row(&format!("[links]\n{links}"))).unwrap();
        stdout(herd("row").args(["check-config"]).arg(&file))
    };
    let told = checked(&named.concat());
    assert!(
        told.contains("herd row, 3 nodes, 2 edges: valid") && !told.contains("not on loopback"),
        "{told}"
    );
    for left_out in 0..3 {
        let mut some = named.to_vec();
        some.remove(left_out);
        let told = checked(&some.concat());
        assert!(told.contains("the link address of Alford is not on loopback"), "{told}");
    }
}

/// Makes a certificate that ended in 2020.
fn write_ended(folder: &Path, name: &str) {
    let read = |file| fs::read_to_string(folder.join(file)).unwrap();
    let issuer =
        Issuer::from_ca_cert_pem(&read("ca.pem"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(2020, 1, 1);
    let ended = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    fs::write(folder.join(format!("{name}.pem")), ended.pem()).unwrap();
}

#[test]
fn certs_show_fails_if_any_certificate_has_ended_wherever_it_stands() {
    for ended in ["Alford", "Parker"] {
        let folder = scratch(&format!("ended-{ended}"));
        let authority = Authority::init(&folder).unwrap();
        authority.add("Bolden", &Hosts::default(), 90, false).unwrap();
        assert!(
            stdout(herd("ended").args(["certs", "show"]).arg(&folder)).contains("Bolden: valid for 89 days")
        );
        write_ended(&folder, ended);
        let output = herd("ended").args(["certs", "show"]).arg(&folder).assert().code(1).get_output().clone();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(&format!("{ended}: expired")) && told.contains("Bolden: valid for"), "{told}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("a certificate has expired"));
    }
}

#[test]
fn check_config_misses_a_name_and_lists_the_keys_of_small_tables_only() {
    let file = scratch("keys").join("herd.toml");
    let node = "[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:3000\"\n";
    let refused = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = herd("keys").args(["check-config"]).arg(&file).assert().failure().get_output().clone();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(node).contains("the herd has no name"));
    let told = refused(&format!("name = \"one\"\n{node}[limits]\nqqqqqqqq = 1\n[admin]\nqqqqqqqq = 1\n"));
    let lists: Vec<bool> = told
        .lines()
        .filter(|line| line.contains("has no key `qqqqqqqq`"))
        .map(|line| line.contains("its keys are"))
        .collect();
    assert_eq!(lists, [false, true], "{told}");
    assert!(!refused("name = \"one\"\n").contains("the herd has no name"));
}
