//! Flood latency: from the moment an update is sent until the last of those who watch for it has it.
//!
//! All watchers are threads of this process, so their clock is the sender's. Each update is of a client of its own:
//! none is superseded on its way.

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

/// How long an update may take to be seen everywhere.
const SEEN: Duration = Duration::from_secs(10);

/// What is sent, and who watches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flood {
    /// Where and how updates are sent.
    pub sender: Sender,
    /// Where they are seen.
    pub watchers: Vec<Watch>,
    /// Updates a second; `None` for one at a time, each after the last one has been seen everywhere.
    pub rate: Option<f64>,
    /// For how long updates are sent.
    pub duration: Duration,
}

/// What was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Updates sent, all of which were seen everywhere.
    pub updates: u64,
    /// From the sending to the last watcher, in microseconds.
    pub latency: Latency,
    /// The longest that an update was sent after it was due, in microseconds: of the generator itself, or of a server
    /// that took none.
    pub latest: f64,
}

/// When each watcher saw each update, in nanoseconds since the start; 0 for not yet.
struct Sightings {
    started: Instant,
    seen: Vec<Vec<AtomicU64>>,
}

/// Sends and watches.
///
/// # Errors
/// Somebody cannot be reached, or an update was not seen everywhere in time.
pub fn run(flood: &Flood) -> Result<Outcome> {
    // One at a time is never more than this.
    let most = (flood.rate.unwrap_or(20_000.0) * flood.duration.as_secs_f64()).ceil() as usize + 1;
    let slots = || (0..most).map(|_| AtomicU64::new(0)).collect();
    let seen = flood.watchers.iter().map(|_| slots()).collect();
    let sightings = Arc::new(Sightings { started: Instant::now(), seen });
    for (number, watch) in flood.watchers.iter().enumerate() {
        let sightings = Arc::clone(&sightings);
        let mut watcher = watch.begin().with_context(|| format!("cannot watch {watch:?}"))?;
        thread::spawn(move || watcher.watch(|update| sightings.note(number, update)));
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
    Ok(Outcome { updates: sent.len() as u64 - 1, latency: Latency::of(&latencies), latest })
}

/// Sends the first update until all have seen it: a cluster may listen before its members know each other.
fn warm_up(sender: &mut sender::Sending, sightings: &Sightings) -> Result<()> {
    let begun = Instant::now();
    while !sightings.seen.iter().all(|slots| slots[0].load(Ordering::Acquire) > 0) {
        ensure!(begun.elapsed() < SEEN, "the first update was not seen everywhere in {SEEN:?}");
        sender.send(0..1)?;
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Takes what is said to watchers, and looks at none of it, until the process ends.
///
/// # Errors
/// Somebody cannot be reached.
pub fn sink(watchers: &[Watch]) -> Result<()> {
    for watch in watchers {
        let mut watcher = watch.begin().with_context(|| format!("cannot be a neighbour: {watch:?}"))?;
        thread::spawn(move || watcher.discard());
    }
    Ok(())
}

impl Sightings {
    fn note(&self, watcher: usize, update: usize) {
        if let Some(slot) = self.seen[watcher].get(update) {
            slot.store(self.started.elapsed().as_nanos() as u64, Ordering::Release);
        }
    }

    /// Waits until all have seen an update, and says when the last one did.
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
                    "update {update} was not seen by watcher {watcher} in {SEEN:?}"
                );
                // Not a yield, which would take a core from the servers.
                thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(Duration::from_nanos(last))
    }
}

/// What the clients of a flood are called, before their number.
const CLIENT: &str = "flood-";

/// The client that an update is about, from which its watchers know its number.
pub fn client(update: usize) -> String {
    format!("{CLIENT}{update:08}")
}

/// The number of an update in a line that holds its client.
fn update_in(line: &[u8]) -> Option<usize> {
    let start = memchr::memmem::find(line, CLIENT.as_bytes())? + CLIENT.len();
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&line[start..start + digits]).ok()?.parse().ok()
}
