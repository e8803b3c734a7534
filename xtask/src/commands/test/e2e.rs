//! `e2e`: play the sessions against real nodes, or against a guest.

use std::env;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use libtest_mimic::{Arguments, Trial};

use crate::cluster::bundled_guests;
use crate::cluster::guest_program::Template;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::workspace::target_dir;
use crate::commands::print::print;
use crate::session::guests::{ExpectedSession, Guest, GuestReport, play_against_guest};
use crate::session::roles::SESSIONS_HERD;
use crate::session::snapshots::trials;

/// What to play, and how.
#[derive(Clone, Debug, Args)]
pub struct E2eArgs {
    /// Play only sessions whose names contain this text
    filter: Option<String>,

    /// Accept the transcripts as the new snapshots
    #[arg(long)]
    bless: bool,

    /// Play on another herd: one of fixtures/herds by its name, or a herd file; its nodes take the
    /// roles of 2015-winter's in order
    #[arg(long, value_name = "NAME|FILE", default_value = SESSIONS_HERD)]
    herd: String,

    /// Play against a guest: another program that speaks the client protocol
    ///
    /// A guest is a command such as `python3 node.py {name} {file}` that runs one node, or the name
    /// of a program of benches/peers. {name} stands for the node's name, {file} for the herd file,
    /// {client} and {link} for the node's addresses. Each session passes, differs, or cannot be
    /// played; the command fails if one differs.
    #[arg(long, value_name = "COMMAND|NAME", conflicts_with = "bless")]
    against: Option<String>,

    /// The time limit for each step of a session against a guest, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3, requires = "against", value_parser = clap::value_parser!(u64).range(1..=60))]
    patience: u64,
}

/// Plays the sessions, each as a test with its own name.
///
/// # Errors
/// A session fails, no session's name contains the filter, or the herd cannot be started.
pub fn play_sessions(args: &E2eArgs) -> Result<()> {
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
    if let Some(program) = &args.against {
        return play_against(program, args);
    }
    let trials = trials(&args.herd)?;
    check_filter(args, trials.iter().map(Trial::name))?;
    let arguments = Arguments { filter: args.filter.clone(), ..Arguments::default() };
    if libtest_mimic::run(&arguments, trials).has_failed() {
        bail!(
            "some sessions failed; if the new transcripts are right, accept them with `cargo xtask e2e --bless`"
        );
    }
    Ok(())
}

/// Plays the sessions against a guest.
fn play_against(program: &str, args: &E2eArgs) -> Result<()> {
    let is_bundled = bundled_guests::guest_names().any(|guest| guest == program);
    let guest = Guest {
        template: if is_bundled {
            bundled_guests::find_guest(program)?.template
        } else {
            Template::parse(program)?
        },
        herd: HerdFile::find(&args.herd)?,
        folder: target_dir()?.join("e2e/against"),
        patience: Duration::from_secs(args.patience),
    };
    let mut sessions = ExpectedSession::read_all()?;
    check_filter(args, sessions.iter().map(|session| session.name.as_str()))?;
    sessions.retain(|session| args.selects(&session.name));
    let GuestReport { text, passed, differ } = play_against_guest(&guest, &sessions)?;
    print(&text)?;
    if differ > 0 {
        bail!("some transcripts differ from their snapshots: see above");
    }
    if passed == 0 {
        bail!("no session could be played: see above what each needs");
    }
    Ok(())
}

/// Fails if the filter selects no name.
fn check_filter<'a>(args: &E2eArgs, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let names: Vec<&str> = names.collect();
    if !names.iter().any(|name| args.selects(name)) {
        bail!(
            "no session's name contains {:?}: the sessions are\n  {}",
            args.filter.as_deref().unwrap_or_default(),
            names.join("\n  ")
        );
    }
    Ok(())
}

impl E2eArgs {
    fn selects(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }
}
