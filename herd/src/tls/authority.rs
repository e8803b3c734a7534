//! A herd's own certificate authority: a folder with its certificate and key, and those of nodes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::{EXPIRES_SOON, Hosts, LinkFiles, TlsError, read_certificates};
use crate::message::is_node_name;
use crate::tls::Certificate;

/// How many days the certificate of a node is valid by default.
pub const NODE_DAYS: u32 = 365;

/// How many days the certificate of an authority is valid.
const AUTHORITY_DAYS: u32 = 10 * 365;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// New certificates are valid from this much earlier, for machines whose clock is behind.
const SLOW_CLOCK: Duration = Duration::from_secs(60 * 60);

/// The name of the authority's files, without extension. No node can have this name.
const AUTHORITY: &str = "ca";

/// Why certificates cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// The folder does not contain an authority.
    #[error("{} has no ca.pem and ca.key: create them with `herd certs init`", .0.display())]
    NoAuthority(PathBuf),
    /// The folder contains an authority already. Another one would invalidate everything that it
    /// has signed.
    #[error("{} already has an authority: add nodes to it with `herd certs add`", .0.display())]
    Authority(PathBuf),
    /// The node already has a certificate.
    #[error("{} already exists: replace it with --replace", .0.display())]
    Node(PathBuf),
    /// A node's certificate cannot have this name.
    #[error(
        "`{0}` is not a valid name for a node's certificate: use 1 to 64 letters, digits, `_`, `-` or `.`, but not `ca`"
    )]
    Name(String),
    /// A host of a node has the name of another node, as which it could then pass.
    #[error("`{0}` has a certificate in this folder: a node must not have the name of another one as a host")]
    OtherNode(String),
    /// A file cannot be read or written.
    #[error("cannot use {}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The authority's certificate or key cannot be used.
    #[error("cannot use the authority in {}: {error}", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// The library's error.
        error: rcgen::Error,
    },
}

/// A folder with an authority. Only its owner can read the folder and the keys in it.
///
/// `ca.pem` and `ca.key` belong to the authority, `NAME.pem` and `NAME.key` to a node. Each file is
/// replaced as a whole, and a key before its certificate, so that a process that is killed halfway
/// leaves no certificate without its key.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    /// Locked while this value lives, because several nodes may start with the same folder at once.
    _lock: File,
}

impl Authority {
    /// Creates a folder with an authority.
    ///
    /// # Errors
    /// Fails if the folder has an authority already, or if files cannot be written.
    pub fn init(folder: &Path) -> Result<Authority, CertsError> {
        let authority = Authority::lock(folder)?;
        if authority.exists() {
            return Err(CertsError::Authority(folder.to_owned()));
        }
        authority.make()?;
        Ok(authority)
    }

    /// Opens a folder that has an authority.
    ///
    /// # Errors
    /// Fails if it has none, or if it cannot be used.
    pub fn open(folder: &Path) -> Result<Authority, CertsError> {
        let missing = || CertsError::NoAuthority(folder.to_owned());
        if !folder.is_dir() {
            return Err(missing());
        }
        let authority = Authority::lock(folder)?;
        if authority.exists() { Ok(authority) } else { Err(missing()) }
    }

    /// Opens a folder, and creates it and the authority if they are missing.
    ///
    /// # Errors
    /// Fails if the folder cannot be used.
    pub fn open_or_init(folder: &Path) -> Result<Authority, CertsError> {
        let authority = Authority::lock(folder)?;
        if !authority.exists() {
            authority.make()?;
        }
        Ok(authority)
    }

    /// Creates a certificate for a node, also good for `hosts`, that is valid for `days`. With
    /// `replace`, it replaces the one that the node has, and is good for the hosts of that one if
    /// `hosts` is empty.
    ///
    /// # Errors
    /// Fails if the node has a certificate and `replace` is false, if its name cannot be in a
    /// certificate, or if files cannot be read or written. If writing fails, the node may have a
    /// new key with its old certificate; calling this again with `replace` repairs that.
    pub fn add(&self, node: &str, hosts: &Hosts, days: u32, replace: bool) -> Result<LinkFiles, CertsError> {
        if !is_node_name(node.as_bytes()) || node == AUTHORITY {
            return Err(CertsError::Name(node.to_owned()));
        }
        let files = self.files(node);
        if !replace && files.cert.exists() {
            return Err(CertsError::Node(files.cert));
        }
        if let Some(other) = hosts.names.iter().find(|name| *name != node && self.file(name, "pem").exists())
        {
            return Err(CertsError::OtherNode(other.clone()));
        }
        let former = if hosts.is_empty() { first_certificate(&files.cert).ok() } else { None };
        let hosts = former.map_or_else(|| hosts.clone(), |former| Hosts::of(former, node));
        let unusable = |error| self.unusable(error);
        let key = KeyPair::from_pem(&self.read(AUTHORITY, "key")?).map_err(unusable)?;
        let issuer = Issuer::from_ca_cert_pem(&self.read(AUTHORITY, "pem")?, key).map_err(unusable)?;
        let mut params = params(node, days);
        params.subject_alt_names = hosts.subjects(node).map_err(unusable)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(unusable)?;
        let certificate = params.signed_by(&key, &issuer).map_err(unusable)?;
        self.write(node, &key, &certificate.pem())?;
        Ok(files)
    }

    /// Returns the certificate of a node: the one that it has, or a new one if there is none or it
    /// expires soon.
    ///
    /// # Errors
    /// Fails as [`add`](Self::add) does.
    pub fn ensure(&self, node: &str) -> Result<LinkFiles, CertsError> {
        let files = self.files(node);
        let lasting = |certificate: &Certificate| certificate.expires > SystemTime::now() + EXPIRES_SOON;
        if first_certificate(&files.cert).is_ok_and(|certificate| lasting(&certificate)) {
            return Ok(files);
        }
        self.add(node, &Hosts::default(), NODE_DAYS, true)
    }

    /// Returns where a node's files are, whether they exist or not.
    fn files(&self, node: &str) -> LinkFiles {
        LinkFiles {
            ca: self.file(AUTHORITY, "pem"),
            cert: self.file(node, "pem"),
            key: self.file(node, "key"),
        }
    }

    fn lock(folder: &Path) -> Result<Authority, CertsError> {
        let failure = |file: &Path, error| CertsError::File { file: file.to_owned(), error };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| failure(folder, error))?;
        let path = folder.join("lock");
        let lock = private().truncate(false).open(&path);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| failure(&path, error))?;
        Ok(Authority { folder: folder.to_owned(), _lock: lock })
    }

    fn exists(&self) -> bool {
        self.file(AUTHORITY, "pem").exists()
    }

    fn make(&self) -> Result<(), CertsError> {
        let mut params = params("herd authority", AUTHORITY_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(|error| self.unusable(error))?;
        let certificate = params.self_signed(&key).map_err(|error| self.unusable(error))?;
        self.write(AUTHORITY, &key, &certificate.pem())
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }

    fn read(&self, name: &str, ending: &str) -> Result<String, CertsError> {
        let file = self.file(name, ending);
        fs::read_to_string(&file).map_err(|error| CertsError::File { file, error })
    }

    fn write(&self, name: &str, key: &KeyPair, certificate: &str) -> Result<(), CertsError> {
        let draft = self.folder.join("draft");
        for (ending, text) in [("key", key.serialize_pem().as_str()), ("pem", certificate)] {
            let file = self.file(name, ending);
            let written = private().truncate(true).open(&draft).and_then(|mut draft| {
                draft.write_all(text.as_bytes())?;
                draft.sync_all()
            });
            written
                .and_then(|()| fs::rename(&draft, &file))
                .map_err(|error| CertsError::File { file, error })?;
        }
        Ok(())
    }

    fn unusable(&self, error: rcgen::Error) -> CertsError {
        CertsError::Unusable { folder: self.folder.clone(), error }
    }
}

/// Reads the first certificate of a file.
fn first_certificate(file: &Path) -> Result<Certificate, TlsError> {
    let certificates = read_certificates(file)?;
    Certificate::parse(&certificates[0]).map_err(|reason| TlsError::unusable(file, reason))
}

fn params(name: &str, days: u32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - SLOW_CLOCK).into();
    params.not_after = (now + days * DAY).into();
    params
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConnection, ServerConnection};

    use super::*;
    use crate::tls::LinkTls;

    /// Performs a handshake in memory, and returns the names that each side has proved to the
    /// other.
    fn meet(dialling: &LinkTls, accepting: &LinkTls) -> [Vec<String>; 2] {
        let any_name = ServerName::try_from("any-name").unwrap();
        let mut client = ClientConnection::new(dialling.dialling.clone(), any_name).unwrap();
        let mut server = ServerConnection::new(accepting.accepting.clone()).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        [client.peer_certificates(), server.peer_certificates()]
            .map(|chain| Certificate::parse(&chain.unwrap()[0]).unwrap().names)
    }

    #[test]
    fn nodes_that_start_at_once_in_an_empty_folder_know_each_other() {
        let folder = std::env::temp_dir().join(format!("herd-authority-{}", std::process::id()));
        let names = ["Alford", "Bolden", "Hamilton", "Parker", "Powell"];
        let nodes = names.map(|name| {
            let folder = folder.clone();
            thread::spawn(move || LinkTls::read(&Authority::open_or_init(&folder)?.ensure(name)?, name))
        });
        let nodes = nodes.map(|node| node.join().unwrap().unwrap());
        for (dialling, from) in nodes.iter().zip(names) {
            for (accepting, to) in nodes.iter().zip(names) {
                assert_eq!(meet(dialling, accepting), [[to], [from]]);
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_certificate_that_lasts_is_kept_and_one_that_ends_soon_is_not() {
        let folder = std::env::temp_dir().join(format!("herd-renewal-{}", std::process::id()));
        let authority = Authority::init(&folder).unwrap();
        let read = |files: &LinkFiles| fs::read(&files.cert).unwrap();
        let first = read(&authority.ensure("Alford").unwrap());
        assert_eq!(read(&authority.ensure("Alford").unwrap()), first);
        let soon = read(&authority.add("Alford", &Hosts::default(), 29, true).unwrap());
        assert_ne!(read(&authority.ensure("Alford").unwrap()), soon);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_certificate_counts_on_a_machine_whose_clock_is_behind_by_less_than_an_hour() {
        let folder = std::env::temp_dir().join(format!("herd-slow-clock-{}", std::process::id()));
        let authority = Authority::init(&folder).unwrap();
        let pem = fs::read(&authority.ensure("Alford").unwrap().cert).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
        let begins = pem.parse_x509().unwrap().validity().not_before.timestamp();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let early = now.saturating_sub(u64::try_from(begins).unwrap());
        assert!((60 * 60..2 * 60 * 60).contains(&early), "{early} s");
        fs::remove_dir_all(&folder).unwrap();
    }
}
