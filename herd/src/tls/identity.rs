//! A certificate and its key, read from files.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ConfigBuilder, ConfigSide, ServerConfig, WantsVerifier, WantsVersions};

use super::peer::{Certificate, read_certificates};

/// A certificate with its private key and the intermediate certificates.
#[derive(Debug)]
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// When the certificate expires.
    pub(super) expires: SystemTime,
    /// The names in the certificate.
    names: Vec<String>,
    file: PathBuf,
}

/// Why certificates cannot be used. No message contains a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A file contains something else.
    #[error("{} holds no {expected} in PEM format: create one with `herd certs`", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What was expected.
        expected: &'static str,
    },
    /// Others can read the private key.
    #[error("others can read the key {} (mode {mode:o}): chmod 600 it", file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The content of a file cannot be used.
    #[error("cannot use {}: {reason}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// The reason, in words.
        reason: String,
    },
    /// The machine has no root certificates.
    #[error("no root certificates on this machine: name the authority with --ca")]
    NoRoots,
    /// Certificates cannot be created.
    #[error(transparent)]
    Certs(#[from] super::CertsError),
}

impl TlsError {
    pub(super) fn unusable(file: &Path, reason: impl ToString) -> TlsError {
        TlsError::Unusable { file: file.to_owned(), reason: reason.to_string() }
    }

    /// Returns the error of an item that could not be read from a file.
    pub(super) fn item(file: &Path, expected: &'static str, error: pem::Error) -> TlsError {
        let file = file.to_owned();
        match error {
            pem::Error::Io(error) => TlsError::Read { file, error },
            _ => TlsError::Content { file, expected },
        }
    }
}

impl Identity {
    /// Reads a certificate and its private key.
    ///
    /// # Errors
    /// Fails if a file cannot be read or contains something else, if others can read the key, or if
    /// the certificate is not valid now.
    pub fn read(cert: &Path, key: &Path) -> Result<Identity, TlsError> {
        let chain = read_certificates(cert)?;
        let parsed = Certificate::parse(&chain[0]).map_err(|reason| TlsError::unusable(cert, reason))?;
        let Certificate { names, begins, expires, .. } = parsed;
        let now = SystemTime::now();
        if now > expires {
            let ended = format_rfc3339_seconds(expires);
            return Err(TlsError::unusable(
                cert,
                format!("the certificate expired at {ended}: create a new one"),
            ));
        }
        if now < begins {
            let begins = format_rfc3339_seconds(begins);
            let reason =
                format!("the certificate is not valid before {begins}: check the clock of this machine");
            return Err(TlsError::unusable(cert, reason));
        }
        let metadata =
            std::fs::metadata(key).map_err(|error| TlsError::Read { file: key.to_owned(), error })?;
        let mode = metadata.permissions().mode() & 0o777;
        // The owner's group may read it, because system services receive keys in this way.
        if mode & 0o007 != 0 {
            return Err(TlsError::Exposed { file: key.to_owned(), mode });
        }
        let parsed = PrivateKeyDer::from_pem_file(key);
        let key = parsed.map_err(|error| TlsError::item(key, "private key", error))?;
        Ok(Identity { chain, key, expires, names, file: cert.to_owned() })
    }

    /// Checks that the certificate contains the name `node`.
    pub(super) fn check_name(&self, node: &str) -> Result<(), TlsError> {
        if self.names.iter().any(|name| name == node) {
            return Ok(());
        }
        let names = if self.names.is_empty() { "no name".to_owned() } else { self.names.join(", ") };
        Err(TlsError::unusable(&self.file, format!("the certificate is for {names}, not for {node}")))
    }

    /// Returns the configuration of a server that accepts the clients that `clients` accepts.
    pub(super) fn accepting(&self, clients: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, TlsError> {
        let mut config = tls_1_3(ServerConfig::builder_with_provider(provider()))
            .with_client_cert_verifier(clients)
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| self.unusable(error))?;
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Returns the error that the certificate cannot be used for this reason.
    pub(super) fn unusable(&self, reason: rustls::Error) -> TlsError {
        let reason = match reason {
            rustls::Error::InconsistentKeys(_) => "its private key does not match".to_owned(),
            reason => reason.to_string(),
        };
        TlsError::unusable(&self.file, reason)
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Restricts a configuration to TLS 1.3.
pub(super) fn tls_1_3<Side: ConfigSide>(
    builder: ConfigBuilder<Side, WantsVersions>,
) -> ConfigBuilder<Side, WantsVerifier> {
    let chosen = builder.with_protocol_versions(&[&rustls::version::TLS13]);
    chosen.expect("ring has the ciphers of TLS 1.3")
}
