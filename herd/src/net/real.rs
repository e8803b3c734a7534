//! Sockets of the system.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpSocket;

/// Accepts connections.
pub type Listener = tokio::net::TcpListener;

/// A connection that nothing has been said on.
pub type Tcp = tokio::net::TcpStream;

/// How many connections may wait to be accepted, if the system allows as many (`net.core.somaxconn`): all clients of a node
/// that comes back do so at once, and one that finds no room tries again after a second.
const BACKLOG: u32 = 4096;

/// Listens on `address`; port 0 takes any free port.
///
/// # Errors
/// The address is taken or not this machine's.
pub async fn listen(address: SocketAddr) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A node that comes back can have its ports while connections of its last life are still dying.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether nobody but this machine can reach an address.
pub fn is_this_machine(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}

/// Answers requests of HTTP, for ever.
///
/// # Errors
/// The listener is of no use any more.
pub async fn serve_http(listener: Listener, app: Router) -> io::Result<()> {
    axum::serve(listener, app).await
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
        stream.into_std().map(MovedStream)
    }

    /// Gives it to the current runtime.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn arrive(self) -> io::Result<Tcp> {
        Tcp::from_std(self.0)
    }
}
