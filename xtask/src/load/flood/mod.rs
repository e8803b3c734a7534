//! Measures flood latency: the time from the sending of an update until the last watcher has it.
//!
//! The sender and all watchers are threads of one process, so they share a clock. Each update is of
//! another client, so that no update supersedes another.

mod sender;
mod watcher;

pub use sender::Sender;
pub use watcher::{Watch, Watcher};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::load::Latency;

/// The timeout until all watchers have seen an update.
const SEEN: Duration = Duration::from_secs(10);

/// The settings of a measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flood {
    /// The server that updates are sent to, and its protocol.
    pub sender: Sender,
    /// The watchers.
    pub watchers: Vec<Watch>,
    /// The updates a second; `None` to send each update after all watchers have seen the last one.
    pub rate: Option<f64>,
    /// The time for which updates are sent.
    pub duration: Duration,
}

/// The result of a measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FloodOutcome {
    /// The number of updates sent. All watchers have seen all of them.
    pub updates: u64,
    /// The time from the sending to the last watcher, in microseconds.
    pub latency: Latency,
    /// The longest time by which an update was sent too late, in microseconds: because the
    /// generator was slow, or because the server did not read.
    pub latest: f64,
}

/// The time at which each watcher saw each update, in nanoseconds since the start; 0 for not yet.
struct Sightings {
    started: Instant,
    seen: Vec<Vec<AtomicU64>>,
}

/// Sends updates, and measures when the watchers see them.
///
/// # Errors
/// A server cannot be reached, or a watcher does not see an update in time.
pub fn measure_flood(flood: &Flood) -> Result<FloodOutcome> {
    // Without a rate fewer updates than this are sent, because each waits for the one before.
    let most = (flood.rate.unwrap_or(20_000.0) * flood.duration.as_secs_f64()).ceil() as usize + 1;
    let slots = || (0..most).map(|_| AtomicU64::new(0)).collect();
    let seen = flood.watchers.iter().map(|_| slots()).collect();
    let sightings = Arc::new(Sightings { started: Instant::now(), seen });
    for (number, watch) in flood.watchers.iter().enumerate() {
        let sightings = Arc::clone(&sightings);
        let mut watcher = watch.begin().with_context(|| format!("cannot watch {watch:?}"))?;
        thread::spawn(move || watcher.watch(|update| sightings.add(number, update)));
    }
    let mut sender = flood.sender.connect()?;
    warm_up(&mut sender, &sightings)?;
    let mut sent = vec![sightings.started.elapsed()];
    let mut latest = Duration::ZERO;
    let started = Instant::now();
    while started.elapsed() < flood.duration && sent.len() < most {
        let Some(rate) = flood.rate else {
            sent.push(sightings.started.elapsed());
            sender.send(sent.len() - 1..sent.len())?;
            sightings.wait_for(sent.len() - 1)?;
            continue;
        };
        let due = Duration::from_secs_f64(sent.len() as f64 / rate);
        thread::sleep(due.saturating_sub(started.elapsed()));
        let elapsed = started.elapsed();
        latest = latest.max(elapsed.saturating_sub(due));
        let all_due = ((elapsed.as_secs_f64() * rate) as usize + 1).min(most);
        let first = sent.len();
        sent.resize(all_due.max(first), sightings.started.elapsed());
        sender.send(first..sent.len())?;
    }
    let mut latencies = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
    for (update, sent) in sent.iter().enumerate().skip(1) {
        latencies.saturating_record((sightings.wait_for(update)?.saturating_sub(*sent)).as_nanos() as u64);
    }
    let latest = latest.as_secs_f64() * 1e6;
    Ok(FloodOutcome { updates: sent.len() as u64 - 1, latency: Latency::of(&latencies), latest })
}

/// Sends the first update again and again until all watchers have seen it. A cluster may accept
/// connections before its members are connected with each other.
fn warm_up(sender: &mut sender::Sending, sightings: &Sightings) -> Result<()> {
    let begun = Instant::now();
    while !sightings.seen.iter().all(|slots| slots[0].load(Ordering::Acquire) > 0) {
        ensure!(begun.elapsed() < SEEN, "not all watchers saw the first update within {SEEN:?}");
        sender.send(0..1)?;
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Starts watchers that discard everything until the process ends.
///
/// # Errors
/// A server cannot be reached.
pub fn sink(watchers: &[Watch]) -> Result<()> {
    for watch in watchers {
        let mut watcher = watch.begin().with_context(|| format!("cannot watch {watch:?}"))?;
        thread::spawn(move || watcher.discard());
    }
    Ok(())
}

impl Sightings {
    fn add(&self, watcher: usize, update: usize) {
        if let Some(slot) = self.seen[watcher].get(update) {
            slot.store(self.started.elapsed().as_nanos() as u64, Ordering::Release);
        }
    }

    /// Waits until all watchers have seen an update, and returns the time of the last one.
    fn wait_for(&self, update: usize) -> Result<Duration> {
        let begun = Instant::now();
        let mut last = 0;
        for (watcher, slots) in self.seen.iter().enumerate() {
            loop {
                let seen = slots[update].load(Ordering::Acquire);
                if seen > 0 {
                    last = last.max(seen);
                    break;
                }
                ensure!(
                    begun.elapsed() < SEEN,
                    "watcher {watcher} did not see update {update} within {SEEN:?}"
                );
                // Sleep instead of yielding, which would take a core from the servers.
                thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(Duration::from_nanos(last))
    }
}

/// The start of the client ids. The number of the update follows.
const CLIENT: &str = "flood-";

/// The client id of an update, from which watchers read the update's number.
pub fn client(update: usize) -> String {
    format!("{CLIENT}{update:08}")
}

/// The number of the update in a line; `None` if the line has no update.
fn update_in(line: &[u8]) -> Option<usize> {
    let start = memchr::memmem::find(line, CLIENT.as_bytes())? + CLIENT.len();
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&line[start..start + digits]).ok()?.parse().ok()
}
