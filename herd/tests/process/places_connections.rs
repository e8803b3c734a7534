//! Connections to a Places service: idle ones that are closed, untrusted certificates, and proxies.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::admin::get;
use crate::support::{DEADLINE, IAMAT, Node, log_of, whole_log};
use crate::upstream::{CANARY, Upstream, node, read_request, reply, reply_and_stay};
use fixtures::checkout::{program, scratch};

/// An answer without places, for either service.
fn nothing(provider: &str) -> &'static str {
    if provider == "google" { "{}" } else { "{\"status\":\"ZERO_RESULTS\",\"results\":[]}" }
}

#[test]
fn a_kept_connection_that_the_service_has_closed_is_replaced_at_once() {
    for provider in ["google", "google-legacy"] {
        let dropped = Arc::new(AtomicUsize::new(0));
        // The first four are answered together, so that four connections stay open.
        let (begun, together) = (AtomicUsize::new(0), Barrier::new(4));
        let upstream = Upstream::start({
            let dropped = Arc::clone(&dropped);
            move |stream| {
                if begun.fetch_add(1, Ordering::SeqCst) < 4 {
                    together.wait();
                }
                reply_and_stay(&stream, nothing(provider));
                // The next request on the same connection is read and never answered.
                if read_request(&stream).is_some() {
                    dropped.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        // A retry with a pause would exceed the timeout of the question; a failure would open the
        // breaker.
        let limits = "places_retry = \"1h\"\nplaces_failures = 1\nplaces_pause = \"1h\"";
        let node = Node::start_with(&format!("dropped-{provider}"), limits, |command| {
            command.args(["--places", provider, "--places-url", &upstream.url]);
            command.args(["--admin-address", "127.0.0.1:0"]).env("HERD_PLACES_KEY", CANARY)
        });
        node.ask(IAMAT.as_bytes());
        let four: String = (1..=4).map(|radius| format!("WHATSAT kiwi {radius} 5\n")).collect();
        assert_eq!(node.ask(four.as_bytes()).matches("ZERO_RESULTS").count(), 4);
        for radius in 5..=14 {
            let told = node.ask(format!("WHATSAT kiwi {radius} 5\n").as_bytes());
            assert!(told.contains("ZERO_RESULTS"), "{provider}, question {radius}: {told}");
        }
        assert!(dropped.load(Ordering::SeqCst) >= 4, "{provider}: connections were not used twice");
        assert!(get(&node, "/status").1.contains("\"places_breaker\":\"closed\""), "{provider}");
    }
}

#[test]
fn a_connection_without_requests_is_closed_after_a_while() {
    let (closed, was_closed) = mpsc::channel();
    let closed = std::sync::Mutex::new(closed);
    let upstream = Upstream::start(move |mut stream| {
        reply_and_stay(&stream, nothing("google-legacy"));
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let _ = closed.lock().unwrap().send(matches!(stream.read(&mut [0]), Ok(0)));
    });
    let (node, _) = node("idle-places", "places_idle = \"50ms\"", "google-legacy", &upstream.url);
    node.ask(IAMAT.as_bytes());
    assert!(node.ask(b"WHATSAT kiwi 1 5\n").contains("ZERO_RESULTS"));
    assert_eq!(was_closed.recv_timeout(2 * DEADLINE), Ok(true));
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let upstream = Upstream::start(|stream| reply(stream, "200 OK", nothing("google-legacy")));
    // Accepts connections and does not answer: a question sent there would fail.
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let node = Node::start_with("proxies", "places_total = \"2s\"", |command| {
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env(name, &url);
        }
        command.env_remove("no_proxy").env_remove("NO_PROXY");
        command.args(["--places", "google-legacy", "--places-url", &upstream.url]);
        command.env("HERD_PLACES_KEY", CANARY)
    });
    node.ask(IAMAT.as_bytes());
    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    assert!(told.contains("ZERO_RESULTS"), "{told}");
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

/// A certificate authority for a test, and the file of its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: String,
}

impl Authority {
    fn new(test: &str) -> Authority {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let file = scratch(test).join("authority.pem").display().to_string();
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Authority { issuer: Issuer::new(params, key), file }
    }

    /// A Places service over TLS without places. `change` changes its certificate.
    fn service(&self, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate.into()], key);
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                thread::spawn(move || answer_over_tls(stream, config));
            }
        });
        url
    }
}

fn answer_over_tls(stream: TcpStream, config: Arc<ServerConfig>) {
    use std::io::Write;
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    if read_request(&mut stream).is_some() {
        let body = nothing("google-legacy");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all((head + body).as_bytes());
    }
}

/// The root certificates for a process.
fn trusting(roots: Option<&str>) -> impl Fn(&mut Command) -> &mut Command + '_ {
    move |command| match roots {
        Some(file) => command.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR"),
        None => command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR"),
    }
}

/// The answer of a node that trusts `roots` to a question for `url`, its log, and the output of
/// `herd places-check`.
fn over_tls(test: &str, url: &str, roots: Option<&str>) -> [String; 3] {
    let log = log_of(test);
    let places = ["--places", "google-legacy", "--places-url", url];
    let node = Node::start_with(test, "places_retry = \"1ms\"", |command| {
        trusting(roots)(command).args(places).args(["--log-file", &log]).env("HERD_PLACES_KEY", CANARY)
    });
    node.ask(IAMAT.as_bytes());
    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    let mut check = Command::new(program("herd"));
    let check = trusting(roots)(&mut check).arg("places-check").args(places).env("HERD_PLACES_KEY", CANARY);
    let output = check.output().unwrap();
    let checked = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    [told, whole_log(node, &log), checked]
}

#[test]
fn an_authority_that_ssl_cert_file_names_is_trusted() {
    let authority = Authority::new("trusted");
    let url = authority.service(|_| {});
    let [told, log, checked] = over_tls("trusted", &url, Some(&authority.file));
    assert!(told.contains("ZERO_RESULTS") && !log.contains("WARN"), "{told} {log}");
    assert!(checked.contains("works: no places there"), "{checked}");
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_in_plain_words() {
    let authority = Authority::new("untrusted");
    let another = Authority::new("untrusted-another");
    let good = authority.service(|_| {});
    let expired = authority.service(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = authority.service(|params| params.not_before = date_time_ymd(4000, 1, 1));
    let elsewhere = authority.service(|params| {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
        params.subject_alt_names = vec![rcgen::SanType::IpAddress(address)];
    });
    for (url, roots, reason) in [
        (&good, None, "it is not signed by an authority that this machine trusts"),
        (&good, Some(&*another.file), "name the proxy's authority in SSL_CERT_FILE"),
        // The bundled ones are used then.
        (&good, Some("/no/such/file"), "it is not signed by an authority that this machine trusts"),
        (&expired, Some(&*authority.file), "it has expired"),
        (&early, Some(&*authority.file), "it is not valid yet"),
        (&elsewhere, Some(&*authority.file), "it is for another host"),
    ] {
        for written in over_tls("untrusted", url, roots) {
            assert!(
                written.contains("certificate not trusted") && written.contains(reason),
                "{reason}: {written}"
            );
        }
    }
}

#[test]
fn a_machine_without_root_certificates_uses_the_bundled_ones_and_says_so() {
    let authority = Authority::new("no-roots");
    let [_, log, _] = over_tls("no-roots", &authority.service(|_| {}), Some("/no/such/file"));
    assert!(log.contains("the places service is checked with the bundled ones"), "{log}");
}
