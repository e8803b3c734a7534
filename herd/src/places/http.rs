//! One HTTP request, bounded in every way, with nothing of it in its errors.

use std::error::Error;
use std::io;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

use super::{PlacesError, Unusable};
use crate::node::Limits;

/// Sends requests to a Places service.
#[derive(Debug)]
pub(super) struct Http {
    limits: Limits,
    /// Whether requests go over TLS: only then root certificates are needed.
    is_encrypted: bool,
    /// Built when first needed, so that a node that is never asked starts without loading certificates.
    clients: OnceCell<Clients>,
}

/// Which connections a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// One that is open already, if there is one. The service, or something between, may have closed it.
    Pooled,
    /// One that is made for this request, and closed after it.
    Fresh,
}

#[derive(Debug)]
struct Clients {
    pooled: Client,
    fresh: Client,
}

impl Http {
    /// Sends requests to the service at `url`.
    pub(super) fn new(url: &Url, limits: &Limits) -> Http {
        let is_encrypted = url.scheme() == "https";
        Http { limits: limits.clone(), is_encrypted, clients: OnceCell::new() }
    }

    /// Sends the request that `build` makes; returns as soon as the HTTP status is known.
    ///
    /// # Errors
    /// The service cannot be reached or trusted, or the connection breaks.
    pub(super) async fn send(
        &self,
        connection: Connection,
        build: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Response, PlacesError> {
        let clients = self.clients.get_or_try_init(|| self.build()).await?;
        let client = match connection {
            Connection::Pooled => &clients.pooled,
            Connection::Fresh => &clients.fresh,
        };
        build(client).send().await.map_err(|error| unanswered(&error))
    }

    /// Reads a body, decompressed. It is bounded after that: a small one can be made to grow without end.
    ///
    /// # Errors
    /// The connection breaks, or the body is too long.
    pub(super) async fn body(&self, mut response: Response) -> Result<Vec<u8>, PlacesError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > self.limits.places_body_bytes {
                return Err(Unusable::TooLong(self.limits.places_body_bytes).into());
            }
        }
        Ok(body)
    }

    async fn build(&self) -> Result<Clients, PlacesError> {
        let roots = match self.is_encrypted {
            // Reads files, and a slow disk must delay nobody else.
            true => tokio::task::spawn_blocking(roots).await.map_err(|_| PlacesError::Stopping)?,
            false => RootCertStore::empty(),
        };
        Clients::new(&self.limits, roots).ok_or(PlacesError::Transport("no TLS client could be set up"))
    }
}

impl Clients {
    fn new(limits: &Limits, roots: RootCertStore) -> Option<Clients> {
        let tls = tls(roots)?;
        let pooled = client(limits, tls.clone()).pool_idle_timeout(limits.places_idle).build().ok()?;
        let fresh = client(limits, tls).pool_max_idle_per_host(0).build().ok()?;
        Some(Clients { pooled, fresh })
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

/// Whom to trust: the system's authorities, or those that SSL_CERT_FILE and SSL_CERT_DIR name; where there are none, the
/// bundled ones.
fn roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    if let Some(error) = found.errors.first() {
        tracing::warn!(%error, "cannot read some of the root certificates of this machine");
    }
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        tracing::warn!("no root certificates on this machine: using the bundled ones for the places service");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn tls(roots: RootCertStore) -> Option<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(tls.with_root_certificates(roots).with_no_client_auth())
}

fn client(limits: &Limits, tls: ClientConfig) -> ClientBuilder {
    let client = Client::builder().tls_backend_preconfigured(tls).connect_timeout(limits.places_connect);
    // A connection that a NAT has forgotten fails in time for a retry.
    #[cfg(target_os = "linux")]
    let client = client.tcp_user_timeout(limits.places_connect);
    // Retries are decided in one place, and it is not the client.
    client.redirect(Policy::none()).retry(reqwest::retry::never()).no_proxy()
}

/// Why no answer has begun, in words that hold nothing of the request.
fn unanswered(error: &reqwest::Error) -> PlacesError {
    match certificate_error(error) {
        Some(reason) => PlacesError::Untrusted(distrust(reason)),
        None if error.is_connect() && error.is_timeout() => PlacesError::Connect("connecting took too long"),
        None if error.is_connect() => PlacesError::Connect("no connection"),
        None => PlacesError::Dropped,
    }
}

/// Why an answer has not been read to its end.
fn broken(error: &reqwest::Error) -> PlacesError {
    PlacesError::Transport(if error.is_decode() {
        "the connection broke within the answer, or it cannot be read"
    } else {
        "the connection broke within the answer"
    })
}

/// What is wrong with the service's certificate, if that is why `error` happened.
fn certificate_error(error: &reqwest::Error) -> Option<&CertificateError> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(mut error) = cause {
        // An I/O error that wraps another one has the causes of that one, and is not a cause itself.
        while let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            error = wrapped;
        }
        if let Some(rustls::Error::InvalidCertificate(reason)) = error.downcast_ref() {
            return Some(reason);
        }
        cause = error.source();
    }
    None
}

fn distrust(reason: &CertificateError) -> &'static str {
    use CertificateError as Reason;
    match reason {
        Reason::UnknownIssuer | Reason::BadSignature => {
            "no authority that this machine trusts has signed it; behind a proxy that inspects TLS, name the proxy's authority in SSL_CERT_FILE"
        }
        Reason::Expired | Reason::ExpiredContext { .. } => "it has expired, or this machine's clock is ahead",
        Reason::NotValidYet | Reason::NotValidYetContext { .. } => {
            "it is not valid yet, or this machine's clock is behind"
        }
        Reason::NotValidForName | Reason::NotValidForNameContext { .. } => "it is for another host",
        _ => "it is not valid",
    }
}
