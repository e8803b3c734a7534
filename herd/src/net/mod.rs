//! Connections. Only this module names socket types, so the same shell runs on those of the system (`real`) and, with the
//! feature `turmoil`, on those of a simulator (`simulated`).

mod address;
#[cfg(not(feature = "turmoil"))]
mod real;
#[cfg(feature = "turmoil")]
mod simulated;

#[cfg(not(feature = "turmoil"))]
use real as sockets;
#[cfg(feature = "turmoil")]
use simulated as sockets;

pub use address::Address;
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

use crate::tls::rejection;

/// What the kernel may hold for one connection.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Bytes on their way out, as the option `SO_SNDBUF` counts them.
    pub send: u32,
    /// Bytes that have come in and have not been read, as `SO_RCVBUF` counts them.
    pub receive: u32,
    /// How long the other side may acknowledge none of what is on its way out.
    pub stall: Duration,
}

/// One connection, encrypted or not.
#[derive(Debug)]
pub enum Stream {
    /// As it is.
    Plain(Tcp),
    /// Encrypted by TLS.
    Tls(Box<TlsStream<Tcp>>),
}

/// Connects to `address`.
///
/// # Errors
/// Nobody listens there, or it cannot be reached.
pub async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    let stream = sockets::connect(address).await?;
    prepare(&stream)?;
    Ok(stream)
}

/// The addresses of an address: itself, or those of its name. At least one.
///
/// # Errors
/// The name has none, or the resolver does not say.
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

/// Readies an accepted connection: answers leave at once instead of waiting for company.
///
/// # Errors
/// The connection is gone already.
pub fn prepare(stream: &Tcp) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// Shakes hands on a connection that this node has made.
///
/// # Errors
/// One of the two does not take the other; see [`reason`].
pub async fn secure_dialled(stream: Tcp, config: Arc<ClientConfig>) -> io::Result<Stream> {
    // Nodes are not known by the names of hosts; an address is sent to nobody.
    let anybody = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let secured = TlsConnector::from(config).connect(anybody, stream).await?;
    Ok(Stream::Tls(Box::new(secured.into())))
}

/// Shakes hands on a connection that this node has accepted.
///
/// # Errors
/// One of the two does not take the other. The connection comes back, so that it can be closed gently: whoever was refused
/// has yet to read why.
pub async fn secure_accepted(stream: Tcp, config: Arc<ServerConfig>) -> Result<Stream, (io::Error, Stream)> {
    let accepted = TlsAcceptor::from(config).accept(stream).into_fallible().await;
    let secured = accepted.map_err(|(error, stream)| (error, Stream::Plain(stream)))?;
    Ok(Stream::Tls(Box::new(secured.into())))
}

/// What is said of a connection whose other side is gone, however it went.
pub const LOST: &str = "connection lost";

/// Why a connection failed, in plain words: without the numbers of the system, and without what a library advises
/// its users.
pub fn reason(error: &io::Error) -> String {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof, WriteZero,
    };
    if let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls_reason(cause);
    }
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof | WriteZero => {
            LOST.to_owned()
        }
        TimedOut => "no answer in time".to_owned(),
        _ => without_number(&error.to_string()).to_owned(),
    }
}

/// What the system says of an error, without the number that it has.
fn without_number(text: &str) -> &str {
    text.split_once(" (os error ").map_or(text, |(words, _)| words)
}

/// Why TLS failed, in plain words.
fn tls_reason(cause: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, DecryptError, InvalidMessage, NoCertificatesPresented};
    use rustls::{Error, PeerIncompatible};
    let reason = match cause {
        DecryptError => "what came was damaged on the way",
        InvalidMessage(_) => "it does not speak TLS",
        NoCertificatesPresented => "it shows no certificate",
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "it does not speak TLS 1.3",
        AlertReceived(alert) => return format!("it refused: {alert:?}"),
        other => return rejection(other).map_or_else(|| format!("TLS failed: {other}"), str::to_owned),
    };
    reason.to_owned()
}

impl Stream {
    /// Where the other side is.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }

    /// Sets how many bytes the kernel may hold of what comes in, as `SO_RCVBUF` counts them.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn set_receive_buffer_size(&self, bytes: u32) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.set_receive_buffer_size(bytes),
            Stream::Tls(stream) => stream.get_ref().0.set_receive_buffer_size(bytes),
        }
    }

    /// The certificates that the other side has shown, if any: its own, and those between it and an authority.
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
    /// Bytes read; `Some(0)` is the end of the stream.
    pub read: Option<usize>,
    /// Bytes written, from the start of what was given.
    pub written: Option<usize>,
}

/// Reads into `input`, if given, and writes from `output`, if not empty, until at least one of them got
/// somewhere. Both are tried each time, so neither a busy reader nor a busy writer starves the other way.
/// Dropping the future loses nothing. Waits for ever when there is nothing to do.
///
/// # Errors
/// The connection failed.
pub async fn exchange(
    stream: &mut Stream,
    mut input: Option<&mut Vec<u8>>,
    output: &[u8],
) -> io::Result<Exchanged> {
    poll_fn(|context| {
        let mut done = Exchanged::default();
        if !output.is_empty()
            && let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(context, output)
        {
            done.written = Some(written?);
        }
        // What has been encrypted and has found no room yet leaves as soon as there is some; whoever waits for that has
        // nothing to be told.
        if let Poll::Ready(Err(error)) = Pin::new(&mut *stream).poll_flush(context) {
            return Poll::Ready(Err(error));
        }
        if let Some(input) = input.as_deref_mut()
            && let Poll::Ready(read) = poll_read_buf(Pin::new(&mut *stream), context, input)
        {
            done.read = Some(read?);
        }
        if done == Exchanged::default() { Poll::Pending } else { Poll::Ready(Ok(done)) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_gone_is_lost_however_it_went() {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        // As rustls says that the other side is gone: a sentence for its users, with a URL.
        let eof = io::Error::new(UnexpectedEof, "peer closed connection: https://docs.rs/rustls");
        for error in [eof, BrokenPipe.into(), ConnectionReset.into(), io::Error::from_raw_os_error(104)] {
            assert_eq!(reason(&error), "connection lost", "{error}");
        }
    }

    #[test]
    fn reasons_are_plain_words() {
        let tls = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        for (error, expected) in [
            (io::Error::from_raw_os_error(111), "Connection refused"),
            (io::Error::from_raw_os_error(113), "No route to host"),
            (io::Error::from_raw_os_error(110), "no answer in time"),
            (io::Error::other("nobody listens there"), "nobody listens there"),
            (tls(rustls::Error::NoCertificatesPresented), "it shows no certificate"),
            (tls(rustls::Error::DecryptError), "what came was damaged on the way"),
        ] {
            assert_eq!(reason(&error), expected, "{error:?}");
        }
    }
}
