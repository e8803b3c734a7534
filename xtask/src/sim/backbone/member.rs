//! What a process keeps for the backbone: the state of the tasks that publish and read.

use std::collections::VecDeque;
use std::time::Duration;

use herd::backbone::pace::FIRST_PAUSE;
use herd::backbone::{Absent, AgainRequest, Answers, Parting, Publisher, Reader, StreamState};
use herd::node::{Selection, Shards};

/// The state of a process.
#[derive(Debug)]
pub(in crate::sim) struct Member {
    /// The number of the latest attempt to publish.
    pub(in crate::sim) attempts: u64,
    /// The attempt, unless it has failed.
    pub(in crate::sim) attempt: Option<Attempt>,
    pub(in crate::sim) pause: Duration,
    /// What has not been published again as a whole.
    pub(in crate::sim) unfinished: Vec<Selection>,
    /// The requests of other regions.
    pub(in crate::sim) answers: Answers,
    pub(in crate::sim) absent: Absent,
    /// What becomes of the records of other shards.
    pub(in crate::sim) parting: Parting,
    /// `None` if the node does not read.
    pub(in crate::sim) reading: Option<Reading>,
}

/// An attempt to publish, until it fails.
#[derive(Debug)]
pub(in crate::sim) struct Attempt {
    /// The epoch of the stream.
    pub(in crate::sim) epoch: u64,
    pub(in crate::sim) publisher: Publisher,
    /// The messages under way, the oldest first.
    pub(in crate::sim) sent: VecDeque<Sent>,
    /// When the next messages may be sent, and whether that is scheduled.
    pub(in crate::sim) next: Duration,
    pub(in crate::sim) is_due: bool,
}

/// A message under way.
#[derive(Debug)]
pub(in crate::sim) struct Sent {
    pub(in crate::sim) number: u64,
    /// The sequence in its acknowledgement.
    pub(in crate::sim) stored: Option<u64>,
}

/// The state of the reader.
#[derive(Debug)]
pub(in crate::sim) struct Reading {
    /// The number of the latest attempt.
    pub(in crate::sim) attempts: u64,
    pub(in crate::sim) reader: Reader,
    /// Where it reads, unless the attempt has failed.
    pub(in crate::sim) consumer: Option<Consumer>,
    /// What it asks before it begins to read a stream.
    pub(in crate::sim) first: Option<(StreamState, AgainRequest)>,
    /// How often it has asked other regions, and whether it waits for an answer.
    pub(in crate::sim) asks: u64,
    pub(in crate::sim) waits: bool,
    /// When it asks them next.
    pub(in crate::sim) ask_at: Duration,
}

/// A read of a replica.
#[derive(Debug)]
pub(in crate::sim) struct Consumer {
    /// The epoch of the stream.
    pub(in crate::sim) epoch: u64,
    pub(in crate::sim) replica: usize,
    /// The next sequence.
    pub(in crate::sim) next: u64,
    /// Whether a delivery is scheduled.
    pub(in crate::sim) is_due: bool,
}

impl Member {
    /// Returns the state of a process that has begun. `reader` is its reader, if it reads.
    pub(in crate::sim) fn new(reader: Option<Reader>, shards: Shards) -> Member {
        Member {
            attempts: 0,
            attempt: None,
            pause: FIRST_PAUSE,
            unfinished: Vec::new(),
            answers: Answers::default(),
            absent: Absent::default(),
            parting: Parting::new(shards),
            reading: reader.map(|reader| Reading {
                attempts: 0,
                reader,
                consumer: None,
                first: None,
                asks: 0,
                waits: false,
                ask_at: Duration::ZERO,
            }),
        }
    }
}
