//! Sockets of a simulated network, with the part of the system's interface that a node uses.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

use super::Held;
use crate::ambient;

/// A listening socket.
pub struct Listener(TcpListener);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.local_addr()).finish()
    }
}

/// A TCP connection. Some reads return only a few bytes, so that lines are cut anywhere.
#[derive(Debug)]
pub struct Tcp(TcpStream);

/// One read of this many, on average, is cut short, to at most this many bytes.
const CUT: u64 = 4;
const SHORT: usize = 32;

/// Listens on a port of this host. There is no kernel whose buffers need bounds.
///
/// # Errors
/// Fails if the port is in use.
pub async fn listen(address: SocketAddr, _held: Option<Held>) -> io::Result<Listener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await.map(Listener)
}

/// Connects to `address`.
///
/// # Errors
/// Fails if nothing listens at the address, or if it cannot be reached.
pub(super) async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    TcpStream::connect(address).await.map(Tcp)
}

/// Returns the address of the host with this name.
///
/// # Errors
/// Never fails.
pub(super) async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(vec![SocketAddr::new(turmoil::lookup(host), port)])
}

/// Returns `true`: a simulated network has no other users.
pub fn is_this_machine(_: SocketAddr) -> bool {
    true
}

/// Never completes, because the simulation has no HTTP.
///
/// # Errors
/// Never fails.
pub async fn serve_http(_: Tcp, _: Router, _: Duration) -> Result<(), String> {
    pending().await
}

impl Listener {
    /// Waits for the next connection, and returns it with the address of the other side.
    ///
    /// # Errors
    /// Fails if the host is gone.
    pub async fn accept(&self) -> io::Result<(Tcp, SocketAddr)> {
        self.0.accept().await.map(|(stream, peer)| (Tcp(stream), peer))
    }

    /// Returns the address that the socket listens on.
    ///
    /// # Errors
    /// Never fails.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Tcp {
    /// Returns the address of the other side.
    ///
    /// # Errors
    /// Never fails.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Returns at once, because no host of the simulation stays silent for long.
    ///
    /// # Errors
    /// Never fails.
    pub async fn heard(&self) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing, because simulated connections have no kernel.
    ///
    /// # Errors
    /// Never fails.
    pub fn set_receive_buffer_size(&self, _: u32) -> io::Result<()> {
        Ok(())
    }

    /// Does what simulated connections do in any case.
    ///
    /// # Errors
    /// Never fails.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_nodelay(nodelay)
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = Pin::new(&mut self.0);
        if !ambient::random().is_multiple_of(CUT) {
            return stream.poll_read(context, buffer);
        }
        let mut bytes = [0; SHORT];
        let most = 1 + ambient::random() as usize % SHORT;
        let mut short = ReadBuf::new(&mut bytes[..most.min(buffer.remaining())]);
        ready!(stream.poll_read(context, &mut short))?;
        buffer.put_slice(short.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A connection that moves from one runtime to another. All hosts share a thread, so nothing is to
/// be done.
#[derive(Debug)]
pub struct MovedStream(Tcp);

impl MovedStream {
    /// Detaches a connection from the current runtime.
    ///
    /// # Errors
    /// Never fails.
    pub fn from(stream: Tcp) -> io::Result<MovedStream> {
        Ok(MovedStream(stream))
    }

    /// Attaches the connection to the current runtime.
    ///
    /// # Errors
    /// Never fails.
    pub fn arrive(self) -> io::Result<Tcp> {
        Ok(self.0)
    }
}
