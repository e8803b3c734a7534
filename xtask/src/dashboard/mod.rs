//! What the dashboard of a herd can ask of this harness: to break the herd, to mend it, and to play
//! lessons on it.

mod harness;
mod lesson;
mod lesson_herd;
mod lessons;

pub use harness::SupervisedHarness;
pub use lessons::LESSONS;
