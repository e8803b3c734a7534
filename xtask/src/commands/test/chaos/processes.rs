//! `chaos` on real processes.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::chaos::{self, Chaos, FaultName, Length};
use crate::cluster::herd_file::HerdFile;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::oracle::Durability;
use crate::text::print;

/// Of real processes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Without those, on real processes")]
pub(super) struct Processes {
    /// Draws what happens [default: another one each time, which is told].
    #[arg(long, conflicts_with = "simulation")]
    seed: Option<u64>,

    /// How many faults, one after another.
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "simulation")]
    rounds: u32,

    /// For how many minutes, instead of a number of faults.
    #[arg(long, value_name = "M", conflicts_with_all = ["simulation", "rounds"], value_parser = clap::value_parser!(u32).range(1..))]
    minutes: Option<u32>,

    /// What may happen [default: all of it that can happen here].
    #[arg(long, value_name = "FAULT,..", value_delimiter = ',', conflicts_with = "simulation")]
    faults: Vec<FaultName>,

    /// Reports a second, at all nodes together.
    #[arg(long, value_name = "R", default_value_t = 1000, conflicts_with = "simulation", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,

    /// A herd of fixtures/herds by its name, or any herd file.
    #[arg(long, value_name = "NAME|FILE", default_value = "2015-winter", conflicts_with = "simulation")]
    herd: String,

    /// Links are plain TCP: what is cut is cut between bytes of lines.
    #[arg(long, conflicts_with = "simulation")]
    insecure_links: bool,
}

impl Processes {
    /// Breaks real processes.
    ///
    /// # Errors
    /// A fault that was asked for cannot happen here, or a promise was broken.
    pub(super) fn run(&self, durability: Option<Durability>) -> Result<()> {
        let seed = self.seed.map_or_else(getrandom::u64, Ok)?;
        let when = durability.unwrap_or(Durability::Everysec);
        let file = HerdFile::find(&self.herd)?;
        let (faults, left_out) = chaos::possible(&self.faults, file.herd(), when)?;
        let again = self.command(seed, &faults, durability);
        let chaos = Chaos {
            seed,
            length: self.length(),
            rate: self.rate,
            file,
            program: herd_binary(Profile::Debug)?,
            durability: when,
            faults,
            insecure_links: self.insecure_links,
            folder: target_dir()?.join("chaos").join(format!("processes-{seed}")),
            again: again.clone(),
        };
        let left_out = left_out.iter().map(|why| format!("{why}\n")).collect::<String>();
        print(&format!("{again}\n{left_out}"))?;
        let outcome = chaos.run(print).with_context(|| {
            format!("not run to the end (logs in {}); again by `{again}`", chaos.folder.display())
        })?;
        chaos::tell(&outcome, &again)
    }

    fn length(&self) -> Length {
        let minutes = |minutes| Length::Time(Duration::from_secs(60) * minutes);
        self.minutes.map_or(Length::Rounds(self.rounds), minutes)
    }

    /// The command that does the same with a seed, wherever these faults can happen.
    fn command(&self, seed: u64, faults: &[FaultName], durability: Option<Durability>) -> String {
        let mut command = format!("cargo xtask chaos --seed {seed}");
        command += &match self.minutes {
            Some(minutes) => format!(" --minutes {minutes}"),
            None => format!(" --rounds {}", self.rounds),
        };
        command += &format!(" --rate {} --herd {}", self.rate, self.herd);
        if faults != FaultName::value_variants() {
            let names: Vec<String> = faults.iter().map(ToString::to_string).collect();
            command += &format!(" --faults {}", names.join(","));
        }
        command += if self.insecure_links { " --insecure-links" } else { "" };
        command + &durability.map(|when| format!(" --durability {when}")).unwrap_or_default()
    }
}
