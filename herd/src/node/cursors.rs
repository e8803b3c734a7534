//! How far a node has got with what others have, as a journal keeps it.

use super::Node;
use super::backbone::Stream;
use super::neighbours::Cursor;

impl Node {
    /// Returns the name of each neighbour, and how far this node has heard its change log. Then
    /// come, with names that no node can have, the window up to which reports are forgotten and, if
    /// the node reads a stream of the backbone, how far it has read.
    pub fn cursors(&self) -> impl Iterator<Item = (&str, Cursor)> {
        let neighbours = self.neighbours.iter().map(|(id, name)| (name, self.neighbours[id].cursor));
        neighbours.chain([self.named_horizon()]).chain(self.stream.iter().map(Stream::named_cursor))
    }

    /// Restores a cursor from a journal. One for a node that is not a neighbour is ignored, and so
    /// is one for a stream that the node does not read, or that it has read for fewer shards.
    pub fn restore_cursor(&mut self, name: &str, cursor: Cursor) {
        if let Some(id) = self.neighbours.find(name) {
            self.neighbours[id].cursor = cursor;
        } else if self.restore_horizon(name, cursor) {
            // It is the window up to which reports are forgotten.
        } else if let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_read_by(name)) {
            stream.cursor = cursor;
        }
    }

    /// Forgets how far neighbours have been heard, in both directions, so that they send everything
    /// again, and how far a stream of the backbone has been read.
    pub fn forget_cursors(&mut self) {
        self.neighbours.forget_all();
        if let Some(stream) = &mut self.stream {
            stream.cursor = Cursor::default();
        }
    }
}
