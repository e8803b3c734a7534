//! Plays the sessions against any program that speaks the client protocol, and reports which of
//! them it passes.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cluster::guest_program::Template;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::test_herd::TestHerd;
use crate::session::places_stub::PlacesStub;
use crate::session::roles::Roles;
use crate::session::{self, Difference, Session, snapshots};
use crate::text::table;

/// A guest to play sessions against, and how to play them.
#[derive(Debug)]
pub struct Guest {
    /// The command that starts a node of the guest.
    pub template: Template,
    /// The herd that the guest's nodes form.
    pub herd: HerdFile,
    /// The folder for herd files and logs.
    pub folder: PathBuf,
    /// The timeout of each step.
    pub patience: Duration,
}

/// A session to play, with the transcript to compare it with.
#[derive(Debug)]
pub struct ExpectedSession {
    /// The session's name.
    pub name: String,
    /// The steps to play.
    pub session: Session,
    /// The expected transcript.
    pub expected: String,
}

impl ExpectedSession {
    /// Reads every session of `fixtures/sessions` with its snapshot.
    ///
    /// # Errors
    /// A session cannot be read, or has no snapshot.
    pub fn read_all() -> Result<Vec<ExpectedSession>> {
        let mut all = Vec::new();
        for (name, session) in snapshots::sessions()? {
            let snapshot = fs::read_to_string(snapshots::snapshot_path(&name))
                .with_context(|| format!("cannot read the snapshot of {name}"))?;
            let expected = snapshots::body(&snapshot).to_owned();
            all.push(ExpectedSession { name, session, expected });
        }
        Ok(all)
    }
}

/// The result of one session.
#[derive(Debug)]
enum SessionVerdict {
    Passed,
    /// The first line of the transcript that differs, and the session's line that caused it.
    Differs {
        line: usize,
        expected: String,
        came: String,
    },
    /// The session needs something that the guest does not have.
    CannotBePlayed(String),
}

/// The results of all sessions.
#[derive(Debug)]
pub struct GuestReport {
    /// A line for each session, followed by the differences.
    pub text: String,
    /// The number of sessions whose transcripts equal their snapshots.
    pub passed: usize,
    /// The number of sessions whose transcripts differ.
    pub differ: usize,
}

/// Plays sessions in parallel, one on each processor.
///
/// # Errors
/// The guest's program does not start. No further session is played then.
pub fn play_against_guest(guest: &Guest, sessions: &[ExpectedSession]) -> Result<GuestReport> {
    let mut verdicts = play_in_parallel(guest, sessions)?;
    verdicts.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    let count = |is: fn(&SessionVerdict) -> bool| verdicts.iter().filter(|(_, verdict)| is(verdict)).count();
    let differ = count(|verdict| matches!(verdict, SessionVerdict::Differs { .. }));
    let passed = count(|verdict| matches!(verdict, SessionVerdict::Passed));
    let unplayed = verdicts.len() - passed - differ;
    let text =
        report(&verdicts) + &format!("\n{passed} passed, {differ} differ, {unplayed} cannot be played\n");
    Ok(GuestReport { text, passed, differ })
}

/// Plays each session on the next free thread. The order of the verdicts is undefined.
fn play_in_parallel<'a>(
    guest: &Guest,
    sessions: &'a [ExpectedSession],
) -> Result<Vec<(&'a ExpectedSession, SessionVerdict)>> {
    let remaining = Mutex::new(sessions.iter());
    let next = || remaining.lock().ok()?.next();
    let play_some = || -> Result<Vec<(&ExpectedSession, SessionVerdict)>> {
        let mut verdicts = Vec::new();
        while let Some(session) = next() {
            match play_one(guest, session) {
                Ok(verdict) => verdicts.push((session, verdict)),
                Err(error) => {
                    // A program that does not start here will not start for the other sessions.
                    while next().is_some() {}
                    return Err(error);
                }
            }
        }
        Ok(verdicts)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let players: Vec<_> = (0..threads).map(|_| scope.spawn(play_some)).collect();
        let mut verdicts = Vec::new();
        for player in players {
            verdicts.extend(player.join().expect("a player does not panic")?);
        }
        Ok(verdicts)
    })
}

/// Plays one session if the guest has what the session needs.
///
/// # Errors
/// The guest's program does not start.
fn play_one(guest: &Guest, expected_session: &ExpectedSession) -> Result<SessionVerdict> {
    let ExpectedSession { name, session, expected } = expected_session;
    let herd = guest.herd.herd();
    if let Some(needs) = session.needs.as_ref().filter(|needs| **needs != herd.name) {
        return Ok(SessionVerdict::CannotBePlayed(format!("needs the graph of {needs}")));
    }
    let needs = session.needs_of_own_program();
    if !needs.is_empty() {
        return Ok(SessionVerdict::CannotBePlayed(format!("needs {}", needs.join(", "))));
    }
    let herd = TestHerd::new(&guest.herd, |file, port| {
        guest.template.herd(file, guest.folder.join(format!("{name}-{port}")))
    })?;
    let mut roles = Roles::new(herd)?;
    roles.herd().start_all().context("the program does not start")?;
    let (transcript, result) = session::play(session, &mut roles, &PlacesStub::start()?, guest.patience);
    let verdict = match (transcript.first_difference(expected), result) {
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
    };
    Ok(verdict)
}

/// The line of `expected` that follows the transcript so far.
fn next_line(expected: &str, so_far: &str) -> String {
    expected.lines().nth(so_far.lines().count()).unwrap_or("nothing more").to_owned()
}

/// A table with a line for each session, followed by a paragraph for each that differs.
fn report(verdicts: &[(&ExpectedSession, SessionVerdict)]) -> String {
    let row = |(session, verdict): &(&ExpectedSession, SessionVerdict)| {
        let (word, remark) = match verdict {
            SessionVerdict::Passed => ("passed", String::new()),
            SessionVerdict::Differs { line, .. } => ("differs", format!("from its line {line} on")),
            SessionVerdict::CannotBePlayed(needs) => ("cannot be played", needs.clone()),
        };
        [word.to_owned(), session.name.clone(), remark]
    };
    let mut text = table(&verdicts.iter().map(row).collect::<Vec<_>>());
    for (session, verdict) in verdicts {
        if let SessionVerdict::Differs { line, expected, came } = verdict {
            let Session { file, proves, .. } = &session.session;
            text += &format!("\n{file}:{line}\n  {proves}\n  expected  {expected}\n  came      {came}\n");
        }
    }
    text
}
