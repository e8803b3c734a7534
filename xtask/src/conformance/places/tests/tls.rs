use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;

#[test]
fn clients_that_trust_the_authority_are_served_over_tls() {
    let bench = Bench::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(bench.authority.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        for (name, protocol) in [(NAME, None), ("127.0.0.1", Some("http/1.1")), (NAME, Some("http/1.0"))] {
            config.alpn_protocols = protocol.map(|name| name.as_bytes().to_vec()).into_iter().collect();
            let connection =
                ClientConnection::new(Arc::new(config.clone()), name.try_into().unwrap()).unwrap();
            let mut stream = StreamOwned::new(connection, TcpStream::connect(bench.tls).unwrap());
            stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
            assert!(read_all(&mut stream).starts_with("HTTP/1.1 404 "), "{name}");
        }
    }
    assert_eq!(bench.service.asked().len(), 6);
}

#[test]
fn python_trusts_the_authority_with_strict_checks() {
    let bench = Bench::new();
    let program = r#"
import http.client, ssl, sys
context = ssl.create_default_context(cadata=sys.argv[1])
context.verify_flags |= ssl.VERIFY_X509_STRICT
connection = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[2]), context=context, timeout=20)
for _ in range(2):
    connection.request("GET", "/maps/api/place/nearbysearch/json?location=1,2&radius=3&key=" + sys.argv[3])
    sys.stdout.buffer.write(connection.getresponse().read())
"#;
    let port = bench.tls.port().to_string();
    let ran = Command::new("python3")
        .args(["-c", program, &bench.authority.pem(), &port, bench.service.key()])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), text(Api::Legacy, 20).repeat(2));
}
