//! A node to talk to, and the connection with it.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::time::timeout;

use crate::net::{self, Address, Stream};

/// A node to talk to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The node's name, if it is known.
    pub name: Option<String>,
    /// Where it serves clients.
    pub address: Address,
    /// How to encrypt the connection; `None` for plain TCP.
    pub tls: Option<Tls>,
}

/// How to encrypt the connection with a node.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Which authorities are trusted.
    pub config: Arc<ClientConfig>,
    /// The name that the node's certificate must have; `None` if it is the host of its address.
    pub name: Option<ServerName<'static>>,
}

/// Why there is no connection with a node. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {target}: {reason}")]
pub struct DialError {
    target: String,
    reason: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} at {}", self.address),
            None => self.address.fmt(f),
        }
    }
}

impl Target {
    /// Connects to the node within `patience`, the TLS handshake included.
    ///
    /// # Errors
    /// The address cannot be found or reached, or the node's certificate is rejected.
    pub async fn dial(&self, patience: Duration) -> Result<Stream, DialError> {
        let failed = |reason| DialError { target: self.to_string(), reason };
        match timeout(patience, self.connect()).await {
            Ok(stream) => stream.map_err(failed),
            Err(_) => Err(failed(format!(
                "no answer within {}: check the address, and firewalls on the way",
                humantime::format_duration(patience)
            ))),
        }
    }

    async fn connect(&self) -> Result<Stream, String> {
        let found = net::lookup(&self.address).await;
        let found = found.map_err(|error| format!("{}: check the name", net::reason(&error)))?;
        let mut failure = Error::from(ErrorKind::NotFound);
        for address in found {
            match net::connect(address).await {
                Ok(stream) => {
                    let Some(tls) = &self.tls else { return Ok(Stream::Plain(stream)) };
                    let name = tls.name.clone().map_or_else(|| self.host(), Ok)?;
                    let secured = net::secure_with(stream, Arc::clone(&tls.config), name).await;
                    return secured.map_err(|error| unsecured(&error));
                }
                Err(error) => failure = error,
            }
        }
        Err(match failure.kind() {
            ErrorKind::ConnectionRefused => {
                "connection refused: start the node, or check the address that its herd file or its first line of output names".to_owned()
            }
            _ => format!("{}: check the address, and firewalls on the way", net::reason(&failure)),
        })
    }

    /// The name that the certificate of the address's host has.
    fn host(&self) -> Result<ServerName<'static>, String> {
        match &self.address {
            Address::Ip(address) => Ok(ServerName::from(address.ip())),
            Address::Name { host, .. } => server_name(host),
        }
    }
}

/// Parses a name that a certificate may have.
///
/// # Errors
/// It is neither a DNS name nor an IP address.
pub fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| format!("`{text}` cannot be the name of a server: expected a DNS name or an IP address"))
}

/// Returns whether an answer is a TLS alert: a node that serves clients over TLS answers plain text
/// with one.
pub fn is_tls_alert(answer: &[u8]) -> bool {
    // The type of the record, and the first byte of its version.
    matches!(answer, [0x15] | [0x15, 3, ..])
}

/// Why a handshake failed, and what to do.
fn unsecured(error: &Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => "its certificate is not signed by a trusted authority: name the authority with --ca".to_owned(),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "its certificate is for another host: name that with --server-name".to_owned(),
        Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS: leave out --tls".to_owned(),
        _ if net::reason(error) == net::LOST => {
            "the connection was lost during the handshake: the node may have as many clients as it may (client_connections); its log says so".to_owned()
        }
        _ => net::reason(error),
    }
}
