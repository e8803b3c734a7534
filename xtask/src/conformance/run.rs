//! One run of the suite: from a guest file to a report.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use herd::nearest::choices;

use super::guest_file::Guest;
use super::herd::{Place, build, clear, copy};
use super::hidden::JUDGE;
use super::message::{Message, Order, messages};
use super::out_folder::claim;
use super::report::{Report, RuleReport, write_all};
use super::rules::{RULES, Rule};
use super::sandbox::{self, Mode};
use super::verdict::Verdict;

/// What to judge, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The guest file.
    pub guest: PathBuf,
    /// The folder of the guest's program, if it is not the one that the guest file names.
    pub folder: Option<PathBuf>,
    /// The folder of the report.
    pub out: PathBuf,
    /// The rules to judge; all if empty.
    pub rules: Vec<String>,
    /// The factor for all times that the guest is allowed.
    pub patience: f64,
    /// The seed of ids, places and orders.
    pub seed: u64,
    /// The time within which the report must be written.
    pub budget: Option<Duration>,
    /// Whether this machine is a disposable container, whose files may be changed.
    pub container: bool,
}

/// The part of the budget that is kept for writing the report.
const RESERVE: Duration = Duration::from_secs(10);

/// The name of the verdict on rules that were not judged.
const NOT_JUDGED: &str = "not judged";

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The report, which is also written to the folder of the options.
    pub report: Report,
    /// Why not every rule could be judged, if it is not for the time: the program does not start,
    /// with its last words, or the judge ended early.
    pub stopped: Option<String>,
}

/// Judges a guest and writes its report. `progress` is called with the report of each rule when it
/// is judged.
///
/// # Errors
/// - The guest file is wrong, or its program cannot be built.
/// - The folder of the options holds other files than reports.
/// - The guest cannot be cut off from the rest of the machine.
/// - The report cannot be written.
pub fn judge_guest(options: &Options, progress: &mut dyn FnMut(&RuleReport)) -> Result<Outcome> {
    let begun = Instant::now();
    let deadline = options.budget.map(|budget| begun + budget.saturating_sub(RESERVE));
    let mut guest = Guest::read(&options.guest)?;
    if let Some(folder) = &options.folder {
        guest = guest.in_folder(folder)?;
    }
    let rules = selected(&options.rules)?;
    let (mode, why_not) = sandbox::mode(options.container);
    let run_folder = claim(&options.out)?.join("run");
    let folder = run_folder.join("work");
    prepare(&guest, &run_folder, &folder, mode)?;
    let order = Order {
        guest: std::path::absolute(&options.guest)?,
        folder,
        run_folder,
        mode,
        rules: rules.iter().map(|rule| rule.name.to_owned()).collect(),
        patience: options.patience,
        seed: options.seed,
        budget: deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())),
    };
    let mut run = Run { notes: why_not.into_iter().collect(), judged: BTreeMap::new(), stopped: None };
    run.listen(&order, deadline, progress)?;
    let report = run.report(&guest, &rules, begun.elapsed());
    write_all(&report, &options.out)?;
    keep_output(&order.run_folder, &options.out)?;
    Ok(Outcome { report, stopped: run.stopped })
}

/// Returns the rules with these names, in the suite's order; all if there are none.
fn selected(names: &[String]) -> Result<Vec<&'static Rule>> {
    for name in names {
        if super::rules::find(name).is_none() {
            let names = RULES.iter().map(|rule| rule.name);
            bail!("no rule is called {name}{}", choices(name, "rules", names, "`--list`"));
        }
    }
    Ok(RULES.iter().filter(|rule| names.is_empty() || names.iter().any(|name| name == rule.name)).collect())
}

/// What a judge has said so far.
struct Run {
    notes: Vec<String>,
    judged: BTreeMap<String, RuleReport>,
    stopped: Option<String>,
}

impl Run {
    /// Starts a judge and takes down what it says, until it is done or the time is over.
    fn listen(
        &mut self,
        order: &Order,
        deadline: Option<Instant>,
        progress: &mut dyn FnMut(&RuleReport),
    ) -> Result<()> {
        let words = [JUDGE.into(), serde_json::to_string(order)?.into()];
        let mut judge = sandbox::launch_judge(order.mode, &this_program()?, &words)?;
        let (send, receive) = mpsc::channel();
        let output = BufReader::new(judge.take_stdout().context("the judge's output is piped")?);
        let reader = thread::spawn(move || {
            for message in messages(output) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        loop {
            let left = deadline.map_or(Duration::from_secs(3600), |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            match receive.recv_timeout(left) {
                Ok(Ok(Message::Note(note))) => self.notes.push(note),
                Ok(Ok(Message::Stopped(reason))) => self.stopped = Some(reason),
                Ok(Ok(Message::Rule { mut report, transcript, last_words })) => {
                    report.transcript = transcript;
                    report.last_words = last_words;
                    progress(&report);
                    self.judged.insert(report.rule.clone(), *report);
                }
                Ok(Err(error)) => self.notes.push(format!("{error:#}")),
                Err(RecvTimeoutError::Timeout) => {
                    self.notes.push("The time was over before every rule was judged.".to_owned());
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        drop(judge);
        drop(receive);
        let _ = reader.join();
        let is_late = deadline.is_some_and(|deadline| deadline <= Instant::now());
        if self.stopped.is_none() && !is_late && self.judged.len() < order.rules.len() {
            self.stopped = Some("the judge ended early".to_owned());
        }
        if self.stopped.is_none() && is_late && self.judged.values().all(|rule| rule.verdict == NOT_JUDGED) {
            self.stopped = Some("the time was over before a rule was judged".to_owned());
        }
        Ok(())
    }

    fn report(&mut self, guest: &Guest, rules: &[&Rule], took: Duration) -> Report {
        let reason = self.stopped.as_deref().and_then(|reason| reason.lines().next());
        let unjudged = Verdict::NotJudged(reason.unwrap_or("the time of the run was over").to_owned());
        let rules: Vec<RuleReport> = rules
            .iter()
            .map(|rule| {
                self.judged.remove(rule.name).unwrap_or_else(|| {
                    RuleReport::new(rule.name, rule.class, rule.text, guest.weight(rule.name), &unjudged)
                })
            })
            .collect();
        Report {
            guest: guest.name.clone(),
            suite: env!("CARGO_PKG_VERSION").to_owned(),
            graph: guest.graph.clone(),
            seconds: took.as_secs_f64(),
            points: rules.iter().map(|rule| rule.points).sum(),
            of: rules.iter().map(|rule| rule.of).sum(),
            notes: std::mem::take(&mut self.notes),
            rules,
        }
    }
}

/// Copies the guest's folder to `work` and builds it there, with the network.
fn prepare(guest: &Guest, run_folder: &Path, work: &Path, mode: Mode) -> Result<()> {
    clear(run_folder).with_context(|| format!("cannot remove {}", run_folder.display()))?;
    copy(&guest.folder, work, &[run_folder])?;
    let place = Place {
        mode,
        program: this_program()?,
        work: work.to_owned(),
        output: run_folder.join("output"),
        key: String::new(),
        places: String::new(),
        variables: Vec::new(),
        patience: 1.0,
    };
    build(guest, &place)
        .map_err(|failure| anyhow!("the program cannot be built: {failure}\n{}", failure.last_words))
}

/// Keeps what the nodes printed beside the report, and removes everything else of the run.
fn keep_output(run_folder: &Path, out: &Path) -> Result<()> {
    let nodes = out.join("nodes");
    clear(&nodes).with_context(|| format!("cannot remove {}", nodes.display()))?;
    fs::create_dir(&nodes).with_context(|| format!("cannot make {}", nodes.display()))?;
    for entry in fs::read_dir(run_folder.join("output")).into_iter().flatten().flatten() {
        let is_output = ["stdout", "stderr"].iter().any(|end| entry.path().extension() == Some(end.as_ref()));
        if is_output && entry.file_type()?.is_file() {
            fs::rename(entry.path(), nodes.join(entry.file_name()))?;
        }
    }
    clear(run_folder).with_context(|| format!("cannot remove {}", run_folder.display()))
}

/// Returns the program that this process runs, which can start itself again in hidden roles.
///
/// # Errors
/// The system does not say which it is.
pub fn this_program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program")
}
