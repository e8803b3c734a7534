//! Sockets of the system.

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

/// Accepts connections.
#[derive(Debug)]
pub struct Listener(TcpListener);

/// A connection.
///
/// What one write hands to the kernel is never joined to what it holds already: joining ignores the bound of the
/// sending buffer ([`Held::send`]), by as much as 64 KiB for each connection whose other side does not read.
#[derive(Debug)]
pub struct Tcp(TcpStream);

/// How many connections may wait to be accepted, if the system allows as many (`net.core.somaxconn`): all clients of a node
/// that comes back do so at once, and one that finds no room tries again after a second.
const BACKLOG: u32 = 4096;

/// Listens on `address`; port 0 takes any free port. Accepted connections have the bounds of `held`, if there are
/// any: else those of the system, which are megabytes and minutes.
///
/// # Errors
/// The address is taken or not this machine's.
pub async fn listen(address: SocketAddr, held: Option<Held>) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A node that comes back can have its ports while connections of its last life are still dying.
    socket.set_reuseaddr(true)?;
    if let Some(held) = held {
        bound(&socket, held)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG).map(Listener)
}

/// Bounds what the kernel holds for each connection that the socket will accept: they inherit its options.
fn bound(socket: &TcpSocket, held: Held) -> io::Result<()> {
    socket.set_send_buffer_size(held.send)?;
    socket.set_recv_buffer_size(held.receive)?;
    // What has been handed to the kernel is the kernel's to give up. Other systems do so after some minutes.
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
/// Nobody listens there, or it cannot be reached.
pub(super) async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    Tcp::connect(address).await.and_then(refuse_self)
}

/// The addresses of a name, as the system's resolver orders them.
///
/// # Errors
/// The resolver does not know the name, or does not answer.
pub(super) async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port)).await?.collect())
}

/// Refuses a connection of a socket with itself. The system makes one when it gives the socket the very port that it
/// connects to, which can happen on this machine while nobody listens there. Reset, since the port would otherwise stay
/// taken for a minute, and whoever is to listen there could not.
fn refuse_self(stream: Tcp) -> io::Result<Tcp> {
    if stream.0.local_addr()? != stream.peer_addr()? {
        return Ok(stream);
    }
    stream.0.set_zero_linger()?;
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there: the connection met itself"))
}

/// Whether nobody but this machine can reach an address.
pub fn is_this_machine(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}

impl Listener {
    /// The next connection, and where it comes from.
    ///
    /// # Errors
    /// The connection was lost at once, or the process has no file descriptors left.
    pub async fn accept(&self) -> io::Result<(Tcp, SocketAddr)> {
        self.0.accept().await.map(|(stream, peer)| (Tcp(stream), peer))
    }

    /// The address bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Tcp {
    /// Connects to `address`.
    ///
    /// # Errors
    /// Nobody listens there, or cannot be reached.
    pub async fn connect(address: SocketAddr) -> io::Result<Tcp> {
        TcpStream::connect(address).await.map(Tcp)
    }

    /// Where the other side is.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Whether small writes leave at once instead of waiting for company.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_nodelay(nodelay)
    }

    /// Sets how many bytes the kernel may hold of what comes in, as `SO_RCVBUF` counts them.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn set_receive_buffer_size(&self, bytes: u32) -> io::Result<()> {
        Ok(setsockopt(&self.0, RcvBuf, &(bytes as usize))?)
    }

    /// Has `send` hand bytes to the kernel, once there is room for some.
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

    /// Waits until the other side has sent something, or has closed.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn heard(&self) -> io::Result<()> {
        self.0.readable().await
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

/// How bytes are handed to the kernel: as the end of a record, so that what follows is not joined to them.
fn flags() -> MsgFlags {
    #[cfg(target_os = "linux")]
    let flags = MsgFlags::MSG_EOR | MsgFlags::MSG_NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = MsgFlags::empty();
    flags
}

/// Answers requests of HTTP on one connection, until it is closed or its next request takes longer than `patience`.
///
/// # Errors
/// The connection failed, or what came is not HTTP.
pub async fn serve_http(stream: Tcp, app: Router, patience: Duration) -> Result<(), String> {
    let app = TowerToHyperService::new(app);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    http.serve_connection(TokioIo::new(stream), app).await.map_err(|error| error.to_string())
}

/// A connection on its way from one runtime to another.
#[derive(Debug)]
pub struct MovedStream(std::net::TcpStream);

impl MovedStream {
    /// Takes a connection away from the current runtime.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn from(stream: Tcp) -> io::Result<MovedStream> {
        stream.0.into_std().map(MovedStream)
    }

    /// Gives it to the current runtime.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn arrive(self) -> io::Result<Tcp> {
        TcpStream::from_std(self.0).map(Tcp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_with_itself_is_refused_and_leaves_its_port_free() {
        // What the system may do by chance: a socket that connects to its own port.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let stream = socket.connect(address).await.unwrap();
        assert_eq!(refuse_self(Tcp(stream)).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        // Without the option by which a listener takes a port whose connections are still dying.
        let again = TcpSocket::new_v4().unwrap();
        again.bind(address).unwrap();
        again.listen(1).unwrap();
    }

    #[tokio::test]
    async fn the_kernel_obeys_the_sizes_of_buffers() {
        use nix::sys::socket::{getsockopt, sockopt::SndBuf};
        let held = Held { send: 5000, receive: 6000, stall: Duration::from_secs(1) };
        let listener = listen("127.0.0.1:0".parse().unwrap(), Some(held)).await.unwrap();
        let _peer = connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let sizes = || (getsockopt(&accepted.0, SndBuf).unwrap(), getsockopt(&accepted.0, RcvBuf).unwrap());
        // Linux doubles what is asked for, to have room for its own overhead.
        let double = if cfg!(target_os = "linux") { 2 } else { 1 };
        assert_eq!(sizes(), (double * 5000, double * 6000), "inherited from the listener");
        accepted.set_receive_buffer_size(30_000).unwrap();
        assert_eq!(sizes(), (double * 5000, double * 30_000));
    }

    #[tokio::test]
    async fn a_connection_with_a_listener_of_this_process_is_none_with_itself() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(connect(address).await.unwrap().peer_addr().unwrap(), address);
    }
}
