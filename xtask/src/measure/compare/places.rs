//! The row of places from OpenStreetMap: bytes for each place, and times of searches.

use anyhow::{Context, Result};

use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, System};
use super::{CompareBench, HERD};
use crate::cluster::proc_usage::resident_bytes;
use crate::load::generator::Task;
use crate::load::places::{PlacesQuestions, PlacesTimes};

/// The number of rounds, at most. The file is made again in each.
const ROUNDS: usize = 3;

pub(super) fn osm(bench: &CompareBench) -> Result<Vec<Figure>> {
    let places: u64 = if bench.quick { 200_000 } else { 1_000_000 };
    let figure = |what: &str, unit, most| {
        let mut figure = Figure::new("places", format!("{what}, {places} places"), unit);
        figure.goals = vec![Goal::of_herd(&[], GoalBound::AtMost(most))];
        figure
    };
    let mut bytes = figure("resident bytes a place", "bytes", 100.0);
    let mut median = figure("20 places within 5 km in a dense city, p50", "us", 60.0);
    let mut p99 = figure("20 places within 5 km in a dense city, p99", "us", 300.0);
    let mut answer = figure("the same with its JSON, p99", "us", 1_000.0);
    let mut widest = figure("20 places within 50 km anywhere, maximum", "us", 1_000.0);
    for round in 0..bench.rounds.min(ROUNDS) {
        let file = bench.folder.join("places.bin");
        let questions = PlacesQuestions { places, questions: 100_000, file: file.clone() };
        let times: PlacesTimes = bench.generator.perform(&Task::Places(questions))?;
        let file = file.to_str().context("the target folder has no name in UTF-8")?.to_owned();
        let [without, with] = [HERD, System::HerdWithOsm(file)].map(|system| {
            let running = system.start(bench, HerdLayout::Lone)?;
            resident_bytes(running.pids[0])
        });
        let each = (with? - without?) / places as f64;
        (bench.progress)(&format!("  round {}: {each:.1} bytes each; {}", round + 1, times.searches));
        bytes.add("herd", each, Vec::new());
        median.add("herd", times.searches.p50, times.searches.points());
        p99.add("herd", times.searches.p99, Vec::new());
        answer.add("herd", times.answers.p99, times.answers.points());
        widest.add("herd", times.widest.max, times.widest.points());
    }
    Ok(vec![bytes, median, p99, answer, widest])
}
