//! Builds the programs that are measured. A build with optimizations takes minutes, in which cargo
//! shows its progress on a terminal, and next to nothing elsewhere.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cluster::workspace::{Profile, herd_binary};
use crate::load::generator::Generator;

/// The time between two lines about a build that goes on.
const REPORTED_EVERY: Duration = Duration::from_secs(30);

/// Returns the generator and the node program. Until they are built, `waiting` gets a line every 30
/// seconds.
///
/// # Errors
/// A program does not build. Cargo has printed the reason.
pub(super) fn build_programs(waiting: fn(&str)) -> Result<(Generator, PathBuf)> {
    let (building, has_ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || report_until(&has_ended, waiting));
        let programs = Generator::build(Profile::Release)
            .and_then(|generator| Ok((generator, herd_binary(Profile::Release)?)));
        drop(building);
        programs
    })
}

fn report_until(has_ended: &mpsc::Receiver<()>, waiting: fn(&str)) {
    let started = Instant::now();
    while has_ended.recv_timeout(REPORTED_EVERY) == Err(RecvTimeoutError::Timeout) {
        waiting(&format!("  still building after {} s", started.elapsed().as_secs()));
    }
}
