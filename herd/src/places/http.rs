//! HTTP requests with limits on time and size. Errors contain nothing of the request.

use std::error::Error;
use std::io;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

use super::{PlacesError, Unusable};
use crate::node::Limits;

/// An HTTP client of a Places service.
#[derive(Debug)]
pub(super) struct Http {
    limits: Limits,
    /// Whether requests use TLS, and so need root certificates.
    is_encrypted: bool,
    /// Built on first use, so that a node that never sends a request does not load certificates.
    clients: OnceCell<Clients>,
}

/// The connections that a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// An idle connection, if there is one. The other side may have closed it already.
    Pooled,
    /// A new connection, which is closed after the request.
    Fresh,
}

#[derive(Debug)]
struct Clients {
    pooled: Client,
    fresh: Client,
}

impl Http {
    /// A client of the service at `url`.
    pub(super) fn new(url: &Url, limits: &Limits) -> Http {
        let is_encrypted = url.scheme() == "https";
        Http { limits: limits.clone(), is_encrypted, clients: OnceCell::new() }
    }

    /// Sends the request that `build` makes, and returns once the HTTP status has arrived.
    ///
    /// # Errors
    /// The service cannot be reached or is not trusted, or the connection is lost.
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

    /// Reads and decompresses a body. The limit applies after decompression, since a small body can
    /// decompress to an arbitrary size.
    ///
    /// # Errors
    /// The connection is lost, or the body is too long.
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
            // In a thread, since it reads files and the disk may be slow.
            true => {
                tokio::task::spawn_blocking(root_certificates).await.map_err(|_| PlacesError::Stopping)?
            }
            false => RootCertStore::empty(),
        };
        Clients::new(&self.limits, roots).ok_or(PlacesError::Transport("cannot set up a TLS client"))
    }
}

impl Clients {
    fn new(limits: &Limits, roots: RootCertStore) -> Option<Clients> {
        let tls = tls_client(roots)?;
        let pooled = client(limits, tls.clone()).pool_idle_timeout(limits.places_idle).build().ok()?;
        let fresh = client(limits, tls).pool_max_idle_per_host(0).build().ok()?;
        Some(Clients { pooled, fresh })
    }
}

/// Joins the base and path of a service's URL.
///
/// # Errors
/// `base` is not an http or https URL. `example` is one for the message.
pub(super) fn service_url(base: &str, path: &str, example: &str) -> Result<Url, String> {
    let url = Url::parse(&format!("{}{path}", base.trim_end_matches('/'))).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| format!("`{base}` is not an http or https URL such as {example}"))
}

/// The trusted root certificates: the system's, or those in SSL_CERT_FILE and SSL_CERT_DIR; the
/// bundled ones if there are none.
pub(crate) fn root_certificates() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    if let Some(error) = found.errors.first() {
        tracing::warn!(%error, "cannot read some root certificates of this machine");
    }
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        tracing::warn!(
            "no root certificates on this machine; the places service is checked with the bundled ones"
        );
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The settings of TLS for requests to servers that these authorities trust; `None` if there are no
/// common versions of TLS.
pub(crate) fn tls_client(roots: RootCertStore) -> Option<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(tls.with_root_certificates(roots).with_no_client_auth())
}

fn client(limits: &Limits, tls: ClientConfig) -> ClientBuilder {
    let client = Client::builder().tls_backend_preconfigured(tls).connect_timeout(limits.places_connect);
    // A connection that a NAT has dropped fails early enough for a retry.
    #[cfg(target_os = "linux")]
    let client = client.tcp_user_timeout(limits.places_connect);
    // Retries are decided in `upstream`, not by the client.
    client.redirect(Policy::none()).retry(reqwest::retry::never()).no_proxy()
}

/// The reason why no answer has begun, without any part of the request.
fn unanswered(error: &reqwest::Error) -> PlacesError {
    match certificate_error(error) {
        Some(reason) => PlacesError::Untrusted(distrust(reason)),
        None if error.is_connect() && error.is_timeout() => PlacesError::Connect("the connection timed out"),
        None if error.is_connect() => PlacesError::Connect("the connection failed"),
        None => PlacesError::Dropped,
    }
}

/// The reason why an answer has not been read to its end.
fn broken(error: &reqwest::Error) -> PlacesError {
    PlacesError::Transport(if error.is_decode() {
        "the connection was lost within the answer, or the answer cannot be decoded"
    } else {
        "the connection was lost within the answer"
    })
}

/// The problem with the service's certificate, if it caused `error`.
fn certificate_error(error: &reqwest::Error) -> Option<&CertificateError> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(mut error) = cause {
        // An I/O error that wraps another error returns that error's causes, and not the error
        // itself.
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
            "it is not signed by an authority that this machine trusts; behind a proxy that inspects TLS, name the proxy's authority in SSL_CERT_FILE"
        }
        Reason::Expired | Reason::ExpiredContext { .. } => "it has expired, or this machine's clock is ahead",
        Reason::NotValidYet | Reason::NotValidYetContext { .. } => {
            "it is not valid yet, or this machine's clock is behind"
        }
        Reason::NotValidForName | Reason::NotValidForNameContext { .. } => "it is for another host",
        _ => "it is not valid",
    }
}
