//! Opens the streams of a load: plain TCP, or TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use herd::net::{self, Stream};
use herd::say::server_name;
use herd::tls::trusting;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// The timeout of a TLS handshake: a paused node accepts connections, and says nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a load speaks TLS with nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadTls {
    /// The certificates of authorities to trust, in PEM.
    pub ca: PathBuf,
    /// The name that the nodes' certificates must be for; `None` for each node's IP address.
    pub server_name: Option<String>,
}

/// Opens the streams of a load.
pub(super) struct Connector(Option<(Arc<ClientConfig>, Option<ServerName<'static>>)>);

impl Connector {
    /// # Errors
    /// The authorities cannot be read, or the name is not one of a server.
    pub(super) fn new(tls: Option<&LoadTls>) -> Result<Connector> {
        let Some(LoadTls { ca, server_name: name }) = tls else { return Ok(Connector(None)) };
        let name = name.as_deref().map(server_name).transpose().map_err(Error::msg)?;
        Ok(Connector(Some((trusting(Some(ca))?, name))))
    }

    /// Connects to a node.
    ///
    /// # Errors
    /// The node cannot be reached, does not speak TLS, or shows a certificate that is not trusted.
    pub(super) async fn connect(&self, node: SocketAddr) -> Result<Stream> {
        let stream = net::connect(node).await.with_context(|| format!("cannot connect to {node}"))?;
        let Some((config, name)) = &self.0 else { return Ok(Stream::Plain(stream)) };
        let name = name.clone().unwrap_or_else(|| ServerName::from(node.ip()));
        let secured = timeout(HANDSHAKE_TIMEOUT, net::secure_with(stream, Arc::clone(config), name)).await;
        let secured = secured.map_err(Error::from).and_then(|secured| Ok(secured?));
        secured.with_context(|| format!("cannot speak TLS with {node}"))
    }
}
