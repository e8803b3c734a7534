//! What happens to bytes on their way.

use std::fmt;
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

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = [
            (!self.delay.is_zero()).then(|| format!("{:?} late", self.delay)),
            self.black_hole.then(|| "into a black hole".to_owned()),
            self.slices.then(|| "byte by byte".to_owned()),
            self.bandwidth.map(|bytes| format!("{bytes} bytes a second")),
            self.reset_within.map(|bytes| format!("reset within {bytes} bytes")),
            self.cut.then(|| "cut".to_owned()),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        f.write_str(&said.join(", "))
    }
}
