//! A line from a neighbour, parsed.

use crate::message::{LinkLine, Update};
use crate::node::{Node, Place};

/// A line from a neighbour, parsed before it is [applied](super::Link::receive_parsed). Several
/// lines can be parsed, and the records of their clients looked up together, before the first of
/// them is applied.
#[derive(Clone, Debug)]
pub struct HeardLine<'a> {
    pub(super) line: &'a [u8],
    /// The line's meaning, if it has one.
    pub(super) parsed: Option<LinkLine<'a>>,
    /// The update, if the line is an acceptable one.
    pub(super) update: Option<Update<'a>>,
    /// Where the record of the update's client probably is.
    place: Option<Place>,
}

impl<'a> HeardLine<'a> {
    /// Parses a line without its line end.
    pub fn parse(line: &'a [u8]) -> HeardLine<'a> {
        let parsed = LinkLine::parse(line);
        let update = if let Some(LinkLine::Update(line)) = parsed { Update::parse(line) } else { None };
        HeardLine { line, parsed, update, place: None }
    }

    /// Looks up where the record of the update's client probably is, for
    /// [`preload`](Node::preload).
    pub fn locate(&mut self, node: &Node) {
        self.place = self.update.map(|update| node.locate(update.client));
    }

    /// Returns what [`locate`](Self::locate) has found.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Returns the line without its line end.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }
}
