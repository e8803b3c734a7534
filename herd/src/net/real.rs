//! The system's sockets.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::sockopt::RcvBuf;
use nix::sys::socket::{MsgFlags, send, sendmsg, setsockopt};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

use super::Held;

/// A listening socket.
#[derive(Debug)]
pub struct Listener(TcpListener);

/// A TCP connection.
///
/// The kernel never merges the bytes of one write with those of an earlier one. Merging would
/// ignore the bound of the send buffer ([`Held::send`]), by up to 64 KiB for each connection whose
/// other side does not read.
#[derive(Debug)]
pub struct Tcp(TcpStream);

/// The backlog: how many connections may wait to be accepted, if the system allows as many
/// (`net.core.somaxconn`). When a node restarts, all its clients connect at once; one that finds no
/// room retries after a second.
const BACKLOG: u32 = 4096;

/// Listens on `address`; with port 0, on any free port. Accepted connections have the bounds in
/// `held`, if given, and otherwise those of the system, which are megabytes and minutes.
///
/// # Errors
/// Fails if the address is in use, or does not belong to this machine.
pub async fn listen(address: SocketAddr, held: Option<Held>) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A node that restarts needs its ports while connections of its last life still linger.
    socket.set_reuseaddr(true)?;
    if let Some(held) = held {
        bound(&socket, held)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG).map(Listener)
}

/// Sets what the kernel may hold for each connection that the socket accepts: they inherit its
/// options.
fn bound(socket: &TcpSocket, held: Held) -> io::Result<()> {
    socket.set_send_buffer_size(held.send)?;
    socket.set_recv_buffer_size(held.receive)?;
    // Once bytes are in the kernel, only the kernel can give up. Other systems do so after minutes.
    #[cfg(target_os = "linux")]
    setsockopt(
        socket,
        nix::sys::socket::sockopt::TcpUserTimeout,
        &u32::try_from(held.stall.as_millis()).unwrap_or(u32::MAX),
    )?;
    Ok(())
}

/// Connects to `address`.
///
/// # Errors
/// Fails if nothing listens at the address, or if it cannot be reached.
pub(super) async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    Tcp::connect(address).await.and_then(refuse_self)
}

/// Returns the addresses of a name, in the order of the system's resolver.
///
/// # Errors
/// Fails if the resolver does not know the name, or does not answer.
pub(super) async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port)).await?.collect())
}

/// Rejects a connection of a socket with itself. The system makes one if it happens to give the
/// socket the port that it connects to, while nothing listens there. The connection is reset,
/// because the port would otherwise stay in use for a minute and block its real listener.
fn refuse_self(stream: Tcp) -> io::Result<Tcp> {
    if stream.0.local_addr()? != stream.peer_addr()? {
        return Ok(stream);
    }
    stream.0.set_zero_linger()?;
    Err(io::Error::new(
        io::ErrorKind::ConnectionRefused,
        "nothing listens there: the socket connected to itself",
    ))
}

/// Returns whether only this machine can reach an address.
pub fn is_this_machine(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}

impl Listener {
    /// Waits for the next connection, and returns it with the address of the other side.
    ///
    /// # Errors
    /// Fails if the connection was lost at once, or if the process has no file descriptor left.
    pub async fn accept(&self) -> io::Result<(Tcp, SocketAddr)> {
        self.0.accept().await.map(|(stream, peer)| (Tcp(stream), peer))
    }

    /// Returns the address that the socket listens on.
    ///
    /// # Errors
    /// Fails if the system does.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Tcp {
    /// Connects to `address`.
    ///
    /// # Errors
    /// Fails if nothing listens at the address, or if it cannot be reached.
    pub async fn connect(address: SocketAddr) -> io::Result<Tcp> {
        TcpStream::connect(address).await.map(Tcp)
    }

    /// Returns the address of the other side.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Sets whether small writes are sent at once, instead of being delayed and merged.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_nodelay(nodelay)
    }

    /// Sets how many received bytes the kernel may hold, as `SO_RCVBUF` counts them.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub fn set_receive_buffer_size(&self, bytes: u32) -> io::Result<()> {
        Ok(setsockopt(&self.0, RcvBuf, &(bytes as usize))?)
    }

    /// Calls `send` when the kernel has room, until it has sent some bytes.
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        send: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_io(Interest::WRITABLE, || send(&self.0)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Waits until the other side has sent something or closed the connection.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub async fn heard(&self) -> io::Result<()> {
        // A connection that was just accepted counts as readable, whether or not anything has come.
        self.0.peek(&mut [0]).await.map(drop)
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| Ok(send(stream.as_raw_fd(), bytes, flags())?))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| Ok(sendmsg::<()>(stream.as_raw_fd(), pieces, &[], flags(), None)?))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Returns the flags with which bytes are sent: as the end of a record, so that they are not merged
/// with later ones.
fn flags() -> MsgFlags {
    #[cfg(target_os = "linux")]
    let flags = MsgFlags::MSG_EOR | MsgFlags::MSG_NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = MsgFlags::empty();
    flags
}

/// The longest head of a request, and about how much of a stream of events waits to be written, in
/// bytes.
const HTTP_BUFFER: usize = 16 * 1024;

/// Serves HTTP on one connection, until it is closed or the headers of its next request take longer
/// than `patience`.
///
/// # Errors
/// Fails if the connection does, or if the other side does not speak HTTP.
pub async fn serve_http(stream: Tcp, app: Router, patience: Duration) -> Result<(), String> {
    let app = TowerToHyperService::new(app);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HTTP_BUFFER);
    http.serve_connection(TokioIo::new(stream), app).await.map_err(|error| http_reason(&error))
}

/// Returns in plain words why an HTTP connection failed.
fn http_reason(error: &hyper::Error) -> String {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause {
        _ if error.is_timeout() => "the request timed out".to_owned(),
        _ if error.is_incomplete_message() => super::LOST.to_owned(),
        _ if error.is_parse() => "it does not speak HTTP".to_owned(),
        Some(cause) => super::reason(cause),
        None => error.to_string(),
    }
}

/// A connection that moves from one runtime to another.
#[derive(Debug)]
pub struct MovedStream(std::net::TcpStream);

impl MovedStream {
    /// Detaches a connection from the current runtime.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub fn from(stream: Tcp) -> io::Result<MovedStream> {
        stream.0.into_std().map(MovedStream)
    }

    /// Attaches the connection to the current runtime.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub fn arrive(self) -> io::Result<Tcp> {
        TcpStream::from_std(self.0).map(Tcp)
    }
}

#[cfg(test)]
mod tests;
