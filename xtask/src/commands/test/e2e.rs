//! `e2e`: play the sessions against real nodes.

use std::env;
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::UnknownArgumentValueParser;
use libtest_mimic::Arguments;

use crate::commands::print::{print, print_progress};
use crate::session::roles::SESSIONS_HERD;
use crate::session::snapshots::{JoinedBy, SNAPSHOTS_CHECK, no_session, session_names, trials};

/// The tip for the flag that played sessions against a guest.
const PLAY_AGAINST_GUESTS: &str =
    "`cargo xtask conformance GUEST.toml --sessions` plays the sessions against another program";

/// What to play, and how.
#[derive(Clone, Debug, Args)]
pub struct E2eArgs {
    /// Play only sessions whose names contain this text
    filter: Option<String>,

    /// List the sessions
    #[arg(long)]
    list: bool,

    /// Accept the transcripts as the new snapshots
    #[arg(long)]
    bless: bool,

    /// Play on another herd: one of fixtures/herds by its name, or a herd file; its nodes take the
    /// roles of 2015-winter's in order
    #[arg(long, visible_alias = "config", value_name = "NAME|FILE", default_value = SESSIONS_HERD)]
    herd: String,

    /// Cut the herd in two, and join the halves by NATS servers alone
    #[arg(long)]
    backbone: bool,

    /// Not an option any more: its error names the command that took its place.
    #[arg(long, hide = true, value_name = "COMMAND", value_parser = UnknownArgumentValueParser::suggest(PLAY_AGAINST_GUESTS))]
    against: Option<()>,
}

/// Plays the sessions, each as a test with its own name.
///
/// # Errors
/// A session fails, no session's name contains the filter, or the herd cannot be started.
pub fn play_sessions(args: &E2eArgs) -> Result<()> {
    if args.list {
        let names = session_names()?;
        return print(&names.iter().map(|name| format!("{name}\n")).collect::<String>());
    }
    check_filter(args)?;
    if args.bless && env::var_os("INSTA_UPDATE").is_none_or(|update| update != "always") {
        // The snapshot library reads this variable, and a process cannot safely change its own
        // environment.
        let again = Command::new(env::current_exe()?)
            .args(env::args_os().skip(1))
            .env("INSTA_UPDATE", "always")
            .env("INSTA_WORKSPACE_ROOT", fixtures::checkout::root())
            .status();
        return if again?.success() { Ok(()) } else { bail!("some sessions failed, and are not blessed") };
    }
    let joined_by = if args.backbone { JoinedBy::Backbone } else { JoinedBy::Links };
    let trials = trials(&args.herd, joined_by, &print_progress)?;
    let arguments = Arguments { filter: args.filter.clone(), ..Arguments::default() };
    if libtest_mimic::run(&arguments, trials).has_failed() {
        let filter = args.filter.as_deref().unwrap_or("NAME");
        bail!(
            "some sessions failed; if the new transcripts are right, accept them with \
             `cargo xtask e2e --bless {filter}`"
        );
    }
    Ok(())
}

/// Plays the sessions whose names contain `filter` on herds that the backbone joins.
///
/// # Errors
/// A session fails, or the servers of the backbone cannot be started.
pub(crate) fn play_on_backbone(filter: &str) -> Result<()> {
    play_sessions(&E2eArgs {
        filter: Some(filter.to_owned()),
        list: false,
        bless: false,
        herd: SESSIONS_HERD.to_owned(),
        backbone: true,
        against: None,
    })
}

/// Fails if the filter selects nothing.
fn check_filter(args: &E2eArgs) -> Result<()> {
    let names = session_names()?;
    if !names.iter().map(String::as_str).chain([SNAPSHOTS_CHECK]).any(|name| args.selects(name)) {
        let filter = args.filter.as_deref().unwrap_or_default();
        bail!("{}", no_session(filter, names.iter().map(String::as_str)));
    }
    Ok(())
}

impl E2eArgs {
    fn selects(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }
}
