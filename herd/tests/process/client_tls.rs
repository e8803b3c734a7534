//! Clients that are served over TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herd::tls::Authority;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::admin::get;
use crate::links::config;
use crate::support::{DEADLINE, IAMAT, Node, herd, log_of, scratch, wait_for_log, wait_until};

/// Makes the certificate of Alford with `herd certs`, and returns its folder.
fn certificates(test: &str, hosts: &[&str]) -> PathBuf {
    let folder = scratch(test).join("certs");
    Authority::init(&folder).unwrap();
    add(test, &folder, hosts);
    folder
}

fn add(test: &str, folder: &Path, args: &[&str]) {
    herd(test).args(["certs", "add", "Alford"]).arg(folder).args(args).assert().success();
}

/// Starts Alford with its certificate.
fn start(test: &str, folder: &Path) -> Node {
    Node::start_with(test, "", |command| {
        command.arg("--clients-cert").arg(folder.join("Alford.pem"));
        command.arg("--clients-key").arg(folder.join("Alford.key"));
        command.args(["--admin-address", "127.0.0.1:0", "--log-file"]).arg(log_of(test))
    })
}

/// A client that trusts an authority.
fn client(ca: &Path) -> Arc<ClientConfig> {
    config(ca, None, &rustls::version::TLS13)
}

fn dial(node: &Node, config: Arc<ClientConfig>, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), node.connect())
}

fn ask(mut stream: StreamOwned<ClientConnection, TcpStream>, lines: &[u8]) -> String {
    stream.write_all(lines).unwrap();
    stream.conn.send_close_notify();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers
}

/// Whether the metrics count this many failed handshakes.
fn has_failed(node: &Node, times: u64) -> bool {
    get(node, "/metrics").1.contains(&format!("\nherd_client_handshakes_failed_total {times}\n"))
}

#[test]
fn clients_are_served_over_tls_when_the_node_has_a_certificate_for_them() {
    let folder = certificates("tls-clients", &[]);
    let node = start("tls-clients", &folder);
    let lines = format!("{IAMAT}{}", "nonsense\n".repeat(10_000));
    let answers = ask(dial(&node, client(&folder.join("ca.pem")), "Alford"), lines.as_bytes());
    assert!(answers.starts_with("AT Alford +"), "{}", &answers[..80]);
    assert!(answers.ends_with(&"? nonsense\n".repeat(10_000)));
    assert!(has_failed(&node, 0));
}

#[test]
fn a_certificate_is_good_for_the_hosts_that_it_was_made_for_also_after_a_renewal() {
    let folder =
        certificates("tls-hosts", &["--dns", "alford.example", "--dns", "*.herd.example", "--ip", "::1"]);
    add("tls-hosts", &folder, &["--replace"]);
    let node = start("tls-hosts", &folder);
    let trusting = client(&folder.join("ca.pem"));
    for host in ["Alford", "alford.example", "a.herd.example", "::1"] {
        let answers = ask(dial(&node, Arc::clone(&trusting), host), b"x\n");
        assert_eq!(answers, "? x\n", "{host}");
    }
    let mut stranger = dial(&node, trusting, "bolden.example");
    assert!(stranger.write_all(b"x\n").and_then(|()| stranger.flush()).is_err());
    let shown = herd("tls-hosts").args(["certs", "show"]).arg(folder.join("Alford.pem")).assert().success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(shown.contains(": Alford, alford.example, *.herd.example, ::1: valid for "), "{shown}");
    add("tls-hosts", &folder, &["--replace", "--ip", "127.0.0.1"]);
    let shown = herd("tls-hosts").args(["certs", "show"]).arg(folder.join("Alford.pem")).assert().success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(shown.contains(": Alford, 127.0.0.1: valid for "), "{shown}");
}

#[test]
fn handshakes_that_fail_are_counted_and_logged_with_their_reason() {
    let test = "tls-failed";
    let folder = certificates(test, &[]);
    let node = start(test, &folder);
    let mut plain = node.connect();
    plain.write_all(IAMAT.as_bytes()).unwrap();
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told);
    assert!(!told.starts_with(b"AT"), "{told:?}");
    wait_for_log(&log_of(test), "it does not speak TLS", 1);
    wait_until("the plain client is counted", || has_failed(&node, 1));
    let others = scratch(test).join("others");
    Authority::init(&others).unwrap();
    let mut stranger = dial(&node, client(&others.join("ca.pem")), "Alford");
    stranger.sock.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(stranger.write_all(b"x\n").and_then(|()| stranger.flush()).is_err());
    drop(stranger);
    wait_for_log(&log_of(test), "it does not trust the authority that signed this node's certificate", 1);
    wait_until("the client that does not trust the node is counted", || has_failed(&node, 2));
    // Load balancers open a connection and close it.
    drop(node.connect());
    assert_eq!(ask(dial(&node, client(&folder.join("ca.pem")), "Alford"), b"x\n"), "? x\n");
    assert!(has_failed(&node, 2));
}
