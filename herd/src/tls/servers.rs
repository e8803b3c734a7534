//! How a client verifies the nodes that it talks to.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::identity::{TlsError, provider, tls_1_3};
use super::peer::read_certificates;

/// Returns the TLS configuration of a client that trusts the authorities in a file or, without one,
/// those that this machine trusts. A server's certificate must be for its host.
///
/// # Errors
/// Fails if the file cannot be read or used, or if the machine trusts no authority.
pub fn trusting(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            for certificate in read_certificates(file)? {
                roots.add(certificate).map_err(|error| TlsError::unusable(file, error))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                return Err(TlsError::NoRoots);
            }
        }
    }
    let config = tls_1_3(ClientConfig::builder_with_provider(provider()));
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
