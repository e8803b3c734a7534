//! Encryption and identity: mutual TLS 1.3 on links, with certificates of the herd's own authority,
//! and TLS 1.3 for clients if configured.
//!
//! A link needs a certificate that the authority has signed and that contains the name of a
//! neighbour; the hello must contain the same name. The signature is checked here, in the
//! handshake. The link checks the names.

mod authority;
mod hosts;
mod identity;
mod peer;
mod servers;

pub use authority::{Authority, CertsError, NODE_DAYS};
pub use hosts::{Hosts, check_dns_name};
pub use identity::{Identity, TlsError};
pub use peer::{Certificate, read_certificates, rejection};
pub use servers::trusting;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::node::Side;
use peer::OfTheAuthority;

/// The time before the expiry of a certificate at which warnings begin.
pub const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The files of the certificates for a node's links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFiles {
    /// The certificates of the authorities that are trusted.
    pub ca: PathBuf,
    /// The node's certificate, followed by intermediate ones.
    pub cert: PathBuf,
    /// The private key of the node's certificate.
    pub key: PathBuf,
}

/// The files of the certificate that a node presents to its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, followed by intermediate ones.
    pub cert: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
}

/// The TLS configuration of links.
#[derive(Clone, Debug)]
pub struct LinkTls {
    /// The configuration for connections that this node opens.
    pub dialling: Arc<ClientConfig>,
    /// The configuration for connections that this node accepts.
    pub accepting: Arc<ServerConfig>,
    /// When the node's certificate expires.
    pub expires: SystemTime,
    /// The verifiers of certificates, for nodes that were dialled and for nodes that dial.
    dialled: Arc<OfTheAuthority>,
    accepted: Arc<dyn ClientCertVerifier>,
}

/// The TLS configuration for clients.
#[derive(Clone, Debug)]
pub struct ClientTls {
    pub(crate) accepting: Arc<ServerConfig>,
    /// When the node's certificate expires.
    pub expires: SystemTime,
}

impl LinkTls {
    /// Reads the certificates and the key of the node `name`.
    ///
    /// # Errors
    /// Fails if a file cannot be read or used, or does not match the others. Also fails if other
    /// nodes would reject the certificate: it is not valid now, is not for `name`, or is not signed
    /// by one of the authorities.
    pub fn read(files: &LinkFiles, name: &str) -> Result<LinkTls, TlsError> {
        let identity = Identity::read(&files.cert, &files.key)?;
        identity.check_name(name)?;
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(&files.ca)? {
            roots.add(certificate).map_err(|error| TlsError::unusable(&files.ca, error))?;
        }
        let roots = Arc::new(roots);
        let provider = identity::provider();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let accepted = clients.build().map_err(|error| TlsError::unusable(&files.ca, error))?;
        let accepting = identity.accepting(Arc::clone(&accepted))?;
        let dialled = Arc::new(OfTheAuthority::new(roots, Arc::clone(&provider)));
        let mut dialling = identity::tls_1_3(ClientConfig::builder_with_provider(provider))
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&dialled) as Arc<dyn ServerCertVerifier>)
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|error| identity.unusable(error))?;
        // Each link must present its certificate again, so that an expired one is noticed.
        dialling.resumption = Resumption::disabled();
        let tls = LinkTls {
            dialling: Arc::new(dialling),
            accepting: Arc::new(accepting),
            expires: identity.expires,
            dialled,
            accepted,
        };
        for side in [Side::Dialled, Side::Accepted] {
            tls.verify(&identity.chain, side).map_err(|reason| {
                let reason = format!("{reason} (the authorities are those in {})", files.ca.display());
                TlsError::unusable(&files.cert, reason)
            })?;
        }
        Ok(tls)
    }

    /// Verifies the certificates that the other side of a link presented, its own one first, as the
    /// handshake does.
    ///
    /// # Errors
    /// Returns in plain words why they are rejected.
    pub fn verify(&self, chain: &[CertificateDer<'_>], side: Side) -> Result<(), String> {
        let Some((own, between)) = chain.split_first() else {
            return Err("it shows no certificate".to_owned());
        };
        let now = UnixTime::now();
        let verified = match side {
            Side::Dialled => {
                let any_name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
                self.dialled.verify_server_cert(own, between, &any_name, &[], now).map(drop)
            }
            Side::Accepted => self.accepted.verify_client_cert(own, between, now).map(drop),
        };
        verified.map_err(|error| rejection(&error).map_or_else(|| error.to_string(), str::to_owned))
    }
}

impl ClientTls {
    /// Reads the certificate and the key for clients.
    ///
    /// # Errors
    /// Fails if a file cannot be read or used, if they do not match, or if the certificate is not
    /// valid now.
    pub fn read(files: &ClientFiles) -> Result<ClientTls, TlsError> {
        let identity = Identity::read(&files.cert, &files.key)?;
        let accepting = identity.accepting(Arc::new(rustls::server::NoClientAuth))?;
        Ok(ClientTls { accepting: Arc::new(accepting), expires: identity.expires })
    }
}

/// The encryption of a node's connections.
#[derive(Debug, Default)]
pub struct Encryption {
    /// The configuration of links; `None` for plain TCP, which is allowed on loopback only.
    pub links: Option<Reloadable<LinkTls>>,
    /// The configuration for clients; `None` for plain TCP.
    pub clients: Option<Reloadable<ClientTls>>,
}

impl Encryption {
    /// Returns who each of the node's certificates is for, and when it expires.
    pub fn expiries(&self) -> impl Iterator<Item = (&'static str, SystemTime)> {
        let links = self.links.iter().map(|tls| ("links", tls.get().expires));
        links.chain(self.clients.iter().map(|tls| ("clients", tls.get().expires)))
    }
}

/// A value that is read from files, and can be reloaded when they have changed.
pub struct Reloadable<T> {
    current: watch::Sender<Arc<T>>,
    read: Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>,
}

impl<T> Reloadable<T> {
    /// Reads the value for the first time.
    ///
    /// # Errors
    /// Fails if `read` does.
    pub fn new(
        read: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Reloadable<T>, TlsError> {
        Ok(Reloadable { current: watch::Sender::new(Arc::new(read()?)), read: Box::new(read) })
    }

    /// Returns the value that was read last.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.borrow())
    }

    /// Returns a receiver of the value that was read last, and of those that are read later.
    pub fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.current.subscribe()
    }

    /// Reads the value again.
    ///
    /// # Errors
    /// Fails if reading does; the value that was read last stays in use then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new((self.read)()?);
        self.current.send_replace(fresh);
        Ok(())
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Reloadable<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reloadable").field(&self.get()).finish()
    }
}
