//! The summary of a run for a terminal, in plain text.

use super::ComparisonRun;
use super::figure::{Figure, Goal};
use super::report::{goal_text, heading, in_lines, missing};
use super::units::quantity;
use crate::text::table;

/// The load average above which the machine was not idle when a run began.
const BUSY: f64 = 0.5;

/// Describes a run: each figure, its goals, and what was not measured.
pub(super) fn summary(run: &ComparisonRun) -> String {
    let mut text = heading(run);
    for row in run.figures.chunk_by(|one, other| one.row == other.row) {
        text.push('\n');
        if is_matrix(row) {
            text += &matrix(row);
        } else {
            text += &row.iter().map(block).collect::<Vec<_>>().join("\n");
        }
    }
    for missing in missing(run) {
        text += &format!("\nNot measured: {missing}\n");
    }
    text + &caution(run)
}

/// Whether the figures of a row fit one table: several figures without goals, of several systems.
fn is_matrix(row: &[Figure]) -> bool {
    let has_systems = row.first().is_some_and(|first| first.series.len() > 1);
    row.len() > 1 && has_systems && row.iter().all(|figure| figure.goals.is_empty())
}

/// A table with a line for each figure and a column for each system, with medians.
fn matrix(row: &[Figure]) -> String {
    let mut systems: Vec<&str> = Vec::new();
    for series in row.iter().flat_map(|figure| &figure.series) {
        if !systems.contains(&&*series.system) {
            systems.push(&series.system);
        }
    }
    let names: Vec<Vec<&str>> = systems.iter().map(|name| name.split_inclusive('-').collect()).collect();
    let height = names.iter().map(Vec::len).max().unwrap_or_default();
    let name_lines = (0..height).map(|line| {
        let title = if line + 1 == height { row[0].row } else { "" };
        // Names end on the last line.
        let parts =
            names.iter().map(|name| (line + name.len()).checked_sub(height).map_or("", |part| name[part]));
        [title].into_iter().chain(parts).map(str::to_owned).collect::<Vec<String>>()
    });
    let figures = row.iter().map(|figure| {
        let cell = |system: &&str| {
            let median = figure.series.iter().find(|series| series.system == **system)?.median();
            Some(quantity(median, figure.unit))
        };
        let cells = systems.iter().map(|system| cell(system).unwrap_or_else(|| "-".to_owned()));
        [figure.title.clone()].into_iter().chain(cells).collect()
    });
    table(&name_lines.chain(figures).collect::<Vec<Vec<String>>>())
}

/// The title of a figure, a line for each system, and one for each goal.
fn block(figure: &Figure) -> String {
    let first = figure.series.first().map_or("", |series| &series.system);
    let rows = figure.series.iter().map(|series| {
        let (lower, upper) = series.quartiles();
        let [median, lower, upper] =
            [series.median(), lower, upper].map(|value| quantity(value, figure.unit));
        let ratio = figure.ratio(&series.system, first).filter(|_| series.system != first);
        let ratio = ratio.map(|ratio| format!("{ratio:.2} x {first}")).unwrap_or_default();
        [format!("  {}", series.system), median, format!("{lower} to {upper}"), ratio]
    });
    let goals = figure.goals.iter().map(|goal| goal_line(figure, goal));
    format!("{}\n{}{}", figure.title, table(&rows.collect::<Vec<_>>()), goals.collect::<String>())
}

fn goal_line(figure: &Figure, goal: &Goal) -> String {
    let (wanted, reached) = goal_text(figure, goal);
    format!("  goal {wanted}: {}\n", reached.replace("**", ""))
}

/// What a reader must know before quoting a figure.
fn caution(run: &ComparisonRun) -> String {
    let loads: Vec<String> = run.load_averages.iter().map(|(row, load)| format!("{row} {load:.1}")).collect();
    let busy = run.load_averages.first().is_some_and(|(_, load)| *load > BUSY);
    let busy = if busy { "The machine was not idle when the run began.\n" } else { "" };
    format!(
        "\nOnly ratios of figures of one run mean anything.\n{busy}Load average before each row:\n{}\n",
        in_lines(&loads)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::figure::GoalBound;
    use crate::measure::machine_info::MachineInfo;

    fn figure(row: &'static str, title: &str, unit: &'static str, values: &[(&str, [f64; 3])]) -> Figure {
        let mut figure = Figure::new(row, title.to_owned(), unit);
        for (system, rounds) in values {
            rounds.iter().for_each(|value| figure.add(system, *value, Vec::new()));
        }
        figure
    }

    /// The summary without its first lines, which name the machine and the versions.
    fn summary_of(figures: Vec<Figure>, load: f64) -> String {
        let run = ComparisonRun {
            machine: MachineInfo::collect(),
            quick: true,
            rounds: 3,
            round_seconds: 1.0,
            load_averages: vec![(figures[0].row, load)],
            figures,
        };
        let text = summary(&run);
        text.split_once("medians").map(|(_, rest)| format!("medians{rest}")).unwrap()
    }

    #[test]
    fn a_figure_with_goals_has_a_line_for_each_system_and_goal() {
        let mut latency = figure(
            "flood-latency",
            "flood latency one at a time, p50",
            "us",
            &[("herd", [225.0, 228.0, 240.0]), ("twisted", [676.0, 691.4, 1_693.0])],
        );
        latency.goals = vec![
            Goal::of_herd(&["twisted"], GoalBound::AtMost(0.5)),
            Goal::of_herd(&["nats"], GoalBound::AtMost(1.0)),
            Goal::of_herd(&[], GoalBound::AtMost(250.0)),
        ];
        latency.missing = vec!["nats: not installed".to_owned()];
        insta::assert_snapshot!(summary_of(vec![latency], 0.1), @r"
        medians (lower to upper quartile) of 3 interleaved rounds of 1 s;
        a quick run, not to be quoted

        flood latency one at a time, p50
          herd     228 µs  226 µs to 234 µs
          twisted  691 µs  684 µs to 1.19 ms  3.03 x herd
          goal <= 0.5 x twisted: 0.33 (0.24 to 0.33): met
          goal <= 1 x nats: not measured
          goal <= 250 µs: 228 µs (226 µs to 234 µs): met

        Not measured: nats: not installed

        Only ratios of figures of one run mean anything.
        Load average before each row:
        flood-latency 0.1
        ");
    }

    #[test]
    fn a_row_without_goals_is_one_table_that_fits_a_terminal() {
        let systems = |herd: [f64; 3], factor: f64| {
            let names = ["herd", "twisted", "asyncio-streams", "asyncio-protocol", "node", "node-batched"];
            names.map(|name| (name, if name == "herd" { herd } else { herd.map(|value| value * factor) }))
        };
        let row = "runtimes";
        let figures = vec![
            figure(row, "start of five nodes", "s", &systems([0.012, 0.013, 0.02], 42.0)),
            figure(row, "memory, empty", "bytes", &systems([8e6, 8.1e6, 8.2e6], 3.9)),
            figure(row, "memory, 100 k clients", "bytes", &systems([2e7, 2.1e7, 2.2e7], 3.7)),
            figure(row, "flood, p99", "us", &systems([400.0, 420.0, 500.0], 3.0)),
        ];
        let text = summary_of(figures, 2.4);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
        medians (lower to upper quartile) of 3 interleaved rounds of 1 s;
        a quick run, not to be quoted

                                                 asyncio-  asyncio-           node-
        runtimes               herd     twisted  streams   protocol  node     batched
        start of five nodes    13.0 ms  546 ms   546 ms    546 ms    546 ms   546 ms
        memory, empty          8.10 MB  31.6 MB  31.6 MB   31.6 MB   31.6 MB  31.6 MB
        memory, 100 k clients  21.0 MB  77.7 MB  77.7 MB   77.7 MB   77.7 MB  77.7 MB
        flood, p99             420 µs   1.26 ms  1.26 ms   1.26 ms   1.26 ms  1.26 ms

        Only ratios of figures of one run mean anything.
        The machine was not idle when the run began.
        Load average before each row:
        runtimes 2.4
        ");
    }
}
