//! A bare relay: the least work with which lines can be flooded. It passes on each line that it has
//! not passed on yet to its other links. It keeps no records, checks nothing, and loses what a
//! broken link has not sent.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

/// The line that a relay writes first on each link that it accepts. From then on the link gets
/// every line.
pub const GREETING: &[u8; 6] = b"RELAY\n";

/// The start of the line that a report becomes. The report's fields follow.
const AT: &[u8] = b"AT Relay +0.263873386 ";

/// The start of a report.
const IAMAT: &[u8] = b"IAMAT ";

/// The number of lines that a relay remembers without moving them.
const LINES: usize = 1 << 20;

/// The time between two attempts to reach a neighbour.
const RETRY: Duration = Duration::from_millis(5);

/// A relay of a herd.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Relay {
    /// The address for clients. The relay listens on it when all its links are up.
    pub client: SocketAddr,
    /// The address for links.
    pub link: SocketAddr,
    /// The link addresses of the neighbours that it dials.
    pub neighbours: Vec<SocketAddr>,
}

/// The links, and the hashes of the lines that have been passed on.
struct Relaying {
    links: RefCell<Vec<Rc<Connection>>>,
    passed: RefCell<HashSet<u64>>,
    hasher: RandomState,
}

struct Connection {
    writer: OwnedWriteHalf,
    is_link: bool,
    unsent: RefCell<Vec<u8>>,
    /// Whether a task sends what is unsent.
    is_blocked: Cell<bool>,
}

impl Relay {
    /// Serves on one thread until the process is killed.
    ///
    /// # Errors
    /// An address cannot be listened on, or a neighbour closes its link at once.
    pub fn serve(self) -> Result<Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, self.run())
    }

    async fn run(self) -> Result<Value> {
        let passed = RefCell::new(HashSet::with_capacity(LINES));
        let relaying = Relaying { links: RefCell::default(), passed, hasher: RandomState::new() };
        let relaying = Rc::new(relaying);
        let links = listen(self.link).await?;
        let accepting = Rc::clone(&relaying);
        spawn_local(async move {
            while let Ok((mut stream, _)) = links.accept().await {
                if stream.write_all(GREETING).await.is_ok() {
                    accepting.begin(stream, true);
                }
            }
        });
        for neighbour in self.neighbours {
            let mut stream = loop {
                match TcpStream::connect(neighbour).await {
                    Ok(stream) => break stream,
                    Err(_) => sleep(RETRY).await,
                }
            };
            stream.read_exact(&mut [0; GREETING.len()]).await.context("a neighbour closed its link")?;
            relaying.begin(stream, true);
        }
        let clients = listen(self.client).await?;
        loop {
            relaying.begin(clients.accept().await?.0, false);
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

impl Relaying {
    /// Serves a connection in a task. An error ends this connection only.
    fn begin(self: &Rc<Self>, stream: TcpStream, is_link: bool) {
        let _ = stream.set_nodelay(true);
        let (unsent, is_blocked) = Default::default();
        let (mut reader, writer) = stream.into_split();
        let connection = Rc::new(Connection { writer, is_link, unsent, is_blocked });
        if is_link {
            self.links.borrow_mut().push(Rc::clone(&connection));
        }
        let relaying = Rc::clone(self);
        spawn_local(async move {
            let mut input = Vec::with_capacity(64 * 1024);
            while reader.read_buf(&mut input).await.is_ok_and(|length| length > 0) {
                relaying.pass_on(&connection, &mut input);
            }
            relaying.links.borrow_mut().retain(|link| !Rc::ptr_eq(link, &connection));
        });
    }

    /// Passes all complete lines of an input on with one write for each link. A report becomes an
    /// AT line, which is also its answer.
    fn pass_on(&self, from: &Rc<Connection>, input: &mut Vec<u8>) {
        let mut news = Vec::new();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', input) {
            let line = &input[start..=end];
            start = end + 1;
            if !from.is_link {
                news.extend_from_slice(AT);
                news.extend_from_slice(line.strip_prefix(IAMAT).unwrap_or(line));
            } else if self.passed.borrow_mut().insert(self.hasher.hash_one(line)) {
                news.extend_from_slice(line);
            }
        }
        input.drain(..start);
        if news.is_empty() {
            return;
        }
        for link in self.links.borrow().iter().filter(|link| !Rc::ptr_eq(link, from)) {
            link.send(&news);
        }
        if !from.is_link {
            let mut passed = self.passed.borrow_mut();
            passed.extend(news.split_inclusive(|byte| *byte == b'\n').map(|line| self.hasher.hash_one(line)));
            from.send(&news);
        }
    }
}

impl Connection {
    /// Writes lines after those that are unsent. What the system does not take is sent by a task.
    fn send(self: &Rc<Self>, lines: &[u8]) {
        self.unsent.borrow_mut().extend_from_slice(lines);
        if !self.is_blocked.get() && !self.try_send() {
            self.is_blocked.set(true);
            let connection = Rc::clone(self);
            spawn_local(async move {
                while connection.writer.writable().await.is_ok() && !connection.try_send() {}
                connection.is_blocked.set(false);
            });
        }
    }

    /// Returns whether everything has been sent. Lines for a broken connection count as sent.
    fn try_send(&self) -> bool {
        let mut unsent = self.unsent.borrow_mut();
        while !unsent.is_empty() {
            match self.writer.try_write(&unsent) {
                Ok(length) => drop(unsent.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => unsent.clear(),
            }
        }
        true
    }
}
