//! Authentication of neighbours.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fixtures::checkout::scratch;
use herd::message::VERSION;
use herd::tls::{Authority, Hosts, LinkFiles, read_certificates};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::admin::get;
use crate::support::{DEADLINE, IAMAT, Node, wait_for_log, wait_until};

/// An update that a neighbour could send, with a forged location.
const FORGED: &str = "AT Parker +0.000000000 kiwi +1+1 1520023934.918963997";

pub(crate) fn names(files: &LinkFiles) -> [String; 6] {
    let [ca, cert, key] = [&files.ca, &files.cert, &files.key].map(|file| file.display().to_string());
    ["--links-ca".to_owned(), ca, "--links-cert".to_owned(), cert, "--links-key".to_owned(), key]
}

/// Alford, which its neighbours Bolden and Parker have to dial.
pub(crate) fn alford(test: &str, folder: &Path, files: &LinkFiles) -> Node {
    let herd = "name = \"three\"\n\
        [[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:3\"\nneighbours = [\"Bolden\", \"Parker\"]\n\
        [[node]]\nname = \"Bolden\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:1\"\nneighbours = [\"Alford\"]\n\
        [[node]]\nname = \"Parker\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:2\"\nneighbours = [\"Alford\"]\n";
    Node::run("Alford", test, herd, |command| {
        command
            .arg("--log-file")
            .arg(folder.join("log"))
            .args(["--admin-address", "127.0.0.1:0", "--log-level", "debug"])
            .args(names(files))
    })
}

/// Sends HELLO and a forged update in the name of a neighbour, and returns what it receives.
fn intrude(mut stream: impl Read + Write, name: &str) {
    let said = format!(
        "HELLO 5 {name} 0000000000000001 0000000000000001\nCURSOR 0000000000000000 0\n{FORGED}\nUPTO 1\n"
    );
    // The node may reject it at any point.
    let _ = stream.write_all(said.as_bytes()).and_then(|()| stream.read_to_end(&mut Vec::new()));
}

fn dial(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(node.link).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn encrypted(node: &Node, config: Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let session = ClientConnection::new(config, ServerName::try_from("Alford").unwrap()).unwrap();
    StreamOwned::new(session, dial(node))
}

/// A TLS configuration that trusts an authority, with or without a client certificate.
pub(crate) fn config(
    ca: &Path,
    own: Option<&LinkFiles>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(read_certificates(ca).unwrap().remove(0)).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
            builder.with_client_auth_cert(read_certificates(&files.cert).unwrap(), key).unwrap()
        }
    })
}

/// A certificate for Parker that expires at `end`, signed by the authority in `signer` or by
/// itself.
fn certificate(folder: &Path, signer: Option<&Path>, end: SystemTime) -> LinkFiles {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName("Parker".try_into().unwrap())];
    params.not_before = SystemTime::UNIX_EPOCH.into();
    params.not_after = end.into();
    let certificate = match signer {
        None => params.self_signed(&key),
        Some(signer) => {
            let read = |file| fs::read_to_string(signer.join(file)).unwrap();
            let authority = KeyPair::from_pem(&read("ca.key")).unwrap();
            let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), authority).unwrap();
            params.signed_by(&key, &issuer)
        }
    };
    let files = LinkFiles { ca: PathBuf::new(), cert: folder.join("bad.pem"), key: folder.join("bad.key") };
    fs::write(&files.cert, certificate.unwrap().pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    files
}

pub(crate) fn state(node: &Node) -> serde_json::Value {
    serde_json::from_str(&get(node, "/status").1).unwrap()
}

#[test]
fn bad_neighbours_are_refused_for_a_reason_that_is_in_the_log() {
    let folder = scratch("bad-neighbours");
    let certs = folder.join("certs");
    let authority = Authority::init(&certs).unwrap();
    let [alford_files, parker, mallory] = ["Alford", "Parker", "Mallory"]
        .map(|name| authority.add(name, &Hosts::default(), 90, false).unwrap());
    let other =
        Authority::init(&folder.join("other")).unwrap().add("Parker", &Hosts::default(), 90, false).unwrap();
    let node = alford("bad-neighbours", &folder, &alford_files);
    let log = folder.join("log").display().to_string();
    let (ca, tls13) = (&alford_files.ca, &rustls::version::TLS13);
    let with = |files: &LinkFiles| encrypted(&node, config(ca, Some(files), tls13));
    let now = SystemTime::now();

    let mut refused = 0;
    let mut refused_for = |reason: &str, count| {
        refused += 1;
        wait_for_log(&log, reason, count);
        wait_until("the refusal is counted", || state(&node)["links_refused"] == refused);
    };
    intrude(dial(&node), "Parker");
    refused_for("it does not speak TLS", 1);
    intrude(encrypted(&node, config(ca, None, tls13)), "Parker");
    refused_for("it shows no certificate", 1);
    intrude(with(&certificate(&folder, None, now + Duration::from_secs(3600))), "Parker");
    refused_for("its certificate is not signed by this herd's authority", 1);
    intrude(with(&other), "Parker");
    refused_for("its certificate is not signed by this herd's authority", 2);
    intrude(with(&certificate(&folder, Some(&certs), now - Duration::from_secs(60))), "Parker");
    refused_for("its certificate has expired", 1);
    intrude(with(&mallory), "Parker");
    refused_for("Mallory is not a neighbour of Alford", 1);
    intrude(with(&parker), "Bolden");
    refused_for("says it is Bolden, but its certificate is for Parker", 1);
    intrude(encrypted(&node, config(ca, Some(&parker), &rustls::version::TLS12)), "Parker");
    refused_for("it does not speak TLS 1.3", 1);

    assert_eq!(node.ask(b"WHATSAT kiwi 1 0"), "? WHATSAT kiwi 1 0\n");
    let told = state(&node);
    assert_eq!((&told["clients"], &told["sequence"]), (&0.into(), &0.into()), "{told}");
}

#[test]
fn forged_lines_between_nodes_mean_nothing_on_the_client_port() {
    let node =
        Node::start_with("forged-lines", "", |command| command.args(["--admin-address", "127.0.0.1:0"]));
    let lines: String = (0..5000)
        .map(|number| {
            let skewed = format!("AT Parker +0.{number:09} kiwi{} +1+1 {number}.5\n", number % 100);
            skewed + &format!("HELLO 5 Parker {number:016x} {number:016x}\n")
        })
        .collect();
    let copies: String = lines.lines().map(|line| format!("? {line}\n")).collect();
    assert!(node.ask(lines.as_bytes()) == copies, "each line is copied");
    let told = state(&node);
    assert_eq!((&told["clients"], &told["sequence"]), (&0.into(), &0.into()), "{told}");
    assert_eq!(told["lines"]["invalid"], 10_000);
}

#[test]
fn certificates_are_read_again_and_the_log_opened_anew_while_links_stay() {
    let folder = scratch("reload");
    let authority = Authority::init(&folder.join("certs")).unwrap();
    let [alford_files, parker] =
        ["Alford", "Parker"].map(|name| authority.add(name, &Hosts::default(), 90, false).unwrap());
    let node = alford("reload", &folder, &alford_files);
    let log = folder.join("log").display().to_string();
    let beside =
        |test| Node::start_beside("Parker", ("Alford", &node), test, |command| command.args(names(&parker)));
    let _parker = beside("reload");
    wait_for_log(&log, "link in sync", 1);
    let hang_up = || kill(Pid::from_raw(node.process.id() as i32), Signal::SIGHUP).unwrap();

    let rotated = format!("{log}.1");
    fs::rename(&log, &rotated).unwrap();
    authority.add("Alford", &Hosts::default(), 20, true).unwrap();
    let before = state(&node)["certificates"]["links"].as_u64().unwrap();
    hang_up();
    wait_until("the log is reopened", || fs::read_to_string(&log).is_ok());
    wait_for_log(&log, "certificates reloaded", 1);
    wait_for_log(&log, "certificate expires soon", 1);
    assert!(state(&node)["certificates"]["links"].as_u64().unwrap() < before);

    fs::write(&alford_files.cert, "nonsense").unwrap();
    hang_up();
    wait_for_log(&log, "cannot reload certificates", 1);
    assert!(fs::read_to_string(&log).unwrap().contains("holds no certificate in PEM"));
    let told = state(&node);
    assert_eq!(
        (&told["neighbours"][1]["name"], &told["neighbours"][1]["linked"]),
        (&"Parker".into(), &true.into())
    );
    assert!(
        !(fs::read_to_string(&log).unwrap() + &fs::read_to_string(&rotated).unwrap()).contains("link down")
    );
}

#[test]
fn a_neighbour_of_another_version_gets_no_link_and_both_sides_are_told_why() {
    let test = "other-version";
    let log = scratch(test).join("log").display().to_string();
    let node = Node::start_awaiting_with("Alford", "Parker", test, &["--insecure-links", "--log-file", &log]);
    let other = VERSION + 1;
    let mut link = dial(&node);
    writeln!(link, "HELLO {other} Parker 0000000000000001 0000000000000001").unwrap();
    let mut told = String::new();
    link.read_to_string(&mut told).unwrap();
    let reason = format!("speaks version {other} of the link language, this node speaks {VERSION}");
    assert!(told.ends_with(&format!("BYE {reason}\n")), "{told}");
    wait_for_log(&log, &reason, 1);
    let log = fs::read_to_string(&log).unwrap();
    let line = log.lines().find(|line| line.contains(&reason)).unwrap();
    assert!(line.contains("WARN") && line.contains("link rejected"), "{line}");
    assert!(node.ask(IAMAT.as_bytes()).starts_with("AT Alford "));
}

#[test]
fn a_neighbour_that_is_somebody_else_is_told_once_and_dialled_on() {
    let log = crate::support::log_of("wrong-name");
    let parker = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let herd = format!(
        "name = \"pair\"\n\
        [[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:3\"\nneighbours = [\"Parker\"]\n\
        [[node]]\nname = \"Parker\"\nclient = \"127.0.0.1:0\"\nlink = \"{}\"\nneighbours = [\"Alford\"]\n",
        parker.local_addr().unwrap()
    );
    let _node = Node::run("Alford", "wrong-name", &herd, |command| {
        command.args(["--insecure-links", "--log-file", &log])
    });
    for _ in 0..3 {
        intrude(parker.accept().unwrap().0, "Bolden");
    }
    wait_for_log(&log, "neighbour unreachable; retrying", 1);
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("neighbour unreachable").count(), 1, "{log}");
    assert!(log.contains("Bolden"), "{log}");
}
