//! Watches for updates. A watcher costs the server as much as any other subscriber.

use std::fmt::Debug;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use herd::message::{Lines, Piece};
use herd::node::{Limits, Link, LinkEnd, LinkEvent, LinkId, Lives, NeighbourId, Node};
use herd::tls::{LinkFiles, LinkTls};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde::{Deserialize, Serialize};

use super::sender::CHANNEL;
use super::{CLIENT, update_in};
use crate::cluster::processes::Processes;
use crate::load::relay::GREETING;

/// The timeout until a watcher is connected and sees all updates.
const READY: Duration = Duration::from_secs(10);

/// The place where a watcher connects to see updates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Watch {
    /// A node of this herd, which takes the watcher for a neighbour.
    Link {
        /// The watcher's name in the node's herd file.
        name: String,
        /// The node's name.
        node: String,
        /// The node's address for links.
        address: SocketAddr,
        /// The watcher's certificates; `None` if links are plain TCP.
        files: Option<LinkFiles>,
    },
    /// A port of the watcher itself, which a guest's node dials as its neighbour's.
    Listener(SocketAddr),
    /// A Redis server, as a subscriber of the channel.
    Subscribe(SocketAddr),
    /// A Redis server, as a subscriber of what happens to its keys.
    Keys(SocketAddr),
    /// A NATS server, as a subscriber of the subject.
    Nats(SocketAddr),
    /// A relay, as its neighbour.
    Relay(SocketAddr),
}

/// A connection on which updates arrive.
#[derive(Debug)]
pub struct Watcher {
    stream: Box<dyn ByteStream>,
    link: Option<WatcherLink>,
}

/// A stream of bytes in both directions, encrypted or not.
trait ByteStream: Read + Write + Debug + Send {}

impl<T: Read + Write + Debug + Send> ByteStream for T {}

/// The state of a link with a node of this herd, which needs heartbeats.
#[derive(Debug)]
struct WatcherLink {
    node: Node,
    link: Link,
    started: Instant,
}

impl Watch {
    /// Makes a watch of the link between `node` and its neighbour `name`, whose own process must
    /// not be running.
    ///
    /// # Errors
    /// The herd has no node of this name.
    pub fn link_of(herd: &Processes, node: &str, name: &str) -> Result<Watch> {
        let address = herd.member(node)?.link;
        let files = herd.certificates(name);
        Ok(Watch::Link { name: name.to_owned(), node: node.to_owned(), address, files })
    }

    /// Connects, and waits until the watcher sees all later updates.
    ///
    /// # Errors
    /// The server cannot be reached, or rejects the watcher.
    pub fn begin(&self) -> Result<Watcher> {
        match self {
            Watch::Link { name, node, address, files } => Watcher::link(name, node, *address, files.as_ref()),
            Watch::Listener(address) => {
                let listener =
                    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
                Watcher::new(listener.accept()?.0)
            }
            Watch::Subscribe(address) => {
                Watcher::subscriber(*address, &format!("SUBSCRIBE {CHANNEL}\r\n"), b"subscribe")
            }
            Watch::Keys(address) => {
                let keys = format!("__keyspace@0__:{CLIENT}*");
                let hello = format!("CONFIG SET notify-keyspace-events K$\r\nPSUBSCRIBE {keys}\r\n");
                Watcher::subscriber(*address, &hello, b"psubscribe")
            }
            Watch::Nats(address) => {
                let hello = format!("CONNECT {{\"verbose\":false}}\r\nSUB {CHANNEL} 1\r\nPING\r\n");
                Watcher::subscriber(*address, &hello, b"PONG")
            }
            Watch::Relay(address) => Watcher::subscriber(*address, "", GREETING),
        }
    }
}

impl Watcher {
    fn new(stream: TcpStream) -> Result<Watcher> {
        stream.set_nodelay(true)?;
        Ok(Watcher { stream: Box::new(stream), link: None })
    }

    fn subscriber(address: SocketAddr, hello: &str, answer: &[u8]) -> Result<Watcher> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(hello.as_bytes())?;
        stream.set_read_timeout(Some(READY))?;
        let mut received = Vec::new();
        let mut buffer = [0; 1024];
        while memchr::memmem::find(&received, answer).is_none() {
            let length = stream.read(&mut buffer)?;
            ensure!(length > 0, "{address} closed the connection before it confirmed the subscription");
            received.extend_from_slice(&buffer[..length]);
        }
        stream.set_read_timeout(None)?;
        Watcher::new(stream)
    }

    fn link(name: &str, node: &str, address: SocketAddr, files: Option<&LinkFiles>) -> Result<Watcher> {
        let lives = Lives { epoch: 1, incarnation: u64::from(std::process::id()), hash_seed: 0 };
        let this = Node::new(name, &[node.to_owned()], Limits::default(), lives);
        let neighbour = this.neighbour(node).context("the only neighbour")?;
        let mut watcher = Watcher::dial(this, neighbour, address, files)?;
        let synced = watcher.wait_for_sync();
        let is_older =
            |error: &anyhow::Error| matches!(error.downcast_ref::<LinkEnd>(), Some(LinkEnd::OlderVersion(_)));
        let Some(WatcherLink { node: this, .. }) =
            watcher.link.take_if(|_| synced.as_ref().is_err_and(is_older))
        else {
            return synced.map(|()| watcher);
        };
        // The watcher knows now which version the node speaks.
        let mut watcher = Watcher::dial(this, neighbour, address, files)?;
        watcher.wait_for_sync()?;
        Ok(watcher)
    }

    /// Connects to a node as its neighbour, and speaks the version that it is known to speak.
    fn dial(
        this: Node,
        neighbour: NeighbourId,
        address: SocketAddr,
        files: Option<&LinkFiles>,
    ) -> Result<Watcher> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(this.limits().heartbeat / 2))?;
        let stream: Box<dyn ByteStream> = match files {
            None => Box::new(stream),
            Some(files) => {
                let session = ClientConnection::new(
                    LinkTls::read(files, this.name())?.dialling,
                    ServerName::from(address.ip()),
                )?;
                Box::new(StreamOwned::new(session, stream))
            }
        };
        let link = Link::dialled(LinkId(0), neighbour, Duration::ZERO);
        let link = WatcherLink { node: this, link, started: Instant::now() };
        Ok(Watcher { stream, link: Some(link) })
    }

    fn wait_for_sync(&mut self) -> Result<()> {
        let mut lines = Lines::new(Limits::default().link_line_bytes);
        let deadline = Instant::now() + READY;
        loop {
            ensure!(Instant::now() < deadline, "the link was not in sync within {READY:?}");
            self.beat()?;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the node closed the link"),
                Ok(length) => lines.room().extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            let Some(WatcherLink { node, link, started }) = &mut self.link else {
                bail!("this watcher has no link")
            };
            while let Some(Piece::Line(line)) = lines.next_line() {
                if link.receive(node, line, started.elapsed(), SystemTime::now().into())?
                    == Some(LinkEvent::Synced)
                {
                    return Ok(());
                }
            }
        }
    }

    /// Sends what is due on a link, such as heartbeats.
    fn beat(&mut self) -> Result<()> {
        if let Some(WatcherLink { node, link, started }) = &mut self.link {
            let mut out = Vec::new();
            link.transmit(node, started.elapsed(), SystemTime::now().into(), &mut out)?;
            self.stream.write_all(&out)?;
        }
        Ok(())
    }

    /// Reads and discards everything until the connection ends.
    pub(super) fn discard(&mut self) -> Result<()> {
        let mut block = vec![0; 256 * 1024];
        loop {
            self.beat()?;
            match self.stream.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Calls `seen` with the number of each update until the server closes the connection.
    ///
    /// # Errors
    /// The connection ends with an error.
    pub fn watch(&mut self, seen: impl Fn(usize)) -> Result<()> {
        let mut buffer = Vec::with_capacity(256 * 1024);
        let mut block = vec![0; 64 * 1024];
        loop {
            self.beat()?;
            match self.stream.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(length) => buffer.extend_from_slice(&block[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', &buffer) {
                if let Some(update) = update_in(&buffer[start..end]) {
                    seen(update);
                }
                start = end + 1;
            }
            buffer.drain(..start);
        }
    }
}
