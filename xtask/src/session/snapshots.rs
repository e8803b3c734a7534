//! Plays the sessions of `fixtures/sessions` against real nodes, and compares the transcripts with
//! their snapshots.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use libtest_mimic::{Failed, Trial};

use crate::cluster::backbone::{Backbone, NatsServers, SERVERS, halves, nats_server};
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::session::places_stub::PlacesStub;
use crate::session::roles::Roles;
use crate::session::{self, Session, Transcript};

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
    let mut trials = vec![Trial::test("every-snapshot-has-its-session", check_snapshots)];
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
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(fixtures::sessions());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Read the old snapshot first, because the assertion may replace it.
    let old = fs::read_to_string(snapshot_path(name)).unwrap_or_default();
    let assert = || settings.bind(|| insta::assert_snapshot!(name, transcript.text()));
    if panic::catch_unwind(AssertUnwindSafe(assert)).is_err() {
        // The assertion has printed the difference itself.
        let line = transcript.first_difference(body(&old)).map_or(1, |difference| difference.line);
        let message = format!("the transcript differs from {name}.snap, starting with this line");
        return Err(session.error(line, message).into());
    }
    Ok(())
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
