//! One HTTP request, bounded in every way, with nothing of it in its errors.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};

use super::{PlacesError, Unusable};
use crate::node::Limits;

/// Sends requests to a Places service.
#[derive(Debug)]
pub(super) struct Http {
    connect: Duration,
    body_bytes: usize,
    /// Built when first needed, so that a node that is never asked starts without loading certificates.
    client: OnceLock<Client>,
}

impl Http {
    pub(super) fn new(limits: &Limits) -> Http {
        Http { connect: limits.places_connect, body_bytes: limits.places_body_bytes, client: OnceLock::new() }
    }

    /// Sends the request that `build` makes; returns as soon as the HTTP status is known.
    ///
    /// # Errors
    /// The service cannot be reached, or the connection breaks.
    pub(super) async fn send(
        &self,
        build: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Response, PlacesError> {
        build(self.client()?).send().await.map_err(|error| transport(&error))
    }

    /// Reads a body, decompressed. It is bounded after that: a small one can be made to grow without end.
    ///
    /// # Errors
    /// The connection breaks, or the body is too long.
    pub(super) async fn body(&self, mut response: Response) -> Result<Vec<u8>, PlacesError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > self.body_bytes {
                return Err(Unusable::TooLong(self.body_bytes).into());
            }
        }
        Ok(body)
    }

    fn client(&self) -> Result<&Client, PlacesError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = build(self.connect).ok_or(PlacesError::Transport("no TLS client could be set up"))?;
        Ok(self.client.get_or_init(|| built))
    }
}

/// A service's URL from its base and path.
///
/// # Errors
/// `base` is no http or https URL; `example` is one.
pub(super) fn service_url(base: &str, path: &str, example: &str) -> Result<Url, String> {
    let url = Url::parse(&format!("{}{path}", base.trim_end_matches('/'))).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| format!("`{base}` is no base URL like \"{example}\""))
}

/// A client with certificates of its own, so that it works on a machine that has none.
fn build(connect: Duration) -> Option<Client> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls).connect_timeout(connect);
    // Retries are decided in one place, and it is not the client.
    client.redirect(Policy::none()).retry(reqwest::retry::never()).no_proxy().build().ok()
}

/// What failed, in words that hold nothing of the request.
fn transport(error: &reqwest::Error) -> PlacesError {
    match error {
        error if error.is_connect() && error.is_timeout() => PlacesError::Connect("connecting took too long"),
        error if error.is_connect() => PlacesError::Connect("no connection"),
        error if error.is_decode() => {
            PlacesError::Transport("the connection broke within the answer, or it cannot be read")
        }
        error if error.is_body() => PlacesError::Transport("the connection broke within the answer"),
        _ => PlacesError::Transport("the connection broke before an answer came"),
    }
}
