//! A simulated connection between two nodes. Bytes arrive in order, in segments that are cut
//! anywhere, each with its own delay.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;

/// A connection. Side 0 dialled it.
#[derive(Debug)]
pub(super) struct Wire {
    /// The machine at each side.
    pub(super) machines: [usize; 2],
    /// The number of that machine's process at each side.
    pub(super) lives: [u64; 2],
    /// The segments in transit to each side.
    pipes: [Pipe; 2],
    /// The most bytes in transit in each direction. A sender waits while the window is full.
    window: usize,
}

#[derive(Debug, Default)]
struct Pipe {
    segments: VecDeque<(Duration, Segment)>,
    bytes: usize,
    ended: bool,
}

/// A segment that arrives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Segment {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The end of the stream: the other side has closed the connection.
    End,
}

impl Wire {
    pub(super) fn new(machines: [usize; 2], lives: [u64; 2], window: usize) -> Wire {
        Wire { machines, lives, pipes: Default::default(), window }
    }

    /// Sends the bytes that fit into the window towards a side, in segments that stay in order.
    /// Returns their number, and the times at which the segments arrive if no fault stops them.
    pub(super) fn send(
        &mut self,
        to: usize,
        bytes: &[u8],
        mut arrival: impl FnMut() -> Duration,
        rng: &mut Rng,
    ) -> (usize, Vec<Duration>) {
        let pipe = &mut self.pipes[to];
        let length = if pipe.ended { 0 } else { bytes.len().min(self.window - pipe.bytes) };
        let mut rest = &bytes[..length];
        let mut times = Vec::new();
        while !rest.is_empty() {
            let cut = if rng.u8(..4) == 0 { rng.usize(1..=rest.len()) } else { rest.len() };
            times.push(pipe.push(arrival(), Segment::Bytes(rest[..cut].to_vec())));
            rest = &rest[cut..];
        }
        pipe.bytes += length;
        (length, times)
    }

    /// Closes the direction towards a side. Returns the time at which the close arrives.
    pub(super) fn end(&mut self, to: usize, arrival: Duration) -> Duration {
        let pipe = &mut self.pipes[to];
        pipe.ended = true;
        pipe.push(arrival, Segment::End)
    }

    /// Returns the next segment that has arrived at a side.
    pub(super) fn receive(&mut self, side: usize, now: Duration) -> Option<Segment> {
        let pipe = &mut self.pipes[side];
        pipe.segments.front().filter(|(at, _)| *at <= now)?;
        let (_, segment) = pipe.segments.pop_front()?;
        if let Segment::Bytes(bytes) = &segment {
            pipe.bytes -= bytes.len();
        }
        Some(segment)
    }

    /// Returns whether a segment has arrived at a side.
    pub(super) fn has_arrived(&self, side: usize, now: Duration) -> bool {
        self.pipes[side].segments.front().is_some_and(|(at, _)| *at <= now)
    }

    /// Returns whether the window towards a side is full.
    pub(super) fn is_full(&self, to: usize) -> bool {
        self.pipes[to].bytes >= self.window
    }
}

impl Pipe {
    fn push(&mut self, at: Duration, segment: Segment) -> Duration {
        let at = self.segments.back().map_or(at, |(last, _)| at.max(*last));
        self.segments.push_back((at, segment));
        at
    }
}
