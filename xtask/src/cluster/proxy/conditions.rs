//! The conditions under which a proxy carries bytes.

use std::fmt;
use std::time::Duration;

/// The conditions of one direction between two nodes. By default there is no fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The time by which every byte is delayed. The proxy holds the bytes in transit, up to a
    /// limit.
    pub delay: Duration,
    /// Whether bytes are held until this condition ends. Neither side gets an error.
    pub black_hole: bool,
    /// Whether bytes are delivered one by one.
    pub slices: bool,
    /// The most bytes a second.
    pub bandwidth: Option<u64>,
    /// Resets each connection after a random number of bytes, which is at most this.
    pub reset_within: Option<u64>,
    /// Whether open and new connections are reset.
    pub cut: bool,
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (!self.delay.is_zero()).then(|| format!("delayed by {:?}", self.delay)),
            self.black_hole.then(|| "swallowed".to_owned()),
            self.slices.then(|| "byte by byte".to_owned()),
            self.bandwidth.map(|bytes| format!("limited to {bytes} bytes a second")),
            self.reset_within.map(|bytes| format!("reset within {bytes} bytes")),
            self.cut.then(|| "cut".to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}
