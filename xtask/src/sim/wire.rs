//! A simulated connection between two nodes: bytes in order, cut anywhere, each piece delivered at its own time.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;

/// One connection. Side 0 dialled it.
#[derive(Debug)]
pub(super) struct Wire {
    /// The machine at each side.
    pub(super) machines: [usize; 2],
    /// Which of that machine's processes is at each side.
    pub(super) lives: [u64; 2],
    /// What is on its way to each side.
    pipes: [Pipe; 2],
    /// So many bytes may be on their way in each direction; beyond that the sender has to wait.
    window: usize,
}

#[derive(Debug, Default)]
struct Pipe {
    pieces: VecDeque<(Duration, Piece)>,
    bytes: usize,
    ended: bool,
}

/// What arrives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The other side has closed.
    End,
}

impl Wire {
    pub(super) fn new(machines: [usize; 2], lives: [u64; 2], window: usize) -> Wire {
        Wire { machines, lives, pipes: Default::default(), window }
    }

    /// Sends towards a side as much as fits, in pieces, none of which overtakes another. Returns how much that was,
    /// and when the pieces arrive if nothing holds them up.
    pub(super) fn send(
        &mut self,
        to: usize,
        bytes: &[u8],
        mut arrival: impl FnMut() -> Duration,
        rng: &mut Rng,
    ) -> (usize, Vec<Duration>) {
        let pipe = &mut self.pipes[to];
        let length = if pipe.ended { 0 } else { bytes.len().min(self.window - pipe.bytes) };
        let (mut rest, mut times) = (&bytes[..length], Vec::new());
        while !rest.is_empty() {
            let cut = if rng.u8(..4) == 0 { rng.usize(1..=rest.len()) } else { rest.len() };
            times.push(pipe.push(arrival(), Piece::Bytes(rest[..cut].to_vec())));
            rest = &rest[cut..];
        }
        pipe.bytes += length;
        (length, times)
    }

    /// Ends the direction towards a side. Returns when that arrives.
    pub(super) fn end(&mut self, to: usize, arrival: Duration) -> Duration {
        let pipe = &mut self.pipes[to];
        pipe.ended = true;
        pipe.push(arrival, Piece::End)
    }

    /// Takes the next piece that has arrived at a side.
    pub(super) fn receive(&mut self, side: usize, now: Duration) -> Option<Piece> {
        let pipe = &mut self.pipes[side];
        pipe.pieces.front().filter(|(at, _)| *at <= now)?;
        let (_, piece) = pipe.pieces.pop_front()?;
        if let Piece::Bytes(bytes) = &piece {
            pipe.bytes -= bytes.len();
        }
        Some(piece)
    }

    /// Whether something has arrived at a side.
    pub(super) fn has_arrived(&self, side: usize, now: Duration) -> bool {
        self.pipes[side].pieces.front().is_some_and(|(at, _)| *at <= now)
    }

    /// Whether nothing can be sent towards a side for now.
    pub(super) fn is_full(&self, to: usize) -> bool {
        self.pipes[to].bytes >= self.window
    }
}

impl Pipe {
    fn push(&mut self, at: Duration, piece: Piece) -> Duration {
        let at = self.pieces.back().map_or(at, |(last, _)| at.max(*last));
        self.pieces.push_back((at, piece));
        at
    }
}
