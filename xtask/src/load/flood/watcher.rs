//! Watching for updates: at a cost to the server that any subscriber has.

use std::fmt::Debug;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use herd::message::{Lines, Piece};
use herd::node::{Limits, Link, LinkEvent, LinkId, Lives, Node};
use herd::tls::{LinkFiles, LinkTls};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde::{Deserialize, Serialize};

use super::sender::CHANNEL;
use super::update_in;
use crate::cluster::processes::Processes;

/// How long it may take until a watcher is told everything that happens from then on.
const READY: Duration = Duration::from_secs(10);

/// Where updates are seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Watch {
    /// As a neighbour of a node of this herd: its name, the node's, the node's link address.
    Link {
        /// What the watcher is called in the node's herd file.
        name: String,
        /// The node.
        node: String,
        /// Where it listens for neighbours.
        address: SocketAddr,
        /// The watcher's certificates, unless links are plain.
        files: Option<LinkFiles>,
    },
    /// As a neighbour that a node of another kind dials: the watcher's link address in the node's herd file.
    Listener(SocketAddr),
    /// As a subscriber of Redis.
    Subscribe(SocketAddr),
    /// As a subscriber of NATS.
    Nats(SocketAddr),
}

/// A connection on which updates come.
#[derive(Debug)]
pub struct Watcher {
    stream: Box<dyn Connection>,
    link: Option<Heart>,
}

/// Bytes that come and go, encrypted or not.
trait Connection: Read + Write + Debug + Send {}

impl<T: Read + Write + Debug + Send> Connection for T {}

/// What keeps a link with a node of this herd alive.
#[derive(Debug)]
struct Heart {
    node: Node,
    link: Link,
    started: Instant,
}

impl Watch {
    /// Watches the link of `node` as its neighbour `name`, a member of the herd that does not run.
    ///
    /// # Errors
    /// There is no such node.
    pub fn link_of(herd: &Processes, node: &str, name: &str) -> Result<Watch> {
        let (address, files) = (herd.member(node)?.link, herd.certificates(name));
        Ok(Watch::Link { name: name.to_owned(), node: node.to_owned(), address, files })
    }

    /// Connects, and waits until everything that happens from then on is told.
    ///
    /// # Errors
    /// Nobody is there, or does not take the watcher in.
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
            Watch::Nats(address) => {
                let hello = format!("CONNECT {{\"verbose\":false}}\r\nSUB {CHANNEL} 1\r\nPING\r\n");
                Watcher::subscriber(*address, &hello, b"PONG")
            }
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
        let (mut told, mut buffer) = (Vec::new(), [0; 1024]);
        while memchr::memmem::find(&told, answer).is_none() {
            let length = stream.read(&mut buffer)?;
            ensure!(length > 0, "closed before it was subscribed");
            told.extend_from_slice(&buffer[..length]);
        }
        stream.set_read_timeout(None)?;
        Watcher::new(stream)
    }

    fn link(name: &str, node: &str, address: SocketAddr, files: Option<&LinkFiles>) -> Result<Watcher> {
        let limits = Limits::default();
        let lives = Lives { epoch: 1, incarnation: u64::from(std::process::id()), hash_seed: 0 };
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limits.heartbeat / 2))?;
        let stream: Box<dyn Connection> = match files {
            None => Box::new(stream),
            Some(files) => {
                let session = ClientConnection::new(
                    LinkTls::read(files, name)?.dialling,
                    ServerName::from(address.ip()),
                )?;
                Box::new(StreamOwned::new(session, stream))
            }
        };
        let this = Node::new(name, &[node.to_owned()], limits.clone(), lives);
        let neighbour = this.neighbour(node).context("the only neighbour")?;
        let link = Link::dialled(LinkId(0), neighbour, Duration::ZERO);
        let heart = Heart { node: this, link, started: Instant::now() };
        let mut watcher = Watcher { stream, link: Some(heart) };
        watcher.wait_for_sync(limits.link_line_bytes)?;
        Ok(watcher)
    }

    fn wait_for_sync(&mut self, longest: usize) -> Result<()> {
        let mut lines = Lines::new(longest);
        let deadline = Instant::now() + READY;
        loop {
            ensure!(Instant::now() < deadline, "the link did not come into sync");
            self.beat()?;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("closed by the node"),
                Ok(length) => lines.room().extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            let Some(Heart { node, link, started }) = &mut self.link else { bail!("no link") };
            while let Some(Piece::Line(line)) = lines.next_line() {
                if link.receive(node, line, started.elapsed(), SystemTime::now().into())?
                    == Some(LinkEvent::Synced)
                {
                    return Ok(());
                }
            }
        }
    }

    /// Says on a link what is due.
    fn beat(&mut self) -> Result<()> {
        if let Some(Heart { node, link, started }) = &mut self.link {
            let mut out = Vec::new();
            link.transmit(node, started.elapsed(), SystemTime::now().into(), &mut out)?;
            self.stream.write_all(&out)?;
        }
        Ok(())
    }

    /// Takes everything, and looks at nothing, until the connection ends.
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

    /// Calls `seen` with the number of each update, until the connection ends.
    ///
    /// # Errors
    /// It ends otherwise than by being closed.
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
