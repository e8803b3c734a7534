//! Plays the sessions of `fixtures/sessions` against real nodes, and compares the transcripts with
//! their snapshots.

use std::env;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use herd::nearest::choices;
use libtest_mimic::{Failed, Trial};
use similar::TextDiff;

use crate::cluster::backbone::{Backbone, NatsServers, SERVERS, halves, nats_server};
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::session::places_stub::PlacesStub;
use crate::session::roles::Roles;
use crate::session::{self, Session, Transcript};

/// The name of the test that finds snapshots without a session.
pub(crate) const SNAPSHOTS_CHECK: &str = "every-snapshot-has-its-session";

/// What joins the nodes of the herd that sessions are played against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinedBy {
    /// The links of the herd file.
    Links,
    /// The herd is cut in two. Links join the nodes of a half, and the backbone the halves.
    Backbone,
}

/// Returns a test for each session file, and one that finds snapshots without a session. `progress`
/// gets a line before something that takes long.
///
/// # Errors
/// The node program does not build, `herd` is not a herd file's name, or the servers of the
/// backbone cannot be started.
pub fn trials(herd: &str, joined_by: JoinedBy, progress: &dyn Fn(&str)) -> Result<Vec<Trial>> {
    let folder = target_dir()?.join("e2e");
    let servers = match joined_by {
        JoinedBy::Links => None,
        JoinedBy::Backbone => Some(NatsServers::start(nats_server(progress)?, folder.join("nats"), SERVERS)?),
    };
    let run = Arc::new(SnapshotRun {
        herd: HerdFile::find(herd)?,
        program: herd_binary(Profile::Debug)?,
        folder,
        servers,
        streams: AtomicU64::new(0),
    });
    let mut trials = vec![Trial::test(SNAPSHOTS_CHECK, check_snapshots)];
    for (name, session) in sessions()? {
        // A herd that the backbone joins has other links than its file.
        let fits = |needs: &String| *needs == run.herd.herd().name && run.servers.is_none();
        let elsewhere = session.needs.as_ref().is_some_and(|needs| !fits(needs));
        let (run, played) = (Arc::clone(&run), name.clone());
        let play = move || {
            play_and_compare(&run, &session, &played).map_err(|error| Failed::from(format!("{error:#}")))
        };
        trials.push(Trial::test(name, play).with_ignored_flag(elsewhere));
    }
    Ok(trials)
}

/// The lines of a transcript that are shown around a difference.
const CONTEXT: usize = 3;

/// The settings that all sessions of a run share.
struct SnapshotRun {
    herd: HerdFile,
    program: PathBuf,
    folder: PathBuf,
    /// The servers of the backbone, if it joins the herd.
    servers: Option<NatsServers>,
    /// The number of streams so far. Every session has its own.
    streams: AtomicU64,
}

/// Plays a session against a new herd and compares the transcript with its snapshot.
fn play_and_compare(run: &SnapshotRun, session: &Session, name: &str) -> Result<()> {
    let transcript = play_session(run, session, name)?;
    let old = fs::read_to_string(snapshot_path(name)).ok();
    let expected = old.as_deref().map(body);
    if expected.is_some_and(|expected| expected.trim_end() == transcript.text().trim_end()) {
        return Ok(());
    }
    if env::var_os("INSTA_UPDATE").is_some() && write_snapshot(name, transcript.text()) {
        return Ok(());
    }
    let (line, message) = describe_difference(name, expected, &transcript);
    Err(session.error(line, message).into())
}

/// Returns what differs between a transcript and the expected one of a snapshot, if there is a
/// snapshot, how to accept it, and the session's line that caused it.
fn describe_difference(name: &str, expected: Option<&str>, transcript: &Transcript) -> (usize, String) {
    let accept = format!("if it is right, accept it with `cargo xtask e2e --bless {name}`");
    let Some(expected) = expected else {
        let text = transcript.text();
        return (1, format!("there is no {name}.snap to compare the transcript with; {accept}\n\n{text}"));
    };
    let line = transcript.first_difference(expected).map_or(1, |difference| difference.line);
    let lines = TextDiff::from_lines(expected, transcript.text());
    let mut lines = lines.unified_diff();
    let lines = lines.context_radius(CONTEXT).header("snapshot", "transcript");
    (line, format!("the transcript differs from {name}.snap, starting with this line; {accept}\n\n{lines}"))
}

/// Lets the snapshot library write a snapshot as `INSTA_UPDATE` says. Returns whether it accepts
/// the snapshot: it may only propose it, to `cargo insta review`.
fn write_snapshot(name: &str, transcript: &str) -> bool {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(fixtures::sessions());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let assert = || settings.bind(|| insta::assert_snapshot!(name, transcript));
    panic::catch_unwind(AssertUnwindSafe(assert)).is_ok()
}

/// The text of a snapshot file without the header that the snapshot library writes.
pub(crate) fn body(snapshot: &str) -> &str {
    snapshot.splitn(3, "---\n").nth(2).unwrap_or_default()
}

/// Plays a session to its end and returns its transcript.
fn play_session(run: &SnapshotRun, session: &Session, name: &str) -> Result<Transcript> {
    let places = PlacesStub::start()?;
    let herd = TestHerd::new(&run.herd, |file, port| {
        // The port makes the folder unique, because another run may be playing the same session.
        let folder = run.folder.join(format!("{name}-{port}"));
        let file = file.with_limits(&session.limits)?;
        let program = run.program.clone();
        let setup = match &run.servers {
            None => Setup::clean(file, program, folder),
            Some(servers) => {
                let stream = format!("session-{port}-{}", run.streams.fetch_add(1, Ordering::Relaxed));
                let backbone = Backbone { stream, all_read: true, ..servers.backbone() };
                halves(&file)?.setup(&backbone, program, folder)?
            }
        };
        Processes::new(with_needs(setup, session, &places.url()))
    })?;
    let mut roles = Roles::new(herd)?;
    roles.herd().start_all()?;
    let (transcript, result) = session::play(session, &mut roles, &places, session::PATIENCE);
    result?;
    roles.herd().stop_all()?;
    Ok(transcript)
}

/// Adds the arguments that a session needs: places from a stub at `url`, and a data folder.
fn with_needs(mut setup: Setup, session: &Session, url: &str) -> Setup {
    let args = ["--log-level", "debug", "--places", &session.provider, "--places-url", url];
    setup.args.extend(args.map(Into::into));
    setup.variables.push(("HERD_PLACES_KEY", Some("key-of-a-session".into())));
    if let Some(durability) = &session.durability {
        let data = setup.folder.join("data");
        // An earlier run on the same ports may have left its data.
        let _ = fs::remove_dir_all(&data);
        setup.data = Some(data);
        setup.args.extend(["--durability".into(), durability.into()]);
    }
    setup
}

fn check_snapshots() -> Result<(), Failed> {
    let files = files_with_ending("snap").map_err(|error| Failed::from(format!("{error:#}")))?;
    let lonely: Vec<PathBuf> =
        files.into_iter().filter(|snap| !snap.with_extension("session").exists()).collect();
    if lonely.is_empty() {
        Ok(())
    } else {
        Err(Failed::from(format!("snapshots without a session; delete them: {lonely:?}")))
    }
}

/// The sessions of `fixtures/sessions`, by name.
pub(crate) fn sessions() -> Result<Vec<(String, Session)>> {
    let mut sessions = Vec::new();
    for path in files_with_ending("session")? {
        let name = path.file_stem().context("a session file has a name")?.to_string_lossy().into_owned();
        sessions.push((name, Session::read(&path)?));
    }
    Ok(sessions)
}

/// The names of the sessions of `fixtures/sessions`.
pub(crate) fn session_names() -> Result<Vec<String>> {
    Ok(sessions()?.into_iter().map(|(name, _)| name).collect())
}

/// The message for a filter that is in no session's name.
pub(crate) fn no_session<'a>(filter: &str, names: impl Iterator<Item = &'a str>) -> String {
    let choices = choices(filter, "sessions", names, "`cargo xtask e2e --list`");
    format!("no session's name contains {filter:?}{choices}")
}

/// The path of a session's snapshot.
pub(crate) fn snapshot_path(name: &str) -> PathBuf {
    fixtures::sessions().join(name).with_extension("snap")
}

/// The files of `fixtures/sessions` with this extension, sorted by name.
fn files_with_ending(ending: &str) -> Result<Vec<PathBuf>> {
    let folder = fs::read_dir(fixtures::sessions()).context("cannot list fixtures/sessions")?;
    let mut files: Vec<PathBuf> = folder.filter_map(|file| Some(file.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == Path::new(ending)));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transcript of a session that sent three lines.
    fn transcript() -> Transcript {
        let mut transcript = Transcript::default();
        for line in 1..=3 {
            transcript.play(line);
            transcript.sent_line("A", format!("x{line}").as_bytes());
            transcript.answer("A", format!("? x{line}\n").as_bytes());
        }
        transcript
    }

    #[test]
    fn a_new_session_is_shown_with_the_command_that_accepts_it() {
        let (line, message) = describe_difference("new", None, &transcript());
        assert_eq!(line, 1);
        insta::assert_snapshot!(message, @r"
        there is no new.snap to compare the transcript with; if it is right, accept it with `cargo xtask e2e --bless new`

        A <- x1
        A -> ? x1
        A <- x2
        A -> ? x2
        A <- x3
        A -> ? x3
        ");
    }

    #[test]
    fn a_difference_is_shown_with_the_lines_around_it_and_the_command_that_accepts_it() {
        let transcript = transcript();
        let expected = transcript.text().replace("A -> ? x3", "A -> ? y3");
        let (line, message) = describe_difference("some", Some(&expected), &transcript);
        assert_eq!(line, 3);
        insta::assert_snapshot!(message, @r"
        the transcript differs from some.snap, starting with this line; if it is right, accept it with `cargo xtask e2e --bless some`

        --- snapshot
        +++ transcript
        @@ -3,4 +3,4 @@
         A <- x2
         A -> ? x2
         A <- x3
        -A -> ? y3
        +A -> ? x3
        ");
    }
}
