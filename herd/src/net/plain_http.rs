//! An HTTP client for admin ports, which speak plain HTTP on this machine.

use std::sync::Arc;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

/// Builds an HTTP client that follows no redirects, and ignores the proxies that the environment
/// names. It trusts no certificate, so it speaks plain HTTP only.
///
/// # Errors
/// Fails if the system has no random numbers.
pub fn plain_http_client() -> Result<Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // The library builds no client without TLS.
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.map_err(|error| error.to_string())?;
    let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).no_proxy();
    client.build().map_err(|error| error.to_string())
}
