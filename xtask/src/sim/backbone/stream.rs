//! A simulated stream: messages with dense sequences, on replicas that may lack some of them.

use std::collections::VecDeque;
use std::rc::Rc;

use herd::backbone::{Header, StreamState};

/// The number of servers that keep the stream.
pub(in crate::sim) const REPLICAS: usize = 3;

/// A message of a node.
#[derive(Debug)]
pub(in crate::sim) struct Message {
    pub(in crate::sim) node: usize,
    pub(in crate::sim) header: Header,
    pub(in crate::sim) lines: Vec<u8>,
}

/// One life of the stream.
#[derive(Debug)]
pub(in crate::sim) struct Stream {
    pub(in crate::sim) epoch: u64,
    /// The sequence of the oldest message.
    first: u64,
    messages: VecDeque<Stored>,
}

#[derive(Debug)]
struct Stored {
    message: Rc<Message>,
    /// Whether each replica lacks it.
    lacks: [bool; REPLICAS],
}

impl Stream {
    pub(in crate::sim) fn new(epoch: u64) -> Stream {
        Stream { epoch, first: 1, messages: VecDeque::new() }
    }

    /// What a node learns when it begins to read.
    pub(in crate::sim) fn state(&self) -> StreamState {
        let last = self.first + self.messages.len() as u64 - 1;
        StreamState { epoch: self.epoch, first: self.first, last }
    }

    /// Stores a message. Returns its sequence.
    pub(in crate::sim) fn store(&mut self, message: Message, lacks: [bool; REPLICAS]) -> u64 {
        self.messages.push_back(Stored { message: Rc::new(message), lacks });
        self.state().last
    }

    /// The first message from `from` on that a replica has.
    pub(in crate::sim) fn next(&self, replica: usize, from: u64) -> Option<(u64, Rc<Message>)> {
        let skipped = from.saturating_sub(self.first) as usize;
        let rest = (self.first..).zip(&self.messages).skip(skipped);
        let mut kept = rest.filter(|(_, stored)| !stored.lacks[replica]);
        kept.next().map(|(sequence, stored)| (sequence, Rc::clone(&stored.message)))
    }

    /// The header of the last message of a node that a replica has.
    pub(in crate::sim) fn last_header(&self, replica: usize, node: usize) -> Option<Header> {
        let kept = self.messages.iter().rev().filter(|stored| !stored.lacks[replica]);
        kept.map(|stored| &stored.message).find(|message| message.node == node).map(|message| message.header)
    }

    /// Drops the oldest messages, but not the last one.
    pub(in crate::sim) fn truncate(&mut self, percent: u8) {
        let count = self.messages.len() * usize::from(percent) / 100;
        let count = count.min(self.messages.len().saturating_sub(1));
        self.messages.drain(..count);
        self.first += count as u64;
    }

    /// Makes all replicas have the last message.
    pub(in crate::sim) fn restore_last(&mut self) {
        if let Some(last) = self.messages.back_mut() {
            last.lacks = [false; REPLICAS];
        }
    }
}
