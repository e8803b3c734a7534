//! Sockets of a simulated network, with the interface of those of the system as far as a node uses it.

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

/// Accepts connections.
pub struct Listener(TcpListener);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.local_addr()).finish()
    }
}

/// A connection. Some reads get a few bytes only, whatever has arrived: lines are cut anywhere.
#[derive(Debug)]
pub struct Tcp(TcpStream);

/// One read in so many is cut short, to at most so many bytes.
const CUT: u64 = 4;
const SHORT: usize = 32;

/// Listens on a port of this host. Nothing is held by a kernel here.
///
/// # Errors
/// The port is taken.
pub async fn listen(address: SocketAddr, _held: Option<Held>) -> io::Result<Listener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await.map(Listener)
}

/// Connects to `address`.
///
/// # Errors
/// Nobody listens there, or it cannot be reached.
pub(super) async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    TcpStream::connect(address).await.map(Tcp)
}

/// The address of a host by its name.
///
/// # Errors
/// None.
pub(super) async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(vec![SocketAddr::new(turmoil::lookup(host), port)])
}

/// Whether nobody but this machine can reach an address: nobody else is on a simulated network.
pub fn is_this_machine(_: SocketAddr) -> bool {
    true
}

/// Answers nobody: there is no HTTP here.
///
/// # Errors
/// None.
pub async fn serve_http(_: Tcp, _: Router, _: Duration) -> Result<(), String> {
    pending().await
}

impl Listener {
    /// The next connection, and where it comes from.
    ///
    /// # Errors
    /// The host is gone.
    pub async fn accept(&self) -> io::Result<(Tcp, SocketAddr)> {
        self.0.accept().await.map(|(stream, peer)| (Tcp(stream), peer))
    }

    /// The address bound.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Tcp {
    /// Where the other side is.
    ///
    /// # Errors
    /// None.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Does not wait: nobody here is silent for long.
    ///
    /// # Errors
    /// None.
    pub async fn heard(&self) -> io::Result<()> {
        Ok(())
    }

    /// Nothing: simulated connections have no kernel.
    ///
    /// # Errors
    /// None.
    pub fn set_receive_buffer_size(&self, _: u32) -> io::Result<()> {
        Ok(())
    }

    /// As it is with every simulated connection.
    ///
    /// # Errors
    /// None.
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

/// A connection on its way from one runtime to another. All hosts share a thread, so it just goes.
#[derive(Debug)]
pub struct MovedStream(Tcp);

impl MovedStream {
    /// Takes a connection away from the current runtime.
    ///
    /// # Errors
    /// None.
    pub fn from(stream: Tcp) -> io::Result<MovedStream> {
        Ok(MovedStream(stream))
    }

    /// Gives it to the current runtime.
    ///
    /// # Errors
    /// None.
    pub fn arrive(self) -> io::Result<Tcp> {
        Ok(self.0)
    }
}
