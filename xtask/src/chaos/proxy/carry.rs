//! Carrying bytes between two sockets, as conditions have it.

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

use super::{Conditions, Way};

/// What is read at once, at most.
const CHUNK: usize = 16 * 1024;

/// So many chunks are under way at most, 4 MiB of them: what a second of delay lets through a second.
const WINDOW: usize = 256;

/// With a bandwidth, what arrives at once is what so much time lets through.
const PACE: Duration = Duration::from_millis(20);

/// Why a connection is not carried on.
enum End {
    /// Both sides have said all they had to say.
    Whole,
    /// One side has gone, or was made to go: the other one is to see a reset.
    Reset,
}

/// Relays a connection to `target` until it ends: what goes there by the first way, what comes back by the second.
pub(super) async fn relay(mut inbound: TcpStream, target: SocketAddr, ways: [Arc<Way>; 2]) {
    let [there, back] = &ways;
    let Ok(mut outbound) = TcpStream::connect(target).await else { return reset(&inbound) };
    // What was sent as it was is passed on as it was.
    let prepared = inbound.set_nodelay(true).and_then(|()| outbound.set_nodelay(true));
    let (inbound_halves, outbound_halves) = (inbound.split(), outbound.split());
    let end = async {
        let one = carry(inbound_halves.0, outbound_halves.1, there);
        let other = carry(outbound_halves.0, inbound_halves.1, back);
        tokio::try_join!(one, other).map_or(End::Reset, |_| End::Whole)
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

/// Has a connection be reset when it is dropped, not closed.
fn reset(stream: &TcpStream) {
    // One that is gone needs no more.
    let _ = stream.set_zero_linger();
}

/// Waits until the way is cut.
async fn cut(way: &Way) {
    way.once(|conditions| conditions.cut).await;
    way.resets.fetch_add(1, Ordering::Relaxed);
}

/// Carries one direction, until it has been closed properly.
///
/// # Errors
/// It has been broken, by one of the sides or on purpose.
async fn carry(mut from: ReadHalf<'_>, to: WriteHalf<'_>, way: &Way) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(WINDOW);
    let reading = async {
        loop {
            let mut bytes = Vec::with_capacity(CHUNK);
            let end = from.read_buf(&mut bytes).await? == 0;
            let due = Instant::now() + way.conditions.borrow().delay;
            // Nobody takes what is read once the writing has failed, which ends this as well.
            if sender.send((due, bytes)).await.is_err() || end {
                return Ok(());
            }
        }
    };
    let writing = Delivery { to, way, left: None }.run(receiver);
    tokio::try_join!(reading, writing).map(drop)
}

/// What has arrived at the far end of a way.
struct Delivery<'a> {
    to: WriteHalf<'a>,
    way: &'a Way,
    /// How many bytes are left before a reset, and of how many at most that was drawn.
    left: Option<(u64, u64)>,
}

impl Delivery<'_> {
    /// Delivers chunks when they are due; the last one is empty.
    async fn run(mut self, mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>) -> io::Result<()> {
        while let Some((due, bytes)) = chunks.recv().await {
            sleep_until(due).await;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let conditions = self.way.once(|conditions| !conditions.black_hole).await;
                let (now, later) = rest.split_at(self.allowed(&conditions, rest.len())?);
                // Before they can be seen to have arrived.
                self.way.carried.fetch_add(now.len() as u64, Ordering::Relaxed);
                self.to.write_all(now).await?;
                if let Some(bandwidth) = conditions.bandwidth {
                    sleep(Duration::from_secs_f64(now.len() as f64 / bandwidth as f64)).await;
                }
                rest = later;
            }
            if bytes.is_empty() {
                self.way.once(|conditions| !conditions.black_hole).await;
                return self.to.shutdown().await;
            }
        }
        Ok(())
    }

    /// How many of so many bytes may arrive at once.
    fn allowed(&mut self, conditions: &Conditions, bytes: usize) -> io::Result<usize> {
        let paced = conditions
            .bandwidth
            .map_or(bytes, |bandwidth| ((bandwidth as f64 * PACE.as_secs_f64()) as usize).clamp(1, bytes));
        let whole = if conditions.slices { 1 } else { paced };
        let Some(most) = conditions.reset_within else {
            self.left = None;
            return Ok(whole);
        };
        let (left, _) = self
            .left
            .filter(|(_, drawn_of)| *drawn_of == most)
            .unwrap_or_else(|| (fastrand::u64(..=most), most));
        if left == 0 {
            self.way.resets.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let now = whole.min(usize::try_from(left).unwrap_or(whole));
        self.left = Some((left - now as u64, most));
        Ok(now)
    }
}
