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

/// Connects to `address`.
///
/// # Errors
/// Nobody listens there, or it cannot be reached.
pub(super) async fn connect(address: SocketAddr) -> io::Result<Tcp> {
    Tcp::connect(address).await.and_then(refuse_self)
}

/// Refuses a connection of a socket with itself. The system makes one when it gives the socket the very port that it
/// connects to, which can happen on this machine while nobody listens there. Reset, since the port would otherwise stay
/// taken for a minute, and whoever is to listen there could not.
fn refuse_self(stream: Tcp) -> io::Result<Tcp> {
    if stream.local_addr()? != stream.peer_addr()? {
        return Ok(stream);
    }
    stream.set_zero_linger()?;
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there: the connection met itself"))
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
        assert_eq!(refuse_self(stream).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        // Without the option by which a listener takes a port whose connections are still dying.
        let again = TcpSocket::new_v4().unwrap();
        again.bind(address).unwrap();
        again.listen(1).unwrap();
    }

    #[tokio::test]
    async fn a_connection_with_a_listener_of_this_process_is_none_with_itself() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(connect(address).await.unwrap().peer_addr().unwrap(), address);
    }
}
