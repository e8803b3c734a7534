//! Plays the sessions of this project against a guest, and reports which of them it passes.

mod nodes;
mod report;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::guest_file::{Guest, Ports};
use super::herd::{GuestHerd, Place, build, clear, copy};
use super::sandbox::Mode;
use crate::cluster::parallel::{in_parallel, processors};
use crate::session::places_stub::PlacesStub;
use crate::session::roles::Roles;
use crate::session::{self, Difference, Session, Step, snapshots};
use nodes::{GuestNodes, start_error};
use report::{SessionVerdict, report};

pub use report::GuestReport;

/// The time limit for each step of a session, if the patience is 1.
const STEP: Duration = Duration::from_secs(3);

/// The key that nodes are given. No session needs the Places service of a guest.
const KEY: &str = "key-of-a-session";

/// How to play sessions.
#[derive(Clone, Debug)]
pub struct Options {
    /// Play only sessions whose names contain this text; all if it is empty.
    pub filter: String,
    /// The factor for all times that the guest is allowed, the start included.
    pub patience: f64,
    /// The folder for the copy of the guest and for what nodes print. It is removed at the end.
    pub folder: PathBuf,
    /// The program that runs the keepers of herds: see [`Place::program`].
    pub program: PathBuf,
}

/// A session to play, with the transcript to compare it with.
#[derive(Debug)]
struct ExpectedSession {
    name: String,
    session: Session,
    expected: String,
}

/// Plays the sessions of `fixtures/sessions`, which are in the checkout, against a guest. Its nodes
/// run in a copy of the guest's folder, where it is built first. A guest that takes its ports from
/// its command plays one session on each processor at a time; others play one after the other.
///
/// # Errors
/// - No session's name contains the filter.
/// - The guest cannot be built, or does not start. No further session is played then.
pub fn play(guest: &Guest, options: &Options) -> Result<GuestReport> {
    let sessions = selected(options)?;
    let stage = Stage { guest, options, work: options.folder.join("work") };
    let threads = match guest.ports {
        Ports::Fixed => 1,
        Ports::Given => processors(),
    };
    let verdicts = prepare(&stage)
        .and_then(|()| in_parallel(&sessions, threads, |session| Ok((session, play_one(&stage, session)?))));
    // What is left does no harm, and the next run removes it.
    let _ = clear(&options.folder);
    Ok(report(verdicts?))
}

/// What all sessions share.
struct Stage<'a> {
    guest: &'a Guest,
    options: &'a Options,
    /// The copy of the guest's folder.
    work: PathBuf,
}

impl Stage<'_> {
    /// The place for a herd, or for a build, whose service of places is at a URL.
    fn place(&self, name: &str, places: String) -> Place {
        Place {
            mode: Mode::Plain,
            program: self.options.program.clone(),
            work: self.work.clone(),
            output: self.options.folder.join(name),
            key: KEY.to_owned(),
            places,
            variables: Vec::new(),
            patience: self.options.patience,
        }
    }
}

/// Copies and builds the guest.
fn prepare(stage: &Stage<'_>) -> Result<()> {
    let folder = &stage.options.folder;
    clear(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    copy(&stage.guest.folder, &stage.work, &[folder])?;
    build(stage.guest, &stage.place("build", String::new())).map_err(|failure| start_error(&failure))
}

/// Reads the sessions that the filter selects, with their snapshots.
fn selected(options: &Options) -> Result<Vec<ExpectedSession>> {
    let mut selected = Vec::new();
    let all = snapshots::sessions()?;
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    for (name, session) in all {
        if !name.contains(&options.filter) {
            continue;
        }
        let snapshot = fs::read_to_string(snapshots::snapshot_path(&name))
            .with_context(|| format!("cannot read the snapshot of {name}"))?;
        let expected = snapshots::body(&snapshot).to_owned();
        selected.push(ExpectedSession { name, session, expected });
    }
    if selected.is_empty() {
        bail!("{}", snapshots::no_session(&options.filter, names.iter().map(String::as_str)));
    }
    Ok(selected)
}

/// Plays one session if the guest has what the session needs.
///
/// # Errors
/// The guest's program does not start.
fn play_one(stage: &Stage<'_>, expected_session: &ExpectedSession) -> Result<SessionVerdict> {
    let ExpectedSession { name, session, expected } = expected_session;
    if let Some(needs) = what_lacks(stage.guest, session) {
        return Ok(SessionVerdict::CannotBePlayed(needs));
    }
    let places = PlacesStub::start()?;
    let place = stage.place(name, places.url());
    let herd = GuestHerd::start(stage.guest, &place).map_err(|failure| start_error(&failure))?;
    let mut roles = Roles::new(GuestNodes::new(herd))?;
    let patience = STEP.mul_f64(stage.options.patience);
    let (transcript, result) = session::play(session, &mut roles, &places, patience);
    Ok(match (transcript.first_difference(expected), result) {
        // The transcript is right up to the step that failed.
        (None | Some(Difference { came: None, .. }), Err(error)) => SessionVerdict::Differs {
            line: error.line,
            expected: next_line(expected, transcript.text()),
            came: error.message,
        },
        (Some(Difference { line, expected, came }), _) => {
            let shown = |text: Option<String>| text.unwrap_or_else(|| "nothing more".to_owned());
            SessionVerdict::Differs { line, expected: shown(expected), came: shown(came) }
        }
        (None, Ok(())) => SessionVerdict::Passed,
    })
}

/// Returns what a session needs that the guest does not have.
fn what_lacks(guest: &Guest, session: &Session) -> Option<String> {
    if let Some(needs) = session.needs.as_ref().filter(|needs| **needs != guest.graph) {
        return Some(format!("needs the graph of {needs}"));
    }
    let mut needs = session.needs_of_own_program();
    let ends_nodes = |step: &Step| matches!(step, Step::Stop(_) | Step::Kill(_) | Step::Start(_));
    if guest.one_process && session.steps.iter().any(|(_, step)| ends_nodes(step)) {
        needs.push("a process for each node");
    }
    (!needs.is_empty()).then(|| format!("needs {}", needs.join(", ")))
}

/// The line of `expected` that follows the transcript so far.
fn next_line(expected: &str, so_far: &str) -> String {
    expected.lines().nth(so_far.lines().count()).unwrap_or("nothing more").to_owned()
}
