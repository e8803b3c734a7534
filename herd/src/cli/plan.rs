//! The settings of a node: flags override environment variables, which override the herd file.

use std::path::PathBuf;

use herd::backbone;
use herd::config::{Herd, Member};
use herd::nearest::nearest;
use herd::places::Provider;
use herd::server::{Admin, AdminToken, Durability};
use herd::telemetry::{Format, Level};
use herd::tls::Encryption;

use super::environment::misspelt_command;
use super::flags::{Cli, NodeArgs};
use super::given::Given;
use super::herd_file::{no_such_node, read_herd};
use super::usage::Usage;
use super::values::Skew;

/// The data folder of a node, and when updates are written to it.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) folder: PathBuf,
    pub(super) durability: Durability,
    pub(super) strict: bool,
}

/// Everything a node needs to start, from all sources.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) herd: Herd,
    pub(super) member: Member,
    pub(super) threads: usize,
    pub(super) storage: Option<Storage>,
    pub(super) provider: Provider,
    pub(super) encryption: Encryption,
    pub(super) admin: Option<Admin>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) log_level: Level,
    pub(super) log_format: Format,
    pub(super) backbone: Option<backbone::Settings>,
}

impl Cli {
    /// Merges flags, environment and herd file.
    ///
    /// # Errors
    /// [`Usage`] if one of them is wrong.
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let args = &self.node;
        let given = &self.given;
        let mut herd = given.blame(&["config"], read_herd(args.config.as_deref()))?;
        if let Some(Skew(skew)) = args.max_future_skew {
            herd.limits.max_future_skew = skew;
        }
        let name = args.name.as_deref().unwrap_or_default();
        let is_near = nearest(name, herd.members.iter().map(|member| member.name.as_str())).is_some();
        let misspelt = || misspelt_command(name).filter(|_| !is_near);
        let wrong = || misspelt().map_or_else(|| no_such_node(&herd, name), Usage);
        let mut member = herd.member(name).cloned().ok_or_else(wrong)?;
        member.client = args.client_address.unwrap_or(member.client);
        member.link = args.link_address.unwrap_or(member.link);
        member.metrics = args.metrics_address.or(member.metrics);
        Ok(Plan {
            threads: args.threads.map_or_else(default_threads, usize::from),
            storage: args.storage(given)?,
            provider: args.places.provider(&herd, given)?,
            encryption: args.tls.encryption(&herd, &member, given)?,
            admin: args.admin(given, &herd, &member)?,
            backbone: backbone::Settings::of(&herd, &member).map_err(Usage)?,
            member,
            herd,
            log_file: args.log_file.clone(),
            log_level: args.log_level,
            log_format: args.log_format,
        })
    }
}

impl NodeArgs {
    /// The admin port, if the node has one.
    ///
    /// # Errors
    /// [`Usage`] if there is a token and no address, or the token's file cannot be used.
    fn admin(&self, given: &Given, herd: &Herd, member: &Member) -> anyhow::Result<Option<Admin>> {
        let token = self.admin_token_file.as_deref().map(AdminToken::read).transpose().map_err(Usage);
        let token = given.blame(&["admin_token_file"], token)?;
        match (self.admin_address.or(member.admin), token) {
            (Some(address), token) => Ok(Some(Admin { address, token, hosts: herd.admin.hosts.clone() })),
            (None, Some(_)) => {
                let [file, address] = ["admin_token_file", "admin_address"].map(|id| given.name(id));
                Err(Usage(format!("{file} needs an admin port: add {address} IP:PORT, or `admin` to the node's table in the herd file")).into())
            }
            (None, None) => Ok(None),
        }
    }

    /// The data folder, if the node has one.
    ///
    /// # Errors
    /// [`Usage`] if the arguments contradict each other.
    fn storage(&self, given: &Given) -> Result<Option<Storage>, Usage> {
        let strict = self.strict_durability;
        match (&self.data_dir, self.durability) {
            (Some(_), Some(Durability::Off)) => {
                let off = given.name_value("durability", "off");
                let folder = given.name("data_dir");
                Err(Usage(format!("{off} cannot be used with {folder}: leave out one of them")))
            }
            (Some(folder), durability) => {
                let durability = durability.unwrap_or(Durability::Everysec);
                Ok(Some(Storage { folder: folder.clone(), durability, strict }))
            }
            (None, Some(Durability::Everysec | Durability::Always)) => {
                let durability = given.name("durability");
                Err(Usage(format!("{durability} needs a data folder: add --data-dir FOLDER")))
            }
            (None, _) if strict => {
                let strict = given.name("strict_durability");
                Err(Usage(format!("{strict} needs a data folder: add --data-dir FOLDER")))
            }
            (None, _) => Ok(None),
        }
    }
}

/// One thread on a machine with few cores, since the nodes and clients of a herd share them; one
/// thread per core on a larger machine.
fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 4 { 1 } else { cores }
}
