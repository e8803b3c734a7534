//! What happens to bytes on their way.

use std::time::Duration;

/// What happens to what goes one way between two nodes. By default, nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Everything arrives so much later. As much is under way as was sent meanwhile, up to a window.
    pub delay: Duration,
    /// Nothing arrives before this is over, and neither side is told.
    pub black_hole: bool,
    /// Every byte arrives in a segment of its own.
    pub slices: bool,
    /// At most so many bytes arrive a second.
    pub bandwidth: Option<u64>,
    /// Each connection is reset after a number of bytes that is drawn anew each time, at most this.
    pub reset_within: Option<u64>,
    /// Connections are reset, and so is each new one.
    pub cut: bool,
}
