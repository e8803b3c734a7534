//! The program that runs one seed, and says what came of it as one line of JSON.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use super::Report;
use super::world::run;
use crate::cluster::graphs::Graph;
use crate::oracle::timeline;
use crate::oracle::{Durability, check};
use crate::sim::plan::{Given, Plan};
use crate::text::print;

/// Which run.
#[derive(Debug, Parser)]
pub struct OneSeed {
    /// Draws all of it.
    #[arg(long)]
    seed: u64,

    /// How many nodes.
    #[arg(long)]
    nodes: usize,

    /// On which graph, if that is not to be drawn.
    #[arg(long)]
    graph: Option<Graph>,

    /// How many milliseconds a segment is under way at least, if that is not to be drawn.
    #[arg(long)]
    latency: Option<u64>,

    /// When what nodes know is on disk, if that is not to be drawn.
    #[arg(long)]
    durability: Option<Durability>,

    /// The command that does the same again.
    #[arg(long)]
    again: String,

    /// Where nodes keep what they know while it runs, and where a history goes that is not right.
    #[arg(long)]
    folder: PathBuf,
}

impl OneSeed {
    /// Runs it.
    ///
    /// # Errors
    /// A node cannot be started, or a file cannot be written.
    pub fn run(&self) -> Result<()> {
        let latency = self.latency.map(Duration::from_millis);
        let plan = Plan::draw(
            self.seed,
            self.nodes,
            Given { graph: self.graph, latency, durability: self.durability },
        );
        let data = self.folder.join(format!("data-{}", std::process::id()));
        let ran = run(&plan, &self.again, &data);
        let _ = fs::remove_dir_all(&data);
        let ran = ran?;
        let verdict = check(&ran.history);
        let [history, picture] =
            ["jsonl", "html"].map(|kind| self.folder.join(format!("seed-{}.{kind}", self.seed)));
        if !verdict.violations.is_empty() || ran.settled.is_none() {
            ran.history.write(&history)?;
            timeline::write(&ran.history, &verdict, &picture)?;
        }
        let mut hasher = DefaultHasher::new();
        for event in &ran.history.events {
            hasher.write(serde_json::to_string(event)?.as_bytes());
        }
        let report = Report {
            seed: self.seed,
            acknowledged: verdict.acknowledged,
            excused: verdict.excused,
            settled: ran.settled,
            violations: verdict.violations.iter().map(ToString::to_string).collect(),
            history,
            trace: hasher.finish(),
        };
        print(&(serde_json::to_string(&report).context("a report is JSON")? + "\n"))
    }
}
