//! Playing session files against real nodes, and comparing what came back with their snapshots.

use std::env;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::cluster::bundled_guests;
use crate::cluster::guest_program::Template;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::ports::PortBlock;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::session::guests::{self, Guest, Piece};
use crate::session::places_stub::PlacesStub;
use crate::session::roles::{Cast, SESSIONS_HERD};
use crate::session::{self, Session, Transcript};

/// What to play, and how.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Only sessions whose names hold this.
    filter: Option<String>,

    /// Take the transcripts as the new snapshots.
    #[arg(long)]
    bless: bool,

    /// Play on the graph of another herd of fixtures/herds or of a herd file; its nodes take the parts of 2015-winter's
    /// in order.
    #[arg(long, value_name = "NAME|FILE", default_value = SESSIONS_HERD)]
    herd: String,

    /// Play against any program that speaks the client protocol: a command such as `python3 node.py {name} {file}`
    /// that runs one node, or a peer of benches/peers by its name. {name} stands for the node's name, {file} for the
    /// herd file, {client} and {link} for the node's addresses. Tells of each session whether it passed, differs or
    /// cannot be played; fails when one differs.
    #[arg(long, value_name = "COMMAND|PEER", conflicts_with = "bless")]
    against: Option<String>,

    /// How many seconds that program may take for each step of a session.
    #[arg(long, default_value_t = 3, requires = "against", value_parser = clap::value_parser!(u64).range(1..=60))]
    patience: u64,
}

/// Plays the sessions, each under its own name.
///
/// # Errors
/// One fails, none fits the filter, or they cannot be played at all.
pub fn run(options: &Options) -> Result<()> {
    if options.bless && env::var_os("INSTA_UPDATE").is_none_or(|update| update != "always") {
        // The snapshot library is told by a variable, and this process cannot change its own.
        let again = Command::new(env::current_exe()?)
            .args(env::args_os().skip(1))
            .env("INSTA_UPDATE", "always")
            .env("INSTA_WORKSPACE_ROOT", fixtures::checkout::root())
            .status();
        return if again?.success() { Ok(()) } else { bail!("not all sessions could be blessed") };
    }
    if let Some(program) = &options.against {
        return run_against(program, options);
    }
    let trials = trials(&options.herd)?;
    check_filter(options, trials.iter().map(Trial::name))?;
    let arguments = Arguments { filter: options.filter.clone(), ..Arguments::default() };
    if libtest_mimic::run(&arguments, trials).has_failed() {
        bail!("not all sessions passed; if what came back is right, `cargo xtask e2e --bless` takes it");
    }
    Ok(())
}

/// Plays the sessions against a program, or a peer, that is not ours.
fn run_against(program: &str, options: &Options) -> Result<()> {
    let is_peer = bundled_guests::names().any(|peer| peer == program);
    let guest = Guest {
        template: if is_peer { bundled_guests::find(program)?.template } else { Template::parse(program)? },
        herd: HerdFile::find(&options.herd)?,
        folder: target_dir()?.join("e2e/against"),
        patience: Duration::from_secs(options.patience),
    };
    let mut pieces = Vec::new();
    for (name, session) in sessions()? {
        let expected =
            fs::read_to_string(snapshot(&name)).with_context(|| format!("{name} has no snapshot"))?;
        pieces.push(Piece { name, session, expected: body(&expected).to_owned() });
    }
    check_filter(options, pieces.iter().map(|piece| piece.name.as_str()))?;
    pieces.retain(|piece| options.fits(&piece.name));
    guests::play_all(&guest, &pieces)
}

/// Fails when no name fits the filter.
fn check_filter<'a>(options: &Options, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let names: Vec<&str> = names.collect();
    if !names.iter().any(|name| options.fits(name)) {
        bail!(
            "no session's name holds {:?}: there are\n  {}",
            options.filter.as_deref().unwrap_or_default(),
            names.join("\n  ")
        );
    }
    Ok(())
}

impl Options {
    fn fits(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }
}

/// A test for each session file, and one that finds snapshots without a session.
///
/// # Errors
/// The node program does not build, or there is no such herd.
pub fn trials(herd: &str) -> Result<Vec<Trial>> {
    let stage = Arc::new(Stage {
        herd: HerdFile::find(herd)?,
        program: herd_binary(Profile::Debug)?,
        folder: target_dir()?.join("e2e"),
    });
    let mut trials = vec![Trial::test("every-snapshot-has-its-session", check_snapshots)];
    for (name, session) in sessions()? {
        let elsewhere = session.needs.as_ref().is_some_and(|needs| *needs != stage.herd.herd().name);
        let (stage, played) = (Arc::clone(&stage), name.clone());
        let play = move || {
            play_and_compare(&stage, &session, &played).map_err(|error| Failed::from(format!("{error:#}")))
        };
        trials.push(Trial::test(name, play).with_ignored_flag(elsewhere));
    }
    Ok(trials)
}

/// What all sessions of a run share.
struct Stage {
    herd: HerdFile,
    program: PathBuf,
    folder: PathBuf,
}

/// The one function that plays a session file against five fresh nodes and asserts its snapshot.
fn play_and_compare(stage: &Stage, session: &Session, name: &str) -> Result<()> {
    let transcript = play(stage, session, name)?;
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(fixtures::sessions());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Read first: where snapshots are updated, the old one is gone afterwards.
    let old = fs::read_to_string(snapshot(name)).unwrap_or_default();
    let assert = || settings.bind(|| insta::assert_snapshot!(name, transcript.text()));
    if panic::catch_unwind(AssertUnwindSafe(assert)).is_err() {
        // The difference itself has been printed.
        let line = transcript.first_difference(body(&old)).map_or(1, |difference| difference.line);
        return Err(session.error(line, format!("from here on what came differs from {name}.snap")).into());
    }
    Ok(())
}

/// A snapshot file without the header that the snapshot library writes.
fn body(snapshot: &str) -> &str {
    snapshot.splitn(3, "---\n").nth(2).unwrap_or_default()
}

fn play(stage: &Stage, session: &Session, name: &str) -> Result<Transcript> {
    let places = PlacesStub::start()?;
    let nodes = u16::try_from(stage.herd.herd().members.len())?;
    let ports = PortBlock::take(2 * nodes)?;
    let file = stage.herd.at_ports(ports.first())?.with_limits(&session.limits)?;
    // Of this run alone: another one may be playing the same session.
    let folder = stage.folder.join(format!("{name}-{}", ports.first()));
    let mut setup = Setup::clean(file, stage.program.clone(), folder);
    let url = places.url();
    let args = ["--log-level", "debug", "--places", &session.provider, "--places-url", &url];
    setup.args.extend(args.map(Into::into));
    setup.variables.push(("HERD_PLACES_KEY", Some("key-of-a-session".into())));
    if let Some(durability) = &session.durability {
        let data = setup.folder.join("data");
        // What an earlier run on the same ports has left.
        let _ = fs::remove_dir_all(&data);
        setup.data = Some(data);
        setup.args.extend(["--durability".into(), durability.into()]);
    }
    let mut cast = Cast::new(Processes::new(setup)?)?;
    cast.processes().start_all()?;
    let (transcript, result) = session::play(session, &mut cast, &places, session::PATIENCE);
    result?;
    cast.processes().stop_all()?;
    Ok(transcript)
}

fn check_snapshots() -> Result<(), Failed> {
    let files = files_with_ending("snap").map_err(|error| Failed::from(format!("{error:#}")))?;
    let lonely: Vec<PathBuf> =
        files.into_iter().filter(|snap| !snap.with_extension("session").exists()).collect();
    if lonely.is_empty() {
        Ok(())
    } else {
        Err(Failed::from(format!("snapshots without a session: {lonely:?}")))
    }
}

/// The sessions of `fixtures/sessions`, by name.
fn sessions() -> Result<Vec<(String, Session)>> {
    let read = |path: PathBuf| {
        let name = path.file_stem().context("a session file has a name")?.to_string_lossy().into_owned();
        Ok((name, Session::read(&path)?))
    };
    files_with_ending("session")?.into_iter().map(read).collect()
}

/// The snapshot of a session.
fn snapshot(name: &str) -> PathBuf {
    fixtures::sessions().join(name).with_extension("snap")
}

/// The files of `fixtures/sessions` with this ending, in the order of their names.
fn files_with_ending(ending: &str) -> Result<Vec<PathBuf>> {
    let folder = fs::read_dir(fixtures::sessions()).context("cannot list fixtures/sessions")?;
    let mut files: Vec<PathBuf> = folder.filter_map(|file| Some(file.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == Path::new(ending)));
    files.sort();
    Ok(files)
}
