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
pub use peer::{Certificate, read_certificates, rejection};

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
    /// What decides who is let in, of those dialled and of those who dial.
    dialled: Arc<OfTheAuthority>,
    accepted: Arc<dyn ClientCertVerifier>,
}

/// How a node meets its clients.
#[derive(Clone, Debug)]
pub struct ClientTls {
    pub(crate) accepting: Arc<ServerConfig>,
    /// When the node's certificate ends.
    pub expires: SystemTime,
}

impl LinkTls {
    /// Reads certificates and key of the node `name`.
    ///
    /// # Errors
    /// A file cannot be read or used, or does not fit the others; or the certificate is not valid now, not for `name`, or not
    /// signed by one of the authorities: then no neighbour would accept it.
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
        // Each link shows its certificate anew, so that one that has ended is noticed.
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

    /// Checks the certificates that the other side of a link has shown, its own one first, as the handshake does.
    ///
    /// # Errors
    /// Why they are not accepted.
    pub fn verify(&self, chain: &[CertificateDer<'_>], side: Side) -> Result<(), String> {
        let Some((own, between)) = chain.split_first() else {
            return Err("it shows no certificate".to_owned());
        };
        let now = UnixTime::now();
        let verified = match side {
            Side::Dialled => {
                let anybody = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
                self.dialled.verify_server_cert(own, between, &anybody, &[], now).map(drop)
            }
            Side::Accepted => self.accepted.verify_client_cert(own, between, now).map(drop),
        };
        verified.map_err(|error| rejection(&error).map_or_else(|| error.to_string(), str::to_owned))
    }
}

impl ClientTls {
    /// Reads the certificate and the key.
    ///
    /// # Errors
    /// A file cannot be read or used, they do not fit each other, or the certificate is not valid now.
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
    current: watch::Sender<Arc<T>>,
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
        Ok(Reloadable { current: watch::Sender::new(Arc::new(read()?)), read: Box::new(read) })
    }

    /// What was read last.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.borrow())
    }

    /// What was read last, and whatever is read later.
    pub fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.current.subscribe()
    }

    /// Reads it again.
    ///
    /// # Errors
    /// As at first; what was read last stays then.
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
