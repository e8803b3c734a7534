//! Google's legacy Nearby Search: a GET with the key in its query, answered in the very format that a WHATSAT
//! is answered in.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use super::{Key, PlacesError, Unusable, cut};
use crate::node::{Limits, PlacesQuery};

/// Where Google answers.
const GOOGLE: &str = "https://maps.googleapis.com";

/// Below the base URL.
const PATH: &str = "/maps/api/place/nearbysearch/json";

/// The legacy service at some base URL, with the key to ask it with.
#[derive(Debug)]
pub struct GoogleLegacy {
    url: Url,
    key: Key,
    connect: Duration,
    body_bytes: usize,
    depth: usize,
    /// Built when first needed, so that a node that is never asked starts without loading certificates.
    client: OnceLock<Client>,
}

impl GoogleLegacy {
    /// Asks at `base` (Google itself when `None`) with `key`, within `limits`.
    ///
    /// # Errors
    /// `base` is no http or https URL.
    pub fn new(base: Option<&str>, key: Key, limits: &Limits) -> Result<GoogleLegacy, String> {
        let base = base.unwrap_or(GOOGLE);
        let wrong = || format!("`{base}` is no base URL like \"{GOOGLE}\"");
        let url = Url::parse(&format!("{}{PATH}", base.trim_end_matches('/'))).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        Ok(GoogleLegacy {
            url,
            key,
            connect: limits.places_connect,
            body_bytes: limits.places_body_bytes,
            depth: limits.places_depth,
            client: OnceLock::new(),
        })
    }

    /// Asks, and cuts the answer to the query's bound.
    ///
    /// # Errors
    /// Says what failed, without the URL, which holds the key.
    pub async fn ask(&self, query: &PlacesQuery) -> Result<Vec<u8>, PlacesError> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("location", &query.location)
            .append_pair("radius", &query.metres)
            .append_pair("key", self.key.reveal());
        let response = self.client()?.get(url).send().await.map_err(transport)?;
        if response.status() != 200 {
            return Err(PlacesError::Status(response.status().as_u16()));
        }
        let body = self.read(response).await?;
        Ok(cut(&body, query.bound, self.depth)?)
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, PlacesError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
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
        let built =
            build_client(self.connect).ok_or(PlacesError::Transport("no TLS client could be set up"))?;
        Ok(self.client.get_or_init(|| built))
    }
}

/// A client with certificates of its own, so that it works on a machine that has none.
fn build_client(connect: Duration) -> Option<Client> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls).connect_timeout(connect);
    client.redirect(Policy::none()).no_proxy().build().ok()
}

/// What failed, in words that hold nothing of the request.
fn transport(error: reqwest::Error) -> PlacesError {
    PlacesError::Transport(match error {
        error if error.is_timeout() => "connecting took too long",
        error if error.is_connect() => "no connection",
        error if error.is_body() || error.is_decode() => "the connection broke within the answer",
        _ => "the connection broke before an answer came",
    })
}
