//! Carries bytes between two sockets under conditions.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Conditions, Direction};

/// The most bytes of a read.
const CHUNK: usize = 16 * 1024;

/// The most chunks in transit: 4 MiB, so that a delay of a second still allows 4 MiB a second.
const WINDOW: usize = 256;

/// The time between two writes with a limited bandwidth.
const PACE: Duration = Duration::from_millis(20);

/// The way in which a connection ended.
enum End {
    /// Both sides have closed it.
    Closed,
    /// One side has reset it, or a fault has: the other side must see a reset.
    Reset,
}

/// Relays a connection to `target` until it ends. The first direction is towards the target, the
/// second back.
pub(super) async fn relay(mut inbound: TcpStream, target: SocketAddr, directions: [Arc<Direction>; 2]) {
    let [there, back] = &directions;
    let Ok(mut outbound) = TcpStream::connect(target).await else { return reset(&inbound) };
    // Without this the proxy would join segments that a node sent separately.
    let prepared = inbound.set_nodelay(true).and_then(|()| outbound.set_nodelay(true));
    let (inbound_halves, outbound_halves) = (inbound.split(), outbound.split());
    let end = async {
        let one = carry(inbound_halves.0, outbound_halves.1, there);
        let other = carry(outbound_halves.0, inbound_halves.1, back);
        tokio::try_join!(one, other).map_or(End::Reset, |_| End::Closed)
    };
    let end = tokio::select! {
        biased;
        () = cut(there) => End::Reset,
        () = cut(back) => End::Reset,
        end = end => end,
    };
    if prepared.is_err() || matches!(end, End::Reset) {
        reset(&inbound);
        reset(&outbound);
    }
}

/// Makes a connection end with a reset when it is dropped.
fn reset(stream: &TcpStream) {
    // This fails only if the connection has ended already.
    let _ = stream.set_zero_linger();
}

/// Waits until the direction is cut, and counts the reset.
async fn cut(direction: &Direction) {
    direction.wait_until(|conditions| conditions.cut).await;
    direction.resets.fetch_add(1, Ordering::Relaxed);
}

/// Carries the bytes of one direction until the sender closes it.
///
/// # Errors
/// One of the sides or a fault has reset the connection.
async fn carry(mut from: ReadHalf<'_>, to: WriteHalf<'_>, direction: &Direction) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(WINDOW);
    let reading = async {
        loop {
            let mut bytes = Vec::with_capacity(CHUNK);
            let end = from.read_buf(&mut bytes).await? == 0;
            let due = Instant::now() + direction.conditions.borrow().delay;
            // Sending fails once the writing has failed, which ends the connection as well.
            if sender.send((due, bytes)).await.is_err() || end {
                return Ok(());
            }
        }
    };
    let writing = Delivery { to, direction, left: None }.deliver(receiver);
    tokio::try_join!(reading, writing).map(drop)
}

/// The receiving end of a direction.
struct Delivery<'a> {
    to: WriteHalf<'a>,
    direction: &'a Direction,
    /// The number of bytes until a reset, and the maximum that it was drawn from.
    left: Option<(u64, u64)>,
}

impl Delivery<'_> {
    /// Delivers chunks when they are due. An empty chunk is the end.
    async fn deliver(mut self, mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>) -> io::Result<()> {
        while let Some((due, bytes)) = chunks.recv().await {
            sleep_until(due).await;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let conditions = self.direction.wait_until(|conditions| !conditions.black_hole).await;
                let (now, later) = rest.split_at(self.allowed(&conditions, rest.len())?);
                // Counted first, so that a receiver never sees more bytes than are counted.
                self.direction.carried.fetch_add(now.len() as u64, Ordering::Relaxed);
                self.to.write_all(now).await?;
                if let Some(bandwidth) = conditions.bandwidth {
                    sleep(Duration::from_secs_f64(now.len() as f64 / bandwidth as f64)).await;
                }
                rest = later;
            }
            if bytes.is_empty() {
                self.direction.wait_until(|conditions| !conditions.black_hole).await;
                return self.to.shutdown().await;
            }
        }
        Ok(())
    }

    /// Returns how many of the next `bytes` bytes may be written at once.
    ///
    /// # Errors
    /// The connection must be reset now.
    fn allowed(&mut self, conditions: &Conditions, bytes: usize) -> io::Result<usize> {
        let paced = conditions
            .bandwidth
            .map_or(bytes, |bandwidth| ((bandwidth as f64 * PACE.as_secs_f64()) as usize).clamp(1, bytes));
        let most_at_once = if conditions.slices { 1 } else { paced };
        let Some(most) = conditions.reset_within else {
            self.left = None;
            return Ok(most_at_once);
        };
        let (left, _) = self
            .left
            .filter(|(_, drawn_of)| *drawn_of == most)
            .unwrap_or_else(|| (fastrand::u64(..=most), most));
        if left == 0 {
            self.direction.resets.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let now = most_at_once.min(usize::try_from(left).unwrap_or(most_at_once));
        self.left = Some((left - now as u64, most));
        Ok(now)
    }
}
