//! Connections. Only this module names socket types, so the same shell runs on the system's sockets
//! (`real`) and, with the feature `turmoil`, on those of a simulated network (`simulated`).

mod address;
mod plain_http;
#[cfg(not(feature = "turmoil"))]
mod real;
mod reason;
#[cfg(feature = "turmoil")]
mod simulated;

#[cfg(not(feature = "turmoil"))]
use real as sockets;
#[cfg(feature = "turmoil")]
use simulated as sockets;

pub use address::Address;
pub use plain_http::plain_http_client;
pub use reason::{LOST, reason};
pub use sockets::{Listener, MovedStream, Tcp, is_this_machine, listen, serve_http};

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tokio_util::io::poll_read_buf;

/// Bounds of what the kernel holds for one connection.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Bytes to be sent, as the socket option `SO_SNDBUF` counts them.
    pub send: u32,
    /// Bytes received and not yet read, as `SO_RCVBUF` counts them.
    pub receive: u32,
    /// How long sent bytes may stay unacknowledged before the connection fails.
    pub stall: Duration,
}

/// A connection, encrypted or not.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Plain(Tcp),
    /// TLS.
    Tls(Box<TlsStream<Tcp>>),
}

/// Connects to `address`.
///
/// # Errors
/// Fails if nothing listens at the address, or if it cannot be reached.
pub async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    let stream = sockets::connect(address).await?;
    prepare(&stream)?;
    Ok(stream)
}

/// Returns the IP addresses of an address, at least one: itself, or those that DNS has for its
/// name.
///
/// # Errors
/// Fails if the name has no address, or if the resolver fails.
pub async fn lookup(address: &Address) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = match address {
        Address::Ip(address) => return Ok(vec![*address]),
        Address::Name { host, port } => (host, *port),
    };
    let found = sockets::lookup(host, port).await?;
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found)
}

/// Prepares an accepted connection: small writes are sent without delay.
///
/// # Errors
/// Fails if the connection is lost.
pub fn prepare(stream: &Tcp) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// Performs the TLS handshake on a connection that this node opened.
///
/// # Errors
/// Fails if one side rejects the other; [`reason`] turns the error into words.
pub async fn secure_dialled(stream: Tcp, config: Arc<ClientConfig>) -> io::Result<Stream> {
    // Certificates name nodes instead of hosts, and TLS never sends an IP address as the server's
    // name.
    let any_name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    secure_with(stream, config, any_name).await
}

/// Performs the TLS handshake with a server that must show a certificate for `name`.
///
/// # Errors
/// Fails if one side rejects the other; [`reason`] turns the error into words.
pub async fn secure_with(
    stream: Tcp,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<Stream> {
    let secured = TlsConnector::from(config).connect(name, stream).await?;
    Ok(Stream::Tls(Box::new(secured.into())))
}

/// Performs the TLS handshake on a connection that this node accepted.
///
/// # Errors
/// Fails if one side rejects the other. The error comes with the connection, so that it can be
/// closed gracefully: the other side has yet to read the reason.
pub async fn secure_accepted(stream: Tcp, config: Arc<ServerConfig>) -> Result<Stream, (io::Error, Stream)> {
    let accepted = TlsAcceptor::from(config).accept(stream).into_fallible().await;
    let secured = accepted.map_err(|(error, stream)| (error, Stream::Plain(stream)))?;
    Ok(Stream::Tls(Box::new(secured.into())))
}

impl Stream {
    /// Returns the address of the other side.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }

    /// Sets how many received bytes the kernel may hold, as `SO_RCVBUF` counts them.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub fn set_receive_buffer_size(&self, bytes: u32) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.set_receive_buffer_size(bytes),
            Stream::Tls(stream) => stream.get_ref().0.set_receive_buffer_size(bytes),
        }
    }

    /// Returns the certificates that the other side presented, if any: its own first, then
    /// intermediate ones.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        match self {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// What one [`exchange`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// The number of bytes read; 0 at the end of the stream. `None` if nothing was read.
    pub read: Option<usize>,
    /// The number of bytes written from the start of `output`; `None` if nothing was written.
    pub written: Option<usize>,
}

/// Reads into `input`, if given, and writes from `output`, if not empty, until at least one of them
/// makes progress. Both are tried each time, so neither a busy reader nor a busy writer starves the
/// other direction. The future can be dropped without losing data. It never completes if there is
/// nothing to do.
///
/// What has arrived is read also if nothing can be written any more: the other side may have died
/// after it has sent the last copy of something.
///
/// # Errors
/// Fails if the connection did, and nothing is left to read.
pub async fn exchange(
    stream: &mut Stream,
    mut input: Option<&mut Vec<u8>>,
    output: &[u8],
) -> io::Result<Exchanged> {
    poll_fn(|context| {
        let (written, failure) = match poll_send(stream, context, output) {
            Ok(written) => (written, None),
            Err(error) => (None, Some(error)),
        };
        let input = input.as_deref_mut();
        match (input.map(|input| poll_read_buf(Pin::new(&mut *stream), context, input)), failure) {
            (Some(Poll::Ready(Ok(0) | Err(_))) | None, Some(failure)) => Poll::Ready(Err(failure)),
            // The end of a connection that failed can be read soon, after what has arrived.
            (Some(Poll::Pending), Some(_)) => Poll::Pending,
            (Some(Poll::Ready(read)), _) => Poll::Ready(Ok(Exchanged { read: Some(read?), written })),
            (Some(Poll::Pending) | None, None) if written.is_none() => Poll::Pending,
            (Some(Poll::Pending) | None, None) => Poll::Ready(Ok(Exchanged { read: None, written })),
        }
    })
    .await
}

/// Writes from the start of `output`, if it is not empty. Returns the number of bytes written, if
/// there was room.
fn poll_send(stream: &mut Stream, context: &mut Context<'_>, output: &[u8]) -> io::Result<Option<usize>> {
    let mut written = None;
    if !output.is_empty()
        && let Poll::Ready(done) = Pin::new(&mut *stream).poll_write(context, output)
    {
        written = Some(done?);
    }
    // Encrypted bytes that did not fit into the kernel's buffer are sent when there is room. That
    // is no progress that the caller has to know of.
    match Pin::new(stream).poll_flush(context) {
        Poll::Ready(Err(error)) => Err(error),
        _ => Ok(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "turmoil"))]
    #[tokio::test]
    async fn what_arrived_before_a_reset_is_read_although_nothing_can_be_written() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = Stream::Plain(connect(listener.local_addr().unwrap()).await.unwrap());
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(exchange(&mut stream, None, b"unread").await.unwrap().written, Some(6));
        let said = vec![b'x'; 50_000];
        std::io::Write::write_all(&mut peer, &said).unwrap();
        // A connection that is closed with unread bytes is reset. The first bytes that follow may
        // still find room.
        drop(peer);
        while exchange(&mut stream, None, b"more").await.is_ok() {}
        let mut heard = Vec::with_capacity(1000);
        while exchange(&mut stream, Some(&mut heard), b"more").await.is_ok() {
            heard.reserve(1000);
        }
        assert_eq!(heard.len(), said.len());
    }
}
