//! `chaos processes`: faults on real processes.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use strum::VariantArray;

use crate::chaos::{self, Available, Chaos, FaultName, Length, Progress};
use crate::cluster::backbone::{SERVERS, divided, halves};
use crate::cluster::former::former_program;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::commands::arguments::variant_of;
use crate::commands::print::{overwrite_progress, print};
use crate::oracle::Persistence;

/// The names of the nodes of each region, by its name.
type Regions = BTreeMap<String, Vec<String>>;

/// The nodes of a herd with shards, and what they hold. Two nodes hold each shard, and no two hold
/// the same ones.
const DIVIDED: [(&str, &str); 5] = [
    ("Alford", "0-31"),
    ("Bolden", "16-47"),
    ("Hamilton", "32-63"),
    ("Parker", "0-15,48-63"),
    ("Powell", "none"),
];

/// The URL of a server that stands for those which are started later.
const NO_SERVER: &str = "nats://127.0.0.1:4222";

/// Which faults, how many, and on which herd.
#[derive(Clone, Debug, Args)]
pub(super) struct ProcessesArgs {
    /// The seed of the fault schedule [default: random, printed]
    #[arg(long)]
    seed: Option<u64>,

    /// The number of faults, one after another
    #[arg(long, value_name = "N", default_value_t = 10)]
    rounds: u32,

    /// Run for this many minutes instead of a number of faults
    #[arg(long, value_name = "M", conflicts_with = "rounds", value_parser = clap::value_parser!(u32).range(1..))]
    minutes: Option<u32>,

    /// The faults to draw from [default: every fault that this machine allows]
    #[arg(long, value_name = "FAULT,..", value_delimiter = ',', value_parser = variant_of::<FaultName>())]
    faults: Vec<FaultName>,

    /// Reports a second, over all nodes
    #[arg(long, value_name = "R", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,

    /// A herd of fixtures/herds by its name, or a herd file
    #[arg(long, visible_alias = "config", value_name = "NAME|FILE", default_value = "2015-winter")]
    herd: String,

    /// Cut the herd in two, and join the halves by three NATS servers alone
    #[arg(long)]
    backbone: bool,

    /// Run five nodes that hold only some shards of the clients, and three NATS servers
    #[arg(long, conflicts_with_all = ["backbone", "herd"])]
    shards: bool,

    /// Start the nodes with this program, or with that of this commit; `upgrade` exchanges programs
    #[arg(long, value_name = "COMMIT|FILE")]
    former: Option<String>,

    /// When records are on disk [default: everysec]
    #[arg(long, value_name = "WHEN", value_parser = variant_of::<Persistence>())]
    durability: Option<Persistence>,

    /// Use plain TCP for links, so that cuts fall between the bytes of lines
    #[arg(long)]
    insecure_links: bool,
}

impl ProcessesArgs {
    /// Breaks real nodes.
    ///
    /// # Errors
    /// This machine does not allow a fault that was chosen, the run cannot be completed, or a
    /// promise was broken.
    pub(super) fn break_nodes(&self) -> Result<()> {
        let seed = self.seed.map_or_else(getrandom::u64, Ok)?;
        let when = self.durability.unwrap_or(Persistence::Everysec);
        let (file, regions) = self.herd()?;
        let available = Available {
            herd: file.herd(),
            has_servers: regions.is_some(),
            has_former: self.former.is_some(),
            durability: when,
        };
        let (faults, left_out) = chaos::possible_faults(&self.faults, &available)?;
        let again = self.command(seed, &faults);
        let chaos = Chaos {
            seed,
            length: self.length(),
            rate: self.rate,
            file,
            regions,
            program: herd_binary(Profile::Debug)?,
            former: self.former.as_deref().map(former_program).transpose()?,
            durability: when,
            faults,
            insecure_links: self.insecure_links,
            folder: target_dir()?.join("chaos").join(format!("processes-{seed}")),
            command: again.clone(),
        };
        let left_out = left_out.iter().map(|why| format!("{why}\n")).collect::<String>();
        print(&format!("{again}\n{left_out}"))?;
        let outcome =
            chaos.break_herd(Progress { text: print, status: overwrite_progress }).with_context(|| {
                let logs = chaos.folder.display();
                format!("the run could not be completed (logs in {logs}); repeat it with `{again}`")
            })?;
        print(&outcome.report())?;
        if !outcome.is_right() {
            bail!("a promise was broken; repeat the run with `{again}`");
        }
        Ok(())
    }

    /// Returns the herd, and the nodes of each region if servers of the backbone join them.
    fn herd(&self) -> Result<(HerdFile, Option<Regions>)> {
        if self.shards {
            let regions = DIVIDED.map(|(node, _)| (node.to_owned(), vec![node.to_owned()]));
            return Ok((divided(&DIVIDED, &[NO_SERVER.to_owned()], SERVERS)?, Some(regions.into())));
        }
        let file = HerdFile::find(&self.herd)?;
        if !self.backbone {
            return Ok((file, None));
        }
        let halves = halves(&file)?;
        Ok((halves.file, Some(halves.regions)))
    }

    fn length(&self) -> Length {
        let minutes = |minutes| Length::Time(Duration::from_secs(60) * minutes);
        self.minutes.map_or(Length::Rounds(self.rounds), minutes)
    }

    /// Returns the command that repeats a run, on any machine that allows these faults.
    fn command(&self, seed: u64, faults: &[FaultName]) -> String {
        let mut command = format!("cargo xtask chaos processes --seed {seed}");
        command += &match self.minutes {
            Some(minutes) => format!(" --minutes {minutes}"),
            None => format!(" --rounds {}", self.rounds),
        };
        command += &format!(" --rate {}", self.rate);
        command += &if self.shards { " --shards".to_owned() } else { format!(" --herd {}", self.herd) };
        if faults != FaultName::VARIANTS {
            let names: Vec<String> = faults.iter().map(ToString::to_string).collect();
            command += &format!(" --faults {}", names.join(","));
        }
        command += if self.backbone { " --backbone" } else { "" };
        command += &self.former.as_ref().map(|former| format!(" --former {former}")).unwrap_or_default();
        command += if self.insecure_links { " --insecure-links" } else { "" };
        command + &self.durability.map(|when| format!(" --durability {when}")).unwrap_or_default()
    }
}
