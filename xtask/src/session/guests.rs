//! Playing the sessions against any program that speaks the client protocol, and telling which of them it meets.

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

/// What is played against, and how.
#[derive(Debug)]
pub struct Guest {
    /// What starts a node.
    pub template: Template,
    /// The herd.
    pub herd: HerdFile,
    /// Where herd files and logs go.
    pub folder: PathBuf,
    /// How long each step may take.
    pub patience: Duration,
}

/// A session to play.
#[derive(Debug)]
pub struct Piece {
    /// Its name.
    pub name: String,
    /// What is played.
    pub session: Session,
    /// The transcript that is expected.
    pub expected: String,
}

impl Piece {
    /// Reads every session of `fixtures/sessions` with its snapshot.
    ///
    /// # Errors
    /// A session cannot be read, or has no snapshot.
    pub fn read_all() -> Result<Vec<Piece>> {
        let piece = |(name, session): (String, Session)| {
            let snapshot = fs::read_to_string(snapshots::snapshot(&name));
            let snapshot = snapshot.with_context(|| format!("{name} has no snapshot"))?;
            Ok(Piece { name, session, expected: snapshots::body(&snapshot).to_owned() })
        };
        snapshots::sessions()?.into_iter().map(piece).collect()
    }
}

/// How a session went.
#[derive(Debug)]
enum Verdict {
    Passed,
    /// What was expected first that did not come, and what came.
    Differs {
        line: usize,
        expected: String,
        came: String,
    },
    /// What it takes.
    CannotBePlayed(String),
}

/// How the sessions went.
#[derive(Debug)]
pub struct GuestReport {
    /// A line for each session, and what differs.
    pub text: String,
    /// Sessions that came out as their snapshots.
    pub passed: usize,
    /// Sessions that did not.
    pub differ: usize,
}

/// Plays sessions, as many at a time as there are processors.
///
/// # Errors
/// The program does not start.
pub fn play_against_guest(guest: &Guest, pieces: &[Piece]) -> Result<GuestReport> {
    let next = Mutex::new(pieces.iter());
    let take = || next.lock().ok()?.next();
    let play_some = || -> Result<Vec<(&Piece, Verdict)>> {
        let verdict = |piece| verdict(guest, piece).map(|verdict| (piece, verdict));
        let verdicts: Result<Vec<_>> = std::iter::from_fn(take).map(verdict).collect();
        if verdicts.is_err() {
            // A program that does not start will not do so for the other sessions.
            std::iter::from_fn(take).for_each(drop);
        }
        verdicts
    };
    let at_a_time = thread::available_parallelism().map_or(1, usize::from);
    let mut verdicts = thread::scope(|scope| -> Result<Vec<(&Piece, Verdict)>> {
        let players: Vec<_> = (0..at_a_time).map(|_| scope.spawn(play_some)).collect();
        let verdicts = players.into_iter().map(|player| player.join().expect("a player does not panic"));
        Ok(verdicts.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })?;
    verdicts.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, verdict)| is(verdict)).count();
    let differ = count(|verdict| matches!(verdict, Verdict::Differs { .. }));
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let unplayed = verdicts.len() - passed - differ;
    let text =
        report(&verdicts) + &format!("\n{passed} passed, {differ} differ, {unplayed} cannot be played\n");
    Ok(GuestReport { text, passed, differ })
}

/// Plays a session, if it can be played at all.
///
/// # Errors
/// The program does not start.
fn verdict(guest: &Guest, piece: &Piece) -> Result<Verdict> {
    let Piece { name, session, expected } = piece;
    let herd = guest.herd.herd();
    if let Some(needs) = session.needs.as_ref().filter(|needs| **needs != herd.name) {
        return Ok(Verdict::CannotBePlayed(format!("takes the graph of {needs}")));
    }
    let takes = session.takes_of_ours();
    if !takes.is_empty() {
        return Ok(Verdict::CannotBePlayed(format!("takes {}", takes.join(", "))));
    }
    let herd = TestHerd::new(&guest.herd, |file, port| {
        guest.template.herd(file, guest.folder.join(format!("{name}-{port}")))
    })?;
    let mut roles = Roles::new(herd)?;
    roles.herd().start_all().context("the program does not start")?;
    let (transcript, result) = session::play(session, &mut roles, &PlacesStub::start()?, guest.patience);
    let verdict = match (transcript.first_difference(expected), result) {
        // What came before is as it should be, and then something did not come.
        (None | Some(Difference { came: None, .. }), Err(error)) => Verdict::Differs {
            line: error.line,
            expected: next_line(expected, transcript.text()),
            came: error.message,
        },
        (Some(Difference { line, expected, came }), _) => {
            let shown = |text: Option<String>| text.unwrap_or_else(|| "nothing more".to_owned());
            Verdict::Differs { line, expected: shown(expected), came: shown(came) }
        }
        (None, Ok(())) => Verdict::Passed,
    };
    Ok(verdict)
}

/// The line of `expected` behind what has come so far.
fn next_line(expected: &str, so_far: &str) -> String {
    expected.lines().nth(so_far.lines().count()).unwrap_or("nothing more").to_owned()
}

/// A line a session, and below it what there is to say about those that differ.
fn report(verdicts: &[(&Piece, Verdict)]) -> String {
    let row = |(piece, verdict): &(&Piece, Verdict)| {
        let (word, remark) = match verdict {
            Verdict::Passed => ("passed", String::new()),
            Verdict::Differs { line, .. } => ("differs", format!("from its line {line} on")),
            Verdict::CannotBePlayed(takes) => ("cannot be played", takes.clone()),
        };
        [word.to_owned(), piece.name.clone(), remark]
    };
    let mut text = table(&verdicts.iter().map(row).collect::<Vec<_>>());
    for (piece, verdict) in verdicts {
        if let Verdict::Differs { line, expected, came } = verdict {
            let Session { file, proves, .. } = &piece.session;
            text += &format!("\n{file}:{line}\n  {proves}\n  expected  {expected}\n  came      {came}\n");
        }
    }
    text
}
