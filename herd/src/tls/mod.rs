//! Encryption and identity: TLS 1.3 on links, where both sides show a certificate of the herd's own authority, and for
//! clients that want it.
//!
//! A neighbour is let in when its certificate chains to the authority and names a neighbour of this node; its hello must
//! then say the same name. The first is checked here, in the handshake; the names by the link.

mod authority;
mod identity;
mod peer;

pub use authority::{Authority, CertsError, NODE_DAYS};
pub use identity::{Identity, TlsError};
pub use peer::{Certificate, read_certificates};

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::Resumption;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use peer::OfTheAuthority;

/// A certificate that ends so soon is worth a warning.
pub const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where the certificates of a node's links lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFiles {
    /// The certificates of the authorities that neighbours may come from.
    pub ca: PathBuf,
    /// The node's certificate, and those between it and the authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where the certificate lies that a node shows its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, and those between it and whom clients trust.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How a node meets its neighbours.
#[derive(Clone, Debug)]
pub struct LinkTls {
    /// For connections that this node makes.
    pub dialling: Arc<ClientConfig>,
    /// For those that it accepts.
    pub accepting: Arc<ServerConfig>,
    /// When the node's certificate ends.
    pub expires: SystemTime,
}

/// How a node meets its clients.
#[derive(Clone, Debug)]
pub struct ClientTls {
    pub(crate) accepting: Arc<ServerConfig>,
    /// When the node's certificate ends.
    pub expires: SystemTime,
}

impl LinkTls {
    /// Reads certificates and key of a node.
    ///
    /// # Errors
    /// A file cannot be read or used, or does not fit the others.
    pub fn read(files: &LinkFiles) -> Result<LinkTls, TlsError> {
        let identity = Identity::read(&files.cert, &files.key)?;
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(&files.ca)? {
            roots.add(certificate).map_err(|error| TlsError::unusable(&files.ca, error))?;
        }
        let roots = Arc::new(roots);
        let provider = identity::provider();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let clients = clients.build().map_err(|error| TlsError::unusable(&files.ca, error))?;
        let accepting = identity.accepting(clients)?;
        let mut dialling = identity::tls_1_3(ClientConfig::builder_with_provider(Arc::clone(&provider)))
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OfTheAuthority::new(roots, provider)))
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|error| identity.unusable(error))?;
        // Each link shows its certificate anew, so that one that has ended is noticed.
        dialling.resumption = Resumption::disabled();
        Ok(LinkTls {
            dialling: Arc::new(dialling),
            accepting: Arc::new(accepting),
            expires: identity.expires,
        })
    }
}

impl ClientTls {
    /// Reads the certificate and the key.
    ///
    /// # Errors
    /// A file cannot be read or used, or they do not fit each other.
    pub fn read(files: &ClientFiles) -> Result<ClientTls, TlsError> {
        let identity = Identity::read(&files.cert, &files.key)?;
        let accepting = identity.accepting(Arc::new(rustls::server::NoClientAuth))?;
        Ok(ClientTls { accepting: Arc::new(accepting), expires: identity.expires })
    }
}

/// How the connections of a node are encrypted.
#[derive(Debug, Default)]
pub struct Encryption {
    /// Those with neighbours; `None` for plain TCP, on loopback only.
    pub links: Option<Reloadable<LinkTls>>,
    /// Those with clients; `None` for plain TCP.
    pub clients: Option<Reloadable<ClientTls>>,
}

impl Encryption {
    /// When the node's certificates end: whom each is for, and when.
    pub fn expiries(&self) -> impl Iterator<Item = (&'static str, SystemTime)> {
        let links = self.links.iter().map(|tls| ("links", tls.get().expires));
        links.chain(self.clients.iter().map(|tls| ("clients", tls.get().expires)))
    }
}

/// Something read from files, and read again when they have changed.
pub struct Reloadable<T> {
    current: RwLock<Arc<T>>,
    read: Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>,
}

impl<T> Reloadable<T> {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// As `read`.
    pub fn new(
        read: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Reloadable<T>, TlsError> {
        Ok(Reloadable { current: RwLock::new(Arc::new(read()?)), read: Box::new(read) })
    }

    /// What was read last.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads it again.
    ///
    /// # Errors
    /// As at first; what was read last stays then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new((self.read)()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Reloadable<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reloadable").field(&self.get()).finish()
    }
}
