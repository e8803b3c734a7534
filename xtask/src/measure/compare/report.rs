//! The reports on a run: a Markdown table, an HTML page with pictures, and the figures as JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use fixtures::checkout::root;

use super::figure::{Figure, Goal, GoalBound, GoalResult, GoalVerdict};
use super::plot::{bars, distributions, groups, panels};
use super::units::quantity;
use super::{ComparisonRun, runtimes};
use crate::text::escape;

/// The folder for results in the checkout.
const RESULTS: &str = "benches/results";

/// The title of the figure that `one-node.svg` shows.
const SHOWN: &str = "one node, C64 P16, 100000 clients";

/// The row whose figures `one-node-all.svg` shows.
const SHOWN_ROW: &str = "one-node";

/// The number of items in one line of a list, such as that of load averages.
const ITEMS_IN_LINE: usize = 6;

/// The machine, the versions of the programs, and how figures are computed, in lines.
pub(super) fn heading(run: &ComparisonRun) -> String {
    format!(
        "{};\n{};\nmedians (lower to upper quartile) of {} interleaved rounds of {} s{}\n",
        run.machine,
        in_lines(&run.machine.programs),
        run.rounds,
        run.round_seconds,
        if run.quick { ";\na quick run, not to be quoted" } else { "" }
    )
}

/// The Markdown table of all figures, followed by the systems that were not measured.
pub(super) fn table(run: &ComparisonRun) -> String {
    let mut text = heading(run) + "\n| figure | measured | goal | reached |\n|---|---|---|---|\n";
    for figure in &run.figures {
        let measured: Vec<String> = figure
            .series
            .iter()
            .map(|series| {
                let (lower, upper) = series.quartiles();
                let [median, lower, upper] =
                    [series.median(), lower, upper].map(|value| quantity(value, figure.unit));
                format!("{} {median} ({lower} to {upper})", series.system)
            })
            .collect();
        let goals: Vec<(String, String)> = figure.goals.iter().map(|goal| goal_text(figure, goal)).collect();
        let join = |side: fn(&(String, String)) -> &String| {
            goals.iter().map(side).cloned().collect::<Vec<_>>().join("<br>")
        };
        text += &format!(
            "| {} | {} | {} | {} |\n",
            figure.title,
            measured.join("<br>"),
            join(|(goal, _)| goal),
            join(|(_, reached)| reached)
        );
    }
    for missing in missing(run) {
        text += &format!("\nNot measured: {missing}\n");
    }
    let loads: Vec<String> = run.load_averages.iter().map(|(row, load)| format!("{row} {load:.1}")).collect();
    text + &format!("\nLoad average of the machine before each row:\n{}.\n", in_lines(&loads))
}

/// Joins items with commas, a few on each line.
pub(super) fn in_lines(items: &[String]) -> String {
    let lines: Vec<String> = items.chunks(ITEMS_IN_LINE).map(|items| items.join(", ")).collect();
    lines.join(",\n")
}

pub(super) fn missing(run: &ComparisonRun) -> Vec<&String> {
    let mut missing: Vec<&String> = run.figures.iter().flat_map(|figure| &figure.missing).collect();
    missing.sort();
    missing.dedup();
    missing
}

/// A goal and its result, in words.
pub(super) fn goal_text(figure: &Figure, goal: &Goal) -> (String, String) {
    let sign = match goal.bound {
        GoalBound::AtLeast(_) => ">=",
        GoalBound::AtMost(_) => "<=",
    };
    // The first system is the one whose goals need no name.
    let own = figure.series.first().filter(|first| first.system != goal.system);
    let own = own.map_or(String::new(), |_| format!("{} ", goal.system));
    let shown = |value: f64| match &goal.against[..] {
        [] => quantity(value, figure.unit),
        _ => format!("{value:.2}"),
    };
    let wanted = match &goal.against[..] {
        [] => format!("{own}{sign} {}", shown(goal.bound.value())),
        against => format!("{own}{sign} {} x {}", goal.bound.value(), against.join(", ")),
    };
    let Some(GoalVerdict { reached, quartiles: (lower, upper), result, .. }) = figure.verdict(goal) else {
        return (wanted, "not measured".to_owned());
    };
    let result = match result {
        GoalResult::Met => "met",
        GoalResult::NotMet => "**not met**",
        GoalResult::Undecided => "**undecided**",
    };
    let [reached, lower, upper] = [reached, lower, upper].map(shown);
    (wanted, format!("{reached} ({lower} to {upper}): {result}"))
}

/// Writes report.html, report.md and results.json to a folder. Returns their paths, each on a line.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write(run: &ComparisonRun, folder: &Path) -> Result<String> {
    let files = [("report.html", page(run)), ("report.md", table(run)), ("results.json", json(run)?)];
    write_files(folder, &files)
}

/// A run whose results the checkout keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// A run of all rows.
    AllRows,
    /// A run of the row of runtimes alone.
    Runtimes,
}

impl Kept {
    /// Returns what a run of the named rows is; all rows if none is named.
    ///
    /// # Errors
    /// The results of such a run are not kept: they would replace those of other rows.
    pub(super) fn of(rows: &[String]) -> Result<Kept> {
        match rows {
            [] => Ok(Kept::AllRows),
            [row] if row == runtimes::ROW => Ok(Kept::Runtimes),
            _ => bail!(
                "--keep replaces the kept results of all rows: name no row, or only `{}`, whose results \
                 are kept apart",
                runtimes::ROW
            ),
        }
    }
}

/// Writes the figures, the table and the pictures of a run to the checkout. Returns the paths, each
/// on a line.
///
/// # Errors
/// A file cannot be written.
pub(super) fn keep(run: &ComparisonRun, kept: Kept) -> Result<String> {
    if kept == Kept::Runtimes {
        let files = [
            ("runtimes.json", json(run)?),
            ("runtimes.md", table(run)),
            ("runtimes.svg", panels(&run.figures)),
        ];
        return write_files(&root().join(RESULTS), &files);
    }
    let shown = run.figures.iter().find(|figure| figure.title == SHOWN).or(run.figures.first());
    let row: Vec<&Figure> = run.figures.iter().filter(|figure| figure.row == SHOWN_ROW).collect();
    let title = "one node, reports a second, by connections (C) and commands in flight on each (P); logarithmic scale";
    let files = [
        ("results.json", json(run)?),
        ("report.md", table(run)),
        ("one-node.svg", shown.map(bars).unwrap_or_default()),
        ("one-node-all.svg", groups(title, &row)),
    ];
    write_files(&root().join(RESULTS), &files)
}

/// Writes the figures, the table and the pictures of a run of herds of several sizes to the
/// checkout. Returns the paths, each on a line.
///
/// # Errors
/// A file cannot be written.
pub(super) fn keep_scale(run: &ComparisonRun) -> Result<String> {
    let mut files = vec![("scale.json", json(run)?), ("scale.md", table(run))];
    let pictures = ["scale-latency.svg", "scale-per-hop.svg", "scale-lines.svg", "scale-updates.svg"];
    files.extend(pictures.into_iter().zip(run.figures.iter().map(bars)));
    write_files(&root().join(RESULTS), &files)
}

fn json(run: &ComparisonRun) -> Result<String> {
    Ok(serde_json::to_string_pretty(run)? + "\n")
}

fn write_files(folder: &Path, files: &[(&str, String)]) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut paths = String::new();
    for (name, text) in files {
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        paths += &format!("{}\n", file.display());
    }
    Ok(paths)
}

fn page(run: &ComparisonRun) -> String {
    let mut body = String::new();
    for figure in &run.figures {
        let row: Vec<&Figure> = run.figures.iter().filter(|other| other.row == figure.row).collect();
        let is_first = row.first().is_some_and(|first| std::ptr::eq(*first, figure));
        if is_first && row.len() > 1 && row.iter().all(|other| other.unit == figure.unit) {
            let title = format!("{}, logarithmic scale", figure.row);
            body += &format!("<h2>{}</h2>\n{}\n", escape(figure.row), groups(&title, &row));
        }
        body += &format!("<h2>{}: {}</h2>\n{}\n", figure.row, escape(&figure.title), bars(figure));
        body += &distributions(figure).unwrap_or_default();
        for goal in &figure.goals {
            let (wanted, reached) = goal_text(figure, goal);
            let reached = reached.replace("**", "");
            body += &format!("<p>goal: {}: {}</p>\n", escape(&wanted), escape(&reached));
        }
    }
    let about = escape(table(run).lines().next().unwrap_or_default());
    let programs = escape(&run.machine.programs.join("; "));
    let missing: String =
        missing(run).iter().map(|missing| format!("<p>Not measured: {}</p>\n", escape(missing))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>The herd and other systems</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font-family:sans-serif;max-width:800px;margin:2em auto}}\
         svg{{max-width:100%}}</style>\n\
         <h1>The herd and other systems</h1>\n<p>{about}</p>\n<p>{programs}</p>\n{missing}{body}</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::machine_info::MachineInfo;

    fn run() -> ComparisonRun {
        let mut figure = Figure::new("one-node", SHOWN.to_owned(), "reports/s");
        figure.add("herd", 2_000_000.0, Vec::new());
        figure.add("redis-set", 1_000_000.0, Vec::new());
        figure.goals = vec![
            Goal::of_herd(&["redis-set"], GoalBound::AtLeast(2.5)),
            Goal::of_herd(&["nats"], GoalBound::AtMost(1.0)),
        ];
        figure.missing = vec!["nats: not installed".to_owned()];
        ComparisonRun {
            machine: MachineInfo::collect(),
            quick: true,
            rounds: 1,
            round_seconds: 1.0,
            figures: vec![figure],
            load_averages: vec![("one-node", 0.5)],
        }
    }

    #[test]
    fn a_table_shows_which_goals_were_met_and_which_systems_were_not_measured() {
        let table = table(&run());
        assert!(
            table.contains(
                "| one node, C64 P16, 100000 clients | herd 2.00 M/s (2.00 M/s to 2.00 M/s)<br>redis-set"
            ),
            "{table}"
        );
        assert!(
            table.contains(
                ">= 2.5 x redis-set<br><= 1 x nats | 2.00 (2.00 to 2.00): **not met**<br>not measured |"
            ),
            "{table}"
        );
        assert!(
            table.contains("Not measured: nats: not installed") && table.contains("not to be quoted"),
            "{table}"
        );
    }

    #[test]
    fn the_programs_that_were_measured_have_their_versions_in_every_report() {
        for report in [table(&run()), page(&run())] {
            assert!(report.contains("Rust 1.") && report.contains("Tokio 1."), "{report}");
        }
    }

    #[test]
    fn only_runs_that_replace_no_other_results_are_kept() {
        let kept = |rows: &[&str]| {
            let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
            Kept::of(&rows).map_err(|error| error.to_string())
        };
        assert_eq!(kept(&[]), Ok(Kept::AllRows));
        assert_eq!(kept(&["runtimes"]), Ok(Kept::Runtimes));
        assert!(kept(&["memory"]).unwrap_err().contains("only `runtimes`"));
        assert!(kept(&["runtimes", "memory"]).is_err());
    }

    #[test]
    fn a_page_loads_no_other_file() {
        let page = page(&run());
        assert!(page.contains("<svg") && page.contains("not met") && !page.contains("src="), "{page}");
    }
}
