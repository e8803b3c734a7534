//! Reading, pure: which message of a stream comes next, whether one is missing, and what has to be
//! asked for therefore.

use std::collections::BTreeMap;

use super::message::Header;
use super::requests::{AgainAnswer, AgainRequest};
use crate::bug::{Bug, is_planted};
use crate::node::{Cursor, Node, Shards};

/// What is known of a stream when a node begins to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// One number for each life of the stream: sequences of another life mean nothing. It is never
    /// 0.
    pub epoch: u64,
    /// The sequences of the first and the last message that it has. If it has none, `first` is
    /// that of the next message.
    pub first: u64,
    /// The sequence of the last message.
    pub last: u64,
}

/// Where a node begins to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After the last message that it has read.
    Resumed,
    /// At the first message, since it has no place in any stream.
    Fresh,
    /// At the first message of a stream that was created again since it read.
    NewStream,
    /// At the first message that is left. Earlier ones that it has not read are gone.
    Behind,
}

/// How many messages are read without asking whether another region saves the reading.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    /// If the node goes on after the last message that it has read.
    pub resumed: u64,
    /// If it begins at the first message.
    pub first: u64,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Apply it.
    Apply,
    /// Drop it: it has been read before.
    Known,
    /// Begin to read again, since this number of messages before it are missing.
    Hole(u64),
}

/// How often a node begins to read again at a hole before it goes on behind it. Another replica of
/// the stream may have what is missing here.
pub const ATTEMPTS: u32 = 5;

/// How often nobody answers a request before a node counts as knowing all that it can.
const UNANSWERED: u32 = 3;

/// A reader of a stream, whose sequences have no gaps. A message that is missing was therefore
/// lost.
#[derive(Debug)]
pub struct Reader {
    /// The region of the node, and the shards that it holds.
    region: String,
    shards: Shards,
    /// How far it has read. The cursor of the node stays behind while something is lacking, so that
    /// a process that starts again asks for it again.
    read: Cursor,
    /// The sequence before the latest hole, and how often reading has begun again there.
    hole: u64,
    attempts: u32,
    /// The windows in the latest headers, by the names of the nodes. What was lost later was
    /// received in them or later.
    windows: BTreeMap<String, u64>,
    /// What other regions have to be asked for; `None` if this node lacks nothing.
    lacks: Option<AgainRequest>,
    /// Whether a message may have updates of any window that this node lacks: it did not read on
    /// where it was, or others have published again what it lacked.
    lacks_older: bool,
    /// The number of the latest request, and how often nobody has answered it.
    number: u64,
    unanswered: u32,
    /// Whether it reads all messages, since asking first was in vain.
    reads_all: bool,
    /// The sequence of the last message that was skipped: the node cannot know what it had.
    skipped: u64,
}

impl Reader {
    /// Returns a reader of a node in the region `region` that holds `shards`. Its requests have the
    /// numbers after `number`.
    pub fn new(region: &str, shards: Shards, number: u64) -> Reader {
        Reader {
            region: region.to_owned(),
            shards,
            read: Cursor::default(),
            hole: 0,
            attempts: 0,
            windows: BTreeMap::new(),
            lacks: None,
            lacks_older: false,
            number,
            unanswered: 0,
            reads_all: false,
            skipped: 0,
        }
    }

    /// Returns what to ask other regions before this node [begins](Self::begin), if it would have
    /// to read more than `most`. A region that publishes all that it has says how much need not be
    /// read.
    pub fn asks_first(&mut self, node: &Node, stream: StreamState, most: Lengths) -> Option<AgainRequest> {
        let (from, start) = self.place(node, stream);
        let most = if start == Start::Resumed { most.resumed } else { most.first };
        let asks = stream.last + 1 - from > most && !self.reads_all;
        // A region that has not even read the first of them saves nothing.
        asks.then(|| self.next_request(stream.epoch, from))
    }

    /// Begins to read a stream, at the sequence that is returned. `answered` is what
    /// [was asked first](Self::asks_first), and the answer.
    pub fn begin(
        &mut self,
        node: &mut Node,
        stream: StreamState,
        answered: Option<(AgainRequest, AgainAnswer)>,
    ) -> (u64, Start) {
        let (mut from, start) = self.place(node, stream);
        self.lacks_older |= start != Start::Resumed || answered.is_some();
        let has_beginning = start == Start::Fresh && stream.first <= 1;
        if let Some((request, AgainAnswer { read, .. })) = answered {
            from = read + 1;
            self.lacks = Some(AgainRequest { least: read, ..request });
        } else if start != Start::Resumed && !has_beginning {
            self.lacks = Some(self.next_request(stream.epoch, 0));
        }
        let has_read_on = start == Start::Resumed && self.read.epoch == stream.epoch;
        if !has_read_on || from > self.read.sequence + 1 {
            self.skipped = from - 1;
        }
        self.read = Cursor { epoch: stream.epoch, sequence: from - 1 };
        self.keep_cursor(node);
        (from, start)
    }

    fn next_request(&mut self, stream: u64, least: u64) -> AgainRequest {
        self.number = self.number.wrapping_add(1);
        let Reader { ref region, shards, number, .. } = *self;
        AgainRequest { region: region.clone(), number, stream, least, shards, since: BTreeMap::new() }
    }

    /// Returns the first message that this node has not read, and where that is.
    fn place(&self, node: &Node, stream: StreamState) -> (u64, Start) {
        let is_this = |cursor: Cursor| {
            cursor.epoch == stream.epoch || is_planted(Bug::StreamNotRecognized) && cursor.epoch != 0
        };
        let known = if self.read.epoch != 0 { self.read } else { node.stream_cursor().unwrap_or_default() };
        let next = known.sequence + 1;
        // A cursor of another life, or beyond the end, says nothing about this stream.
        let is_known = is_this(known) && known.sequence <= stream.last;
        match is_known {
            true if next >= stream.first => (next, Start::Resumed),
            true => (stream.first, Start::Behind),
            false if known.epoch == 0 => (stream.first, Start::Fresh),
            false => (stream.first, Start::NewStream),
        }
    }

    /// Lets the node know how far it has read, unless something is lacking.
    fn keep_cursor(&self, node: &mut Node) {
        if self.lacks.is_none() {
            node.set_stream_cursor(self.read);
        }
    }

    /// Decides what to do with the message `sequence`. After a hole, [`begin`](Self::begin) must be
    /// called again. The [`ATTEMPTS`]th time it is skipped instead, and `Ok` has the number of
    /// messages that are lost.
    pub fn check(&mut self, sequence: u64) -> (Next, u64) {
        let read = self.read.sequence;
        if sequence <= read {
            return (Next::Known, 0);
        }
        let missing = sequence - read - 1;
        if missing == 0 || is_planted(Bug::HoleNotNoticed) {
            return (Next::Apply, 0);
        }
        if self.hole != read {
            self.hole = read;
            self.attempts = 0;
        }
        self.attempts += 1;
        if self.attempts <= ATTEMPTS {
            return (Next::Hole(missing), 0);
        }
        let since = if self.lacks_older { BTreeMap::new() } else { self.windows.clone() };
        let request = AgainRequest { since, ..self.next_request(self.read.epoch, 0) };
        // What has to be asked for already is as much or more, but it may have been published
        // before this was lost.
        let number = request.number;
        self.lacks.get_or_insert(request).number = number;
        self.skipped = sequence - 1;
        (Next::Apply, missing)
    }

    /// Notes the header of a message of a node, which has been applied as a whole.
    pub fn note_header(&mut self, node: String, header: Header) {
        self.windows.insert(node, header.window_in(self.read.epoch));
    }

    /// Notes that the message `sequence` has been applied as a whole.
    pub fn note_applied(&mut self, node: &mut Node, sequence: u64) {
        self.read.sequence = sequence;
        self.keep_cursor(node);
    }

    /// Returns the epoch of the stream, the sequence up to which this node has read it, and that of
    /// the last message that it has skipped in this life of its process.
    pub fn place_in_stream(&self) -> (u64, u64, u64) {
        (self.read.epoch, self.read.sequence, self.skipped)
    }

    /// Returns whether this node lacks nothing that it can get: nobody has answered for a while, or
    /// everything was published.
    pub fn is_whole(&self) -> bool {
        self.lacks.is_none() || self.unanswered >= UNANSWERED
    }

    /// Returns what other regions have to be asked for; `None` if this node lacks nothing.
    pub fn lacks(&self) -> Option<&AgainRequest> {
        self.lacks.as_ref()
    }

    /// Notes the answer to what this node lacks. Other regions are asked for the shards that are
    /// left.
    pub fn note_answer(&mut self, node: &mut Node, answer: AgainAnswer) {
        self.unanswered = 0;
        let Some(request) = self.lacks.as_mut().filter(|_| answer.is_published) else { return };
        request.shards = request.shards.without(answer.shards);
        if request.shards.are_none() {
            self.lacks_older = true;
            self.lacks = None;
            self.reads_all = false;
            self.keep_cursor(node);
        }
    }

    /// Notes that no node takes the request for what this node lacks. Returns whether reading must
    /// begin again, since what other regions have promised to publish was not read.
    #[must_use]
    pub fn note_unanswered(&mut self) -> bool {
        self.unanswered += 1;
        let has_skipped = self.lacks.as_ref().is_some_and(|request| request.least > 0);
        if has_skipped {
            self.read = Cursor::default();
            self.lacks = None;
            self.unanswered = 0;
            self.reads_all = true;
        }
        has_skipped
    }
}

/// Returns whether a node knows everything in a message that the node `publisher` has published, as
/// a part of its change log that it has heard.
pub fn is_heard(node: &Node, publisher: &str, header: &Header) -> bool {
    let end = Cursor { epoch: header.cursor.epoch, sequence: header.end };
    header.end > 0 && node.has_heard(publisher, end)
}
