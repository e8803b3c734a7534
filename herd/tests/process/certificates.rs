//! Certificates that change while nodes run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use herd::tls::{Authority, Hosts, LinkFiles};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};

use crate::links::{alford, names, state};
use crate::support::{Node, herd, scratch, wait_for_log, wait_until};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate that `herd certs` would not issue.
struct Odd<'a> {
    name: &'a str,
    /// The folder of the authority that signs it.
    signer: &'a Path,
    begins: SystemTime,
    ends: SystemTime,
}

impl Odd<'_> {
    /// Replaces a certificate and key with this one and its key.
    fn write(&self, files: &LinkFiles) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::DnsName(self.name.try_into().unwrap())];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = self.begins.into();
        params.not_after = self.ends.into();
        let read = |file| fs::read_to_string(self.signer.join(file)).unwrap();
        let authority = KeyPair::from_pem(&read("ca.key")).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), authority).unwrap();
        fs::write(&files.cert, params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&files.key, PermissionsExt::from_mode(0o600)).unwrap();
    }
}

/// Separate files for a node with a certificate of some authority.
fn copied(files: &LinkFiles, folder: &Path, node: &str) -> LinkFiles {
    let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|file| folder.join(format!("{node}-{file}")));
    let copy = LinkFiles { ca, cert, key };
    replace(&copy, files);
    copy
}

/// Replaces a node's files with the contents of others.
fn replace(files: &LinkFiles, by: &LinkFiles) {
    for (to, from) in [(&files.ca, &by.ca), (&files.cert, &by.cert), (&files.key, &by.key)] {
        fs::copy(from, to).unwrap();
    }
}

fn hang_up(node: &Node) {
    kill(Pid::from_raw(node.process.id().cast_signed()), Signal::SIGHUP).unwrap();
}

/// Whether Alford has a link with Parker.
fn is_linked(alford: &Node) -> bool {
    let told = state(alford);
    assert_eq!(told["neighbours"][1]["name"], "Parker");
    told["neighbours"][1]["linked"] == true
}

#[test]
fn a_certificate_that_nobody_would_accept_does_not_replace_a_good_one() {
    let folder = scratch("bad-renewal");
    let (ours, others) = (folder.join("certs"), folder.join("others"));
    let authority = Authority::init(&ours).unwrap();
    Authority::init(&others).unwrap();
    let [files, parker] =
        ["Alford", "Parker"].map(|name| authority.add(name, &Hosts::default(), 90, false).unwrap());
    let node = alford("bad-renewal", &folder, &files);
    let log = folder.join("log").display().to_string();
    let _parker = Node::start_beside("Parker", ("Alford", &node), "bad-renewal", |command| {
        command.args(names(&parker))
    });
    wait_for_log(&log, "link in sync", 1);
    let before = state(&node)["certificates"].clone();

    let now = SystemTime::now();
    let good = Odd { name: "Alford", signer: &ours, begins: now - DAY, ends: now + 90 * DAY };
    let cases = [
        (Odd { ends: now - Duration::from_secs(60), ..good }, "the certificate expired at "),
        (Odd { begins: now + DAY, ..good }, "the certificate is not valid before "),
        (Odd { name: "Bolden", ..good }, "the certificate is for Bolden, not for Alford"),
        (Odd { signer: &others, ..good }, "its certificate is not signed by this herd's authority"),
    ];
    for (number, (odd, reason)) in cases.iter().enumerate() {
        odd.write(&files);
        hang_up(&node);
        wait_for_log(&log, "cannot reload certificates", number + 1);
        let told = fs::read_to_string(&log).unwrap();
        let line = told.lines().rfind(|line| line.contains("cannot reload certificates")).unwrap();
        assert!(line.contains("WARN") && line.contains(reason), "{line}");
        assert_eq!(state(&node)["certificates"], before);
    }
    assert!(is_linked(&node) && !fs::read_to_string(&log).unwrap().contains("link down"));
    good.write(&files);
    hang_up(&node);
    wait_for_log(&log, "certificates reloaded", 1);
    assert!(is_linked(&node) && !fs::read_to_string(&log).unwrap().contains("link down"));
}

#[test]
fn a_node_does_not_start_with_a_certificate_that_has_ended() {
    let folder = scratch("ended");
    let authority = Authority::init(&folder.join("certs")).unwrap();
    let files = authority.add("Alford", &Hosts::default(), 90, false).unwrap();
    let now = SystemTime::now();
    let ended = Odd { name: "Alford", signer: &folder.join("certs"), begins: now - 9 * DAY, ends: now - DAY };
    ended.write(&files);
    let refused = |args: &[String]| {
        let output = herd("certificates")
            .args(["Alford", "--client-address", "127.0.0.1:0"])
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        let cannot = format!("error: cannot use {}: the certificate expired at ", files.cert.display());
        assert!(told.starts_with(&cannot) && told.ends_with(": create a new one\n"), "{told}");
    };
    refused(&names(&files));
    let show = |file: &PathBuf| file.display().to_string();
    refused(&[
        "--insecure-links".to_owned(),
        "--clients-cert".to_owned(),
        show(&files.cert),
        "--clients-key".to_owned(),
        show(&files.key),
    ]);
}

#[test]
fn links_of_an_authority_that_is_no_longer_accepted_end_and_come_back_with_the_next_one() {
    let folder = scratch("rotation");
    let [old, new] = ["old", "new"].map(|name| Authority::init(&folder.join(name)).unwrap());
    let of = |authority: &Authority, node| authority.add(node, &Hosts::default(), 90, false).unwrap();
    let (alford_files, parker_files) =
        (copied(&of(&old, "Alford"), &folder, "alford"), copied(&of(&old, "Parker"), &folder, "parker"));
    let (alford_new, parker_new) = (of(&new, "Alford"), of(&new, "Parker"));
    let node = alford("rotation", &folder, &alford_files);
    let log = folder.join("log").display().to_string();
    let parker = Node::start_beside("Parker", ("Alford", &node), "rotation", |command| {
        command.args(names(&parker_files)).args(["--log-file", &folder.join("parker").display().to_string()])
    });
    wait_for_log(&log, "link in sync", 1);

    // Both authorities in one file: links stay.
    let both = [&alford_files.ca, &alford_new.ca].map(|file| fs::read(file).unwrap()).concat();
    for (files, node) in [(&alford_files, &node), (&parker_files, &parker)] {
        fs::write(&files.ca, &both).unwrap();
        hang_up(node);
    }
    let parker_log = folder.join("parker").display().to_string();
    wait_for_log(&log, "certificates reloaded", 1);
    wait_for_log(&parker_log, "certificates reloaded", 1);

    // Only the new authority: a link with an old certificate ends, and comes back once the
    // neighbour has a new one.
    replace(&alford_files, &alford_new);
    hang_up(&node);
    let reason = "certificates were reloaded: its certificate is not signed by this herd's authority";
    wait_for_log(&log, reason, 1);
    wait_until("the link is gone", || !is_linked(&node));
    assert_eq!(fs::read_to_string(&log).unwrap().matches("link down").count(), 1);
    replace(&parker_files, &parker_new);
    hang_up(&parker);
    wait_for_log(&log, "link in sync", 2);
    wait_until("the link is back", || is_linked(&node));
}

#[test]
fn the_authority_is_rotated_in_three_steps_and_old_keys_are_worth_nothing_then() {
    let test = "rotation-steps";
    let folder = scratch(test);
    let [old, new] = ["old", "new"].map(|name| Authority::init(&folder.join(name)).unwrap());
    let names_of_nodes = ["Alford", "Parker"];
    let old_files = names_of_nodes.map(|name| old.add(name, &Hosts::default(), 90, false).unwrap());
    let new_files = names_of_nodes.map(|name| new.add(name, &Hosts::default(), 90, false).unwrap());
    let files = [0, 1].map(|node| copied(&old_files[node], &folder, names_of_nodes[node]));
    let logs = ["log", "parker"].map(|log| folder.join(log).display().to_string());
    let node = alford(test, &folder, &files[0]);
    let parker = |files: &LinkFiles, log: &str| {
        Node::start_beside("Parker", ("Alford", &node), test, |command| {
            command.args(names(files)).args(["--log-file", log])
        })
    };
    let running = parker(&files[1], &logs[1]);
    wait_for_log(&logs[0], "link in sync", 1);
    let reload = |step: usize| {
        for (node, log) in [&node, &running].into_iter().zip(&logs) {
            hang_up(node);
            wait_for_log(log, "certificates reloaded", step);
        }
    };

    // Both authorities in one file, then the new certificates: the link stays.
    let both = [&old_files[0].ca, &new_files[0].ca].map(|file| fs::read(file).unwrap()).concat();
    files.iter().for_each(|files| fs::write(&files.ca, &both).unwrap());
    reload(1);
    for (files, new) in files.iter().zip(&new_files) {
        fs::copy(&new.cert, &files.cert).unwrap();
        fs::copy(&new.key, &files.key).unwrap();
    }
    reload(2);
    assert!(is_linked(&node) && !fs::read_to_string(&logs[0]).unwrap().contains("link down"));
    // Only the new authority: the link, which began with an old certificate, is reopened.
    for (files, new) in files.iter().zip(&new_files) {
        fs::copy(&new.ca, &files.ca).unwrap();
    }
    reload(3);
    wait_for_log(&logs[0], "link in sync", 2);
    wait_until("the link is back", || is_linked(&node));

    drop(running);
    wait_until("the link is gone", || !is_linked(&node));
    let reason = "its certificate is not signed by this herd's authority";
    let before = fs::read_to_string(&logs[0]).unwrap().matches(reason).count();
    let ca = folder.join("both.pem");
    fs::write(&ca, &both).unwrap();
    let [_, stolen] = old_files;
    let _thief = parker(&LinkFiles { ca, ..stolen }, &folder.join("thief").display().to_string());
    wait_for_log(&logs[0], reason, before + 1);
    assert!(!is_linked(&node));
}
