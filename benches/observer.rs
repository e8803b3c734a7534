//! A neighbour of one node that only watches: it costs the node a link, and asks it nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use herd::message::{At, Lines, Piece};
use herd::node::{Limits, Link, LinkEvent, LinkId, Lives, Node};

use xtask::herd_file::observer_of;

use crate::HerdToMeasure;

/// How long a node may take to bring its link into sync.
const SYNC: Duration = Duration::from_secs(10);

/// Sees each update that a node passes on.
#[derive(Debug)]
pub struct Observer {
    sightings: Receiver<Sighting>,
}

/// What an observer has seen, and when.
#[derive(Debug)]
enum Sighting {
    InSync,
    Update { stamp: Vec<u8>, at: Instant },
    Ended(String),
}

impl Observer {
    /// Links with a node of a herd that was started with observers, and waits until the link is in sync.
    ///
    /// # Errors
    /// The node cannot be reached, or ends the link.
    pub fn of(herd: &HerdToMeasure, node: &str) -> Result<Observer> {
        let name = observer_of(node);
        let stream =
            TcpStream::connect(herd.link_address(node)?).context("cannot reach the node's link port")?;
        stream.set_nodelay(true)?;
        let (sender, sightings) = mpsc::channel();
        let watched = node.to_owned();
        thread::spawn(move || {
            let end = watch(stream, &name, &watched, &sender);
            // The bench may have ended before.
            let _ = sender
                .send(Sighting::Ended(format!("{:#}", end.err().unwrap_or_else(|| anyhow::anyhow!("done")))));
        });
        match sightings.recv_timeout(SYNC)? {
            Sighting::InSync => Ok(Observer { sightings }),
            other => bail!("the link with {node} did not come into sync: {other:?}"),
        }
    }

    /// Waits until an update with this time has been seen, and says when that was.
    ///
    /// # Errors
    /// The link has ended, or nothing came for ten seconds.
    pub fn sighting_of(&self, stamp: &[u8]) -> Result<Instant> {
        loop {
            match self.sightings.recv_timeout(SYNC).context("the update was not seen")? {
                Sighting::Update { stamp: seen, at } if seen == stamp => return Ok(at),
                Sighting::Ended(reason) => bail!("the link has ended: {reason}"),
                Sighting::InSync | Sighting::Update { .. } => {}
            }
        }
    }
}

/// Keeps the link until it ends, as a node would.
fn watch(mut stream: TcpStream, name: &str, watched: &str, sightings: &Sender<Sighting>) -> Result<()> {
    let lives = Lives { epoch: 1, incarnation: u64::from(std::process::id()) };
    let limits = Limits::default();
    let mut node = Node::new(name, &[watched.to_owned()], limits.clone(), lives);
    let neighbour = node.neighbour(watched).context("the only neighbour")?;
    let started = Instant::now();
    let mut link = Link::dialled(LinkId(0), neighbour, Duration::ZERO);
    let mut lines = Lines::new(limits.link_line_bytes);
    let mut buffer = vec![0; 64 * 1024];
    stream.set_read_timeout(Some(limits.heartbeat / 2))?;
    loop {
        let mut out = Vec::new();
        link.transmit(&mut node, started.elapsed(), &mut out)?;
        stream.write_all(&out)?;
        match stream.read(&mut buffer) {
            Ok(0) => bail!("closed by the node"),
            Ok(length) => lines.room().extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        }
        let at = Instant::now();
        while let Some(Piece::Line(line)) = lines.next_line() {
            let sighting = match link.receive(&mut node, line, started.elapsed())? {
                Some(LinkEvent::Synced) => Sighting::InSync,
                Some(LinkEvent::Update(_)) => {
                    let update = At::parse(line).context("an update is an AT line")?;
                    Sighting::Update { stamp: update.iamat.stamp.as_bytes().to_vec(), at }
                }
                _ => continue,
            };
            if sightings.send(sighting).is_err() {
                return Ok(());
            }
        }
    }
}
