//! Publishing, pure: which updates a node puts into the next message, and what it knows to be
//! stored.

use std::collections::VecDeque;

use super::message::Header;
use crate::bug::{Bug, is_planted};
use crate::node::{Cursor, Node, Selection};

/// The size at which a message is full, in bytes. Lines of updates are short, so no message is much
/// longer.
pub const MESSAGE_BYTES: usize = 48 * 1024;

/// A reader of a node's change log that publishes what the node received itself. It has the same
/// duties as a link: it sends nothing that may be lost, and a superseded update is never sent.
#[derive(Debug)]
pub struct Publisher {
    /// The epoch of the stream.
    stream: u64,
    /// Everything up to this sequence is stored, or is not this node's to publish.
    stored: u64,
    /// Everything up to this sequence is in messages.
    read: u64,
    /// The messages that have been sent and may not be stored, the oldest first.
    in_flight: VecDeque<InFlight>,
    /// What is published besides, because somebody may lack it.
    again: Vec<Again>,
    /// The sequence of the last message that was stored.
    last: u64,
}

/// A message that may not be stored.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    /// The sequence up to which everything is stored once this message is.
    upto: u64,
    /// The window of its first update.
    window: Option<u64>,
    /// The number of jobs that are over once this message is stored.
    jobs_over: usize,
}

/// Updates that are published again.
#[derive(Clone, Debug)]
struct Again {
    selection: Selection,
    /// The sequence up to which the log has been read for it.
    read: u64,
    /// The sequence at which it ends.
    until: u64,
}

impl Publisher {
    /// Begins to publish into the stream with the epoch `stream`. `last` is the header of the last
    /// message of this node that it has.
    pub fn begin(node: &Node, stream: u64, last: Option<Header>) -> Publisher {
        let last = last.and_then(|header| header.cursor_in(stream));
        // A cursor of another epoch, or beyond the end, says nothing about this log.
        let known = last.filter(|last| last.epoch == node.epoch() && last.sequence <= node.table().head());
        let stored = known.map_or(0, |last| last.sequence);
        Publisher { stream, stored, read: stored, in_flight: VecDeque::new(), again: Vec::new(), last: 0 }
    }

    /// Publishes the selected updates again, beside the new ones. If equal ones are being published
    /// already, those that came since are added to them.
    pub fn publish_again(&mut self, node: &Node, selection: Selection) {
        let until = node.table().head();
        let is_equal = |again: &&mut Again| again.read < again.until && again.selection == selection;
        if let Some(again) = self.again.iter_mut().find(is_equal) {
            again.until = until;
        } else if until > 0 {
            // A job with nothing to read would never be over.
            self.again.push(Again { selection, read: 0, until });
        }
    }

    /// Returns whether [`publish_again`](Self::publish_again) would add to equal updates.
    pub fn is_publishing(&self, selection: &Selection) -> bool {
        self.again.iter().any(|again| again.read < again.until && again.selection == *selection)
    }

    /// Returns the selections that have not been published again as a whole.
    pub fn unfinished(&self) -> impl Iterator<Item = &Selection> {
        self.again.iter().map(|again| &again.selection)
    }

    /// Returns whether [`write_message`](Self::write_message) may find something.
    pub fn has_more(&self, node: &Node) -> bool {
        let last = node.last_to_say();
        // One job at a time, and only as far as links may send.
        let job = self.again.iter().find(|again| again.read < again.until);
        self.read < last || job.is_some_and(|again| again.read < last)
    }

    /// Appends the lines of the next message to `out`. Returns its header; `None` if there was
    /// nothing to publish among the changes that it has looked at.
    ///
    /// The header has the cursor up to which everything is stored now. It never covers the message
    /// itself or one that is under way: a later message can be stored and an earlier one lost.
    pub fn write_message(&mut self, node: &Node, out: &mut Vec<u8>) -> Option<Header> {
        let (upto, window) = node.write_selected(&Selection::Own, self.read, MESSAGE_BYTES, out);
        self.read = upto;
        let end = if out.is_empty() { 0 } else { upto };
        let mut jobs_over = 0;
        if out.is_empty()
            && let Some(again) = self.again.iter_mut().find(|again| again.read < again.until)
            && again.read < node.last_to_say()
        {
            (again.read, _) = node.write_selected(&again.selection, again.read, MESSAGE_BYTES, out);
            jobs_over = usize::from(again.read >= again.until);
        }
        if out.is_empty() {
            match self.in_flight.back_mut() {
                Some(last) => {
                    last.upto = upto;
                    last.jobs_over += jobs_over;
                }
                None => {
                    self.stored = upto;
                    self.end_jobs(jobs_over);
                }
            }
            return None;
        }
        let stored = if is_planted(Bug::HeaderAheadOfStored) { upto } else { self.stored };
        let cursor = Cursor { epoch: node.epoch(), sequence: stored };
        self.in_flight.push_back(InFlight { upto, window, jobs_over });
        let window = self.in_flight.iter().find_map(|message| message.window);
        let forgotten = node.table().forgotten();
        Some(Header { cursor, window: window.unwrap_or_default(), stream: self.stream, end, forgotten })
    }

    /// Notes that the oldest message under way is stored, as the message `sequence` of the stream.
    /// Returns `false`, and notes nothing, if it is another stream: the sequences of one grow.
    #[must_use]
    pub fn note_stored(&mut self, sequence: u64) -> bool {
        if sequence <= self.last {
            return false;
        }
        self.last = sequence;
        if let Some(message) = self.in_flight.pop_front() {
            self.stored = message.upto;
            self.end_jobs(message.jobs_over);
        }
        true
    }

    /// Returns the number of messages that may not be stored.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Returns the sequence up to which everything that this node received is stored.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Returns the sequence up to which this node has published everything of shards that it does
    /// not hold, whichever node received it.
    pub fn published(&self) -> u64 {
        let has_left = self.unfinished().any(|selection| *selection == Selection::Left);
        if has_left { 0 } else { self.stored }
    }

    /// Returns the sequence in the stream of the last message that was stored; 0 if there was none
    /// since this publisher began.
    pub fn last(&self) -> u64 {
        self.last
    }

    fn end_jobs(&mut self, count: usize) {
        self.again.drain(..count);
    }
}
