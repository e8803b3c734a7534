//! A certificate and its key, as files hold them.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ConfigBuilder, ConfigSide, ServerConfig, WantsVerifier, WantsVersions};

use super::peer::{Certificate, read_certificates};

/// Who a node is.
#[derive(Debug)]
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// When the certificate ends.
    pub(super) expires: SystemTime,
    file: PathBuf,
}

/// Why certificates cannot be used. No message holds a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {expected} in PEM, the format of `herd certs`", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What was expected.
        expected: &'static str,
    },
    /// Others can read the key.
    #[error("others can read the key {} (mode {mode:o}): chmod 600 it", file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What a file holds cannot be used.
    #[error("cannot use {}: {reason}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Certificates cannot be made.
    #[error(transparent)]
    Certs(#[from] super::CertsError),
}

impl TlsError {
    pub(super) fn unusable(file: &Path, reason: impl ToString) -> TlsError {
        TlsError::Unusable { file: file.to_owned(), reason: reason.to_string() }
    }

    /// Of an item of a file that could not be had.
    pub(super) fn item(file: &Path, expected: &'static str, error: pem::Error) -> TlsError {
        let file = file.to_owned();
        match error {
            pem::Error::Io(error) => TlsError::Read { file, error },
            _ => TlsError::Content { file, expected },
        }
    }
}

impl Identity {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// A file cannot be read, holds something else, or others can read the key.
    pub fn read(cert: &Path, key: &Path) -> Result<Identity, TlsError> {
        let chain = read_certificates(cert)?;
        let expires =
            Certificate::parse(&chain[0]).map_err(|reason| TlsError::unusable(cert, reason))?.expires;
        let metadata =
            std::fs::metadata(key).map_err(|error| TlsError::Read { file: key.to_owned(), error })?;
        let mode = metadata.permissions().mode() & 0o777;
        // The owner's group may: that is how system services are given keys.
        if mode & 0o007 != 0 {
            return Err(TlsError::Exposed { file: key.to_owned(), mode });
        }
        let parsed = PrivateKeyDer::from_pem_file(key);
        let key = parsed.map_err(|error| TlsError::item(key, "private key", error))?;
        Ok(Identity { chain, key, expires, file: cert.to_owned() })
    }

    /// For taking connections from those whom `clients` lets in.
    pub(super) fn accepting(&self, clients: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, TlsError> {
        let mut config = tls_1_3(ServerConfig::builder_with_provider(provider()))
            .with_client_cert_verifier(clients)
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| self.unusable(error))?;
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    pub(super) fn unusable(&self, reason: rustls::Error) -> TlsError {
        let reason = match reason {
            rustls::Error::InconsistentKeys(_) => "its key is another one's".to_owned(),
            reason => reason.to_string(),
        };
        TlsError::unusable(&self.file, reason)
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// TLS 1.3 and nothing older.
pub(super) fn tls_1_3<Side: ConfigSide>(
    builder: ConfigBuilder<Side, WantsVersions>,
) -> ConfigBuilder<Side, WantsVerifier> {
    let chosen = builder.with_protocol_versions(&[&rustls::version::TLS13]);
    chosen.expect("ring has the ciphers of TLS 1.3")
}
