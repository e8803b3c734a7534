//! The stream of a load's connection: plain TCP, or TLS.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::{Context, Error, Result};
use herd::tls::read_certificates;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

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
pub(super) struct Connector(Option<(TlsConnector, Option<ServerName<'static>>)>);

impl Connector {
    /// # Errors
    /// The authorities cannot be read, or the name is not one of a server.
    pub(super) fn new(tls: Option<&LoadTls>) -> Result<Connector> {
        let Some(LoadTls { ca, server_name }) = tls else { return Ok(Connector(None)) };
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(ca)? {
            let added = roots.add(certificate);
            added.with_context(|| format!("{} has no certificate of an authority", ca.display()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = server_name.clone().map(|name| {
            ServerName::try_from(name.clone())
                .with_context(|| format!("`{name}` is not the name of a server"))
        });
        Ok(Connector(Some((TlsConnector::from(Arc::new(config)), name.transpose()?))))
    }

    /// Connects to a node.
    ///
    /// # Errors
    /// The node cannot be reached, does not speak TLS, or shows a certificate that is not trusted.
    pub(super) async fn connect(&self, node: SocketAddr) -> Result<LoadStream> {
        let stream = TcpStream::connect(node).await.with_context(|| format!("cannot connect to {node}"))?;
        stream.set_nodelay(true)?;
        let Some((connector, name)) = &self.0 else { return Ok(LoadStream::Plain(stream)) };
        let name = name.clone().unwrap_or_else(|| ServerName::from(node.ip()));
        let connected = timeout(HANDSHAKE_TIMEOUT, connector.connect(name, stream)).await;
        let stream = connected.map_err(Error::from).and_then(|connected| Ok(connected?));
        let stream = stream.with_context(|| format!("cannot speak TLS with {node}"))?;
        Ok(LoadStream::Tls(Box::new(stream)))
    }
}

/// A stream to a node.
pub(super) enum LoadStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for LoadStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            LoadStream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            LoadStream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for LoadStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            LoadStream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            LoadStream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            LoadStream::Plain(stream) => Pin::new(stream).poll_flush(context),
            LoadStream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            LoadStream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            LoadStream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
