//! `conformance`: judge herds that are not ours.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::cluster::parallel::processors;
use crate::cluster::workspace::{Profile, binary, target_dir};
use crate::commands::print::{output_width, print, print_progress};
use crate::conformance::all::{find_guests, judge_all};
use crate::conformance::guest_file::Guest;
use crate::conformance::matrix::{Row, write_matrix};
use crate::conformance::out_folder::claim;
use crate::conformance::report::{Report, line, summary};
use crate::conformance::rules::RULES;
use crate::conformance::run::{Options, judge_guest, this_program};
use crate::conformance::self_test::{FaultResult, read_faults, test_faults};
use crate::conformance::sessions::{self, GuestReport};
use crate::conformance::{gradescope, init_guest};
use crate::text::table;

/// The exit status when nothing could be judged.
const NOTHING_JUDGED: u8 = 2;

/// The time that each guest of a class gets.
const CLASS_BUDGET: Duration = Duration::from_secs(5 * 60);

/// What to judge, and how.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit status: 0 if every counted rule holds, 1 if one fails, 2 if nothing could be judged."
)]
pub struct ConformanceArgs {
    /// The guest file: how to run the herd to judge
    #[arg(value_name = "GUEST.toml", required_unless_present_any = ["list", "self_test", "init", "all", "gradescope"])]
    guest: Option<PathBuf>,

    /// Judge only this rule, or these if the option is repeated
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,

    /// The folder for the report, empty or one of an earlier report [default:
    /// target/conformance/NAME]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Multiply all times that the guest is allowed by this factor
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    patience: f64,

    /// The seed of client ids, places and orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write the report within this time, such as 8m; rules not reached are not judged
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    budget: Option<Duration>,

    /// The folder of the guest's program, instead of the one that the guest file names
    #[arg(long, value_name = "FOLDER", requires = "guest")]
    folder: Option<PathBuf>,

    /// Change this machine's hosts file and certificates while judging: only for a disposable
    /// container in which network namespaces are forbidden
    #[arg(long)]
    container: bool,

    /// Play the sessions of fixtures/sessions against the guest, or those with FILTER in their
    /// names, and compare with their snapshots; exit 1 if one differs
    #[arg(
        long,
        value_name = "FILTER",
        num_args = 0..=1,
        default_missing_value = "",
        requires = "guest",
        conflicts_with_all = ["rules", "budget", "container", "gradescope"]
    )]
    sessions: Option<String>,

    /// Show the rules
    #[arg(long)]
    list: bool,

    /// Judge a correct herd with each fault, or with these, and check that the right rules fail
    #[arg(long, value_name = "FAULT", num_args = 0.., conflicts_with_all = ["guest", "rules"])]
    self_test: Option<Vec<String>>,

    /// Write a guest file for the program in a folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "guest")]
    init: Option<PathBuf>,

    /// Judge every guest below a folder; write matrix.html and matrix.csv
    #[arg(long, value_name = "FOLDER", conflicts_with = "guest")]
    all: Option<PathBuf>,

    /// Write an autograder for Gradescope to a folder
    #[arg(long, value_name = "FOLDER")]
    gradescope: Option<PathBuf>,
}

/// Reads the factor of `--patience`.
fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.1..=100.0).contains(&factor) => Ok(factor),
        _ => Err("expected a number from 0.1 to 100".to_owned()),
    }
}

/// Judges what the arguments ask for, and returns the exit status.
///
/// # Errors
/// Nothing could be judged; the exit status for this is [`nothing_judged`].
pub fn judge_herds(args: &ConformanceArgs) -> Result<ExitCode> {
    match args {
        _ if args.list => list_rules(),
        ConformanceArgs { self_test: Some(faults), .. } => test_suite(faults, args),
        ConformanceArgs { init: Some(folder), .. } => write_guest_file(folder),
        ConformanceArgs { all: Some(folder), .. } => judge_class(folder, args),
        ConformanceArgs { gradescope: Some(folder), .. } => write_autograder(folder, args),
        ConformanceArgs { guest: Some(guest), sessions: Some(filter), .. } => {
            play_sessions(guest, filter, args)
        }
        ConformanceArgs { guest: Some(guest), .. } => judge_one(guest, args),
        _ => bail!("give a guest file"),
    }
}

/// The exit status when nothing could be judged.
pub fn nothing_judged() -> ExitCode {
    ExitCode::from(NOTHING_JUDGED)
}

fn judge_one(guest: &Path, args: &ConformanceArgs) -> Result<ExitCode> {
    let name = Guest::read(guest)?.name;
    let out = report_folder(args, &name)?;
    print_progress(&format!("judging {name}"));
    let options = Options {
        guest: guest.to_owned(),
        folder: args.folder.clone(),
        out: out.clone(),
        rules: args.rules.clone(),
        patience: args.patience,
        seed: args.seed,
        budget: args.budget,
        container: args.container,
    };
    let outcome = judge_guest(&options, &mut |rule| {
        let _ = print(&format!("{}\n", line(rule, output_width())));
    })?;
    print(&format!("\n{}", summary(&outcome.report, &out)))?;
    if let Some(reason) = &outcome.stopped {
        bail!("nothing more could be judged: {reason}");
    }
    Ok(if outcome.report.counted_rules_hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the sessions of this project against a guest.
fn play_sessions(guest: &Path, filter: &str, args: &ConformanceArgs) -> Result<ExitCode> {
    let mut guest = Guest::read(guest)?;
    if let Some(folder) = &args.folder {
        guest = guest.in_folder(folder)?;
    }
    let out = claim(&report_folder(args, &guest.name)?)?;
    let options = sessions::Options {
        filter: filter.to_owned(),
        patience: args.patience,
        folder: out.join("sessions"),
        program: this_program()?,
    };
    let report = sessions::play(&guest, &options)?;
    print(&report.text)?;
    Ok(match report {
        GuestReport { differ: 0, passed: 1.., .. } => ExitCode::SUCCESS,
        GuestReport { differ: 0, .. } => bail!("no session could be played: see above what each needs"),
        _ => ExitCode::FAILURE,
    })
}

/// The folder of `--out`, or one called `name`: in the target folder of the checkout, or else in
/// the current folder.
fn report_folder(args: &ConformanceArgs, name: &str) -> Result<PathBuf> {
    if let Some(out) = &args.out {
        return Ok(out.clone());
    }
    let folder = match fixtures::checkout::find() {
        Some(_) => target_dir()?,
        None => env::current_dir().context("cannot find the current folder")?,
    };
    Ok(folder.join("conformance").join(name))
}

fn list_rules() -> Result<ExitCode> {
    let mut rows = vec![["RULE", "CLASS", "WHAT MUST HOLD"].map(str::to_owned)];
    rows.extend(RULES.iter().map(|rule| [rule.name, rule.class.into(), rule.text].map(str::to_owned)));
    print(&table(&rows))?;
    Ok(ExitCode::SUCCESS)
}

fn write_guest_file(folder: &Path) -> Result<ExitCode> {
    let text = init_guest::guest_file_for(folder)?;
    let path = folder.join("guest.toml");
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    print(&format!("wrote {0}: look at it, then run `cargo xtask conformance {0}`\n", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn judge_class(folder: &Path, args: &ConformanceArgs) -> Result<ExitCode> {
    let guests = find_guests(folder)?;
    let out = claim(&report_folder(args, "class")?)?;
    let budget = args.budget.unwrap_or(CLASS_BUDGET);
    let suite = this_program()?;
    let judge = |guest: &Path, report: &Path| {
        let mut command = Command::new(&suite);
        let mut words: Vec<OsString> = Vec::new();
        if suite.file_stem().is_some_and(|stem| stem != "conformance") {
            words.push("conformance".into());
        }
        words.extend([guest.into(), "--out".into(), report.into()]);
        words.extend(["--budget".to_owned(), format!("{}s", budget.as_secs())].map(OsString::from));
        words.extend(["--patience".to_owned(), args.patience.to_string()].map(OsString::from));
        words.extend(["--seed".to_owned(), args.seed.to_string()].map(OsString::from));
        words.extend(args.rules.iter().flat_map(|rule| ["--rule".into(), rule.into()]));
        words.extend(args.container.then(|| "--container".into()));
        command.args(words);
        command
    };
    let at_once = if args.container { 1 } else { processors() };
    let rows = judge_all(&guests, &out, at_once, budget, &judge, &|row| {
        let _ = print(&format!("{}\n", line_of_guest(row)));
    });
    write_matrix(&rows, &out)?;
    print(&format!("the matrix is {}\n", out.join("matrix.html").display()))?;
    Ok(if rows.iter().all(|row| row.result.as_ref().is_ok_and(Report::counted_rules_hold)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A line for a guest of a class.
fn line_of_guest(row: &Row) -> String {
    match &row.result {
        Ok(report) => format!("{}: {} of {} points", row.name, report.points, report.of),
        Err(reason) => format!("{}: not judged: {}", row.name, reason.lines().next().unwrap_or_default()),
    }
}

fn write_autograder(folder: &Path, args: &ConformanceArgs) -> Result<ExitCode> {
    let suite = match fixtures::checkout::find() {
        Some(_) => binary("conformance", Profile::Release)?,
        None => this_program()?,
    };
    gradescope::write_bundle(folder, &suite, args.guest.as_deref())?;
    print(&format!("wrote the autograder to {}: its README.md says how to use it\n", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn test_suite(names: &[String], args: &ConformanceArgs) -> Result<ExitCode> {
    let out = report_folder(args, "self-test")?;
    let faults = read_faults(names)?;
    let results = test_faults(&faults, &out, &|result| {
        let _ = print(&format!("{}\n", line_of(result)));
    })?;
    let wrong = results.iter().filter(|result| !result.problems.is_empty()).count();
    ensure!(wrong == 0, "{wrong} of {} faults were not judged as they should be", results.len());
    print(&format!("all {} faults are judged as they should be\n", results.len()))?;
    Ok(ExitCode::SUCCESS)
}

/// A line for a fault, and one for each problem.
fn line_of(result: &FaultResult) -> String {
    let name = if result.fault.name.is_empty() { "no fault" } else { &result.fault.name };
    let mut text = format!("{}  {name}", if result.problems.is_empty() { "ok   " } else { "WRONG" });
    for problem in &result.problems {
        text += &format!("\n         {problem}");
    }
    text
}
