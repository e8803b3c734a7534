//! What sessions found out about a guest.

use crate::session::Session;
use crate::text::table;

use super::ExpectedSession;

/// The result of one session.
#[derive(Debug)]
pub(super) enum SessionVerdict {
    /// The transcript equals the snapshot.
    Passed,
    /// The first line of the transcript that differs, and the session's line that caused it.
    Differs { line: usize, expected: String, came: String },
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

/// Returns the report on verdicts, in the order of the sessions' names.
pub(super) fn report(mut verdicts: Vec<(&ExpectedSession, SessionVerdict)>) -> GuestReport {
    verdicts.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    let count = |is: fn(&SessionVerdict) -> bool| verdicts.iter().filter(|(_, verdict)| is(verdict)).count();
    let differ = count(|verdict| matches!(verdict, SessionVerdict::Differs { .. }));
    let passed = count(|verdict| matches!(verdict, SessionVerdict::Passed));
    let unplayed = verdicts.len() - passed - differ;
    let text =
        text(&verdicts) + &format!("\n{passed} passed, {differ} differ, {unplayed} cannot be played\n");
    GuestReport { text, passed, differ }
}

/// A table with a line for each session, followed by a paragraph for each that differs.
fn text(verdicts: &[(&ExpectedSession, SessionVerdict)]) -> String {
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
