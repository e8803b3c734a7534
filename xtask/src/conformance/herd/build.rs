//! The commands that build a guest, once, before its first start. They have the network.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::keeper_link::KeeperLink;
use super::place::{Place, StartFailure};
use super::{files, last_words};
use crate::conformance::guest_file::Guest;
use crate::conformance::sandbox::Mode;
use crate::conformance::sandbox::keeper::protocol::{Answer, Limits, Request, Start, Task};

/// How long one command may take.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// The limits of a build. Compilers and linkers need more than nodes.
const LIMITS: Limits = Limits { processes: 4000, memory: 8 << 30, file: 4 << 30, disk: 8 << 30 };

/// The name under which a keeper runs the commands.
const BUILD: &str = "build";

/// Runs the commands of `build` in the copy of the guest's folder, as this process's user. What
/// they print is kept in `build.stdout` and `build.stderr` of the output folder.
///
/// # Errors
/// A command fails, or it takes longer than ten minutes. Nothing of it is left running.
pub fn build(guest: &Guest, place: &Place) -> Result<(), StartFailure> {
    build_within(guest, place, TIME_LIMIT)
}

fn build_within(guest: &Guest, place: &Place, limit: Duration) -> Result<(), StartFailure> {
    if guest.build.is_empty() {
        return Ok(());
    }
    let keeper = open_keeper(guest, place);
    let mut keeper = keeper.map_err(|error| StartFailure::of_machine(&error))?;
    for command in &guest.build {
        let why = run(&mut keeper, command, limit).map_err(|error| StartFailure::of_machine(&error))?;
        if let Some(why) = why {
            let last_words = match keeper.ask(&Request::Words(BUILD.to_owned())) {
                Ok(Answer::Words(output, errors)) => last_words::shorten(&format!("{output}{errors}")),
                _ => String::new(),
            };
            let why = format!("the build command `{command}` {why}");
            return Err(StartFailure { node: String::new(), why, last_words });
        }
    }
    Ok(())
}

fn open_keeper(guest: &Guest, place: &Place) -> Result<KeeperLink> {
    // A build may read the files too.
    files::write(guest, &guest.herd, place)?;
    let task = Task {
        mode: Mode::Plain,
        nodes: vec![BUILD.to_owned()],
        output: fs::canonicalize(&place.output)?,
        writable: vec![fs::canonicalize(&place.work).context("cannot find the guest's copy")?],
        user: None,
        limits: LIMITS,
        whole_environment: true,
    };
    KeeperLink::open(&place.program, &task)
}

/// Runs one command. Returns why it failed, or `None`.
fn run(keeper: &mut KeeperLink, command: &str, limit: Duration) -> Result<Option<String>> {
    let start = Start { node: BUILD.to_owned(), command: command.to_owned(), variables: Vec::new() };
    let started = Instant::now();
    keeper.order(&Request::Start(start))?;
    loop {
        let state = keeper.look()?;
        if let Some(why) = state.ended {
            return Ok(Some(format!("was ended by this suite, because {}", why.replace("herd", "build"))));
        }
        let build = state.nodes.into_iter().find(|node| node.node == BUILD);
        match build.and_then(|build| Some((build.exit?, build.exited_well))) {
            // What a build leaves running would be missing anyway when the guest starts.
            Some((_, true)) => {
                keeper.order(&Request::Kill(BUILD.to_owned()))?;
                return Ok(None);
            }
            Some((words, false)) => return Ok(Some(words)),
            None if started.elapsed() > limit => {
                keeper.order(&Request::Kill(BUILD.to_owned()))?;
                return Ok(Some(format!("took longer than {} s", limit.as_secs())));
            }
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
}
