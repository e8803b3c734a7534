//! Answering, pure: which requests of other regions a node has taken, and what has become of them.

use std::collections::VecDeque;

use super::publisher::Publisher;
use super::requests::{AgainAnswer, AgainRequest};
use crate::node::{Cursor, Node, Selection, Shards};

/// The most requests that are remembered. A region has two nodes that ask, and one request of each
/// lasts.
const REMEMBERED: usize = 64;

/// The requests that a node has taken, the oldest first.
#[derive(Debug, Default)]
pub struct Answers {
    taken: VecDeque<Taken>,
}

#[derive(Debug)]
struct Taken {
    number: u64,
    /// How far the node had read the stream when it began to publish what is asked for.
    read: Cursor,
    /// The shards that this node publishes.
    shards: Shards,
    selection: Selection,
}

impl Answers {
    /// Takes a request of another region, or says what has become of it. Returns `None` if another
    /// node has to answer: this one holds none of the shards, or has read less of the stream than
    /// is needed.
    pub fn take(
        &mut self,
        node: &Node,
        publisher: &mut Publisher,
        request: &AgainRequest,
    ) -> Option<AgainAnswer> {
        let shards = request.shards.common(node.table().shards());
        if shards.are_none() {
            return None;
        }
        let is_taken =
            |taken: &&Taken| taken.number == request.number && taken.read.sequence >= request.least;
        if let Some(taken) = self.taken.iter().find(is_taken) {
            return Some(taken.answer(publisher));
        }
        let selection = Selection::Herd { since: request.since.clone(), shards };
        // What is being published may be in messages that this node has read since it began, and a
        // region that begins to read later would not see them.
        let read = match publisher.is_publishing(&selection) {
            true => self.taken.iter().rfind(|taken| taken.selection == selection).map(|taken| taken.read),
            false => node.stream_cursor(),
        };
        let read = read.filter(|read| read.epoch == request.stream).unwrap_or_default();
        if read.sequence < request.least {
            return None;
        }
        publisher.publish_again(node, selection.clone());
        if self.taken.len() == REMEMBERED {
            self.taken.pop_front();
        }
        let taken = Taken { number: request.number, read, shards, selection };
        let answer = taken.answer(publisher);
        self.taken.push_back(taken);
        Some(answer)
    }
}

impl Taken {
    fn answer(&self, publisher: &Publisher) -> AgainAnswer {
        let is_published = publisher.unfinished().all(|selection| *selection != self.selection);
        AgainAnswer { read: self.read.sequence, shards: self.shards, is_published }
    }
}
