//! Draws figures as SVG.

use std::fmt::Write;

use super::figure::{Figure, Series};
use crate::text::escape;

/// The width of a picture, in pixels.
const WIDTH: f64 = 760.0;

/// The height of a bar, in pixels.
const BAR: f64 = 16.0;

/// The width of the names at the left, in pixels.
const NAMES: f64 = 190.0;

/// The width of the values at the right, in pixels.
const VALUES: f64 = 150.0;

/// The colour of this herd.
const OWN: &str = "#1f6fb4";

/// The colours of other systems.
const OTHERS: [&str; 6] = ["#9aa5b1", "#c98b3c", "#6a9a5b", "#8a6fb0", "#b05f6d", "#5aa5a5"];

/// Draws the medians of a figure as bars, each with a line from the lower to the upper quartile.
pub(super) fn bars(figure: &Figure) -> String {
    let most = figure.series.iter().map(|series| series.quartiles().1).fold(0.0, f64::max);
    let height = 30.0 + figure.series.len() as f64 * (BAR + 8.0);
    let scale = (WIDTH - NAMES - VALUES) / if most > 0.0 { most } else { 1.0 };
    let mut svg = begin(&format!("{} ({})", figure.title, figure.unit), height);
    for (number, series) in figure.series.iter().enumerate() {
        let top = 28.0 + number as f64 * (BAR + 8.0);
        let (median, (lower, upper)) = (series.median(), series.quartiles());
        let middle = top + BAR / 2.0;
        text(&mut svg, NAMES - 8.0, middle + 4.0, "end", &series.system);
        rectangle(&mut svg, NAMES, top, median * scale, colour(number, &series.system));
        line(&mut svg, &[(NAMES + lower * scale, middle), (NAMES + upper * scale, middle)], "#333");
        text(&mut svg, NAMES + upper * scale + 6.0, middle + 4.0, "start", &number_text(median));
    }
    svg + "</svg>"
}

/// Draws the medians of several figures in one picture, each figure as a group of bars. The figures
/// must have the same unit. The scale is logarithmic, because values may differ by a factor of 100.
pub(super) fn groups(title: &str, figures: &[&Figure]) -> String {
    let medians =
        figures.iter().flat_map(|figure| &figure.series).map(Series::median).filter(|median| *median > 0.0);
    let (least, most) =
        medians.fold((f64::INFINITY, 1.0), |(least, most), median| (median.min(least), median.max(most)));
    // The shortest bar has the length of a tenth of a decade.
    let start = least / 1.26;
    let scale = (WIDTH - NAMES - VALUES) / (most / start).ln().max(1.0);
    let bars: usize = figures.iter().map(|figure| figure.series.len()).sum();
    let mut svg = begin(title, 30.0 + bars as f64 * (BAR + 4.0) + figures.len() as f64 * 26.0);
    let mut top = 28.0;
    for figure in figures {
        text(&mut svg, 8.0, top + 12.0, "start", &figure.title);
        top += 18.0;
        for (number, series) in figure.series.iter().enumerate() {
            let (median, middle) = (series.median(), top + BAR / 2.0);
            text(&mut svg, NAMES - 8.0, middle + 4.0, "end", &series.system);
            let length = (median.max(start) / start).ln() * scale;
            rectangle(&mut svg, NAMES, top, length, colour(number, &series.system));
            text(&mut svg, NAMES + length + 6.0, middle + 4.0, "start", &number_text(median));
            top += BAR + 4.0;
        }
        top += 8.0;
    }
    svg + "</svg>"
}

/// Draws the cumulative distributions of latencies in microseconds, on a logarithmic scale. Returns
/// `None` if the figure has none.
pub(super) fn distributions(figure: &Figure) -> Option<String> {
    let series: Vec<&Series> = figure.series.iter().filter(|series| series.distribution.len() > 1).collect();
    let values = series.iter().flat_map(|series| &series.distribution).map(|(value, _)| value.max(1.0));
    let (least, most) =
        values.fold((f64::INFINITY, 1.0), |(least, most), value| (value.min(least), value.max(most)));
    if series.is_empty() || least >= most {
        return None;
    }
    let (left, right, top, bottom) = (50.0, WIDTH - 190.0, 30.0, 250.0);
    let across = |value: f64| left + (right - left) * (value.max(1.0) / least).ln() / (most / least).ln();
    let up = |share: f64| bottom - (bottom - top) * share;
    let mut svg = begin(&format!("{}: share of answers within a latency in us", figure.title), bottom + 30.0);
    for share in [0.0, 0.5, 0.9, 1.0] {
        line(&mut svg, &[(left, up(share)), (right, up(share))], "#ddd");
        text(&mut svg, left - 6.0, up(share) + 4.0, "end", &format!("{:.0} %", share * 100.0));
    }
    let mut decade = 10_f64.powf(least.log10().ceil());
    while decade <= most {
        line(&mut svg, &[(across(decade), top), (across(decade), bottom)], "#ddd");
        text(&mut svg, across(decade), bottom + 16.0, "middle", &number_text(decade));
        decade *= 10.0;
    }
    for (number, series) in series.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            series.distribution.iter().map(|(value, share)| (across(*value), up(*share))).collect();
        let colour = colour(number, &series.system);
        line(&mut svg, &points, colour);
        let key = 40.0 + number as f64 * 18.0;
        line(&mut svg, &[(right + 14.0, key), (right + 34.0, key)], colour);
        text(&mut svg, right + 40.0, key + 4.0, "start", &series.system);
    }
    Some(svg + "</svg>")
}

/// Formats a number with about three digits.
pub(super) fn number_text(number: f64) -> String {
    match number.abs() {
        size if size >= 1e6 => format!("{:.2} M", number / 1e6),
        size if size >= 1e4 => format!("{:.0} k", number / 1e3),
        size if size >= 1e3 => format!("{number:.0}"),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

fn begin(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    text(&mut svg, 8.0, 16.0, "start", title);
    svg
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = escape(text);
    let _ =
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222\">{text}</text>");
}

fn rectangle(svg: &mut String, x: f64, y: f64, width: f64, colour: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
    );
}

fn line(svg: &mut String, points: &[(f64, f64)], colour: &str) {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let points = points.join(" ");
    let _ = writeln!(
        svg,
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
    );
}

fn colour(number: usize, system: &str) -> &'static str {
    if system == "herd" { OWN } else { OTHERS[number % OTHERS.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_its_bar_and_its_curve() {
        let mut figure = Figure::new("row", "a < b".to_owned(), "us");
        figure.add("herd", 10.0, vec![(1.0, 0.1), (100.0, 1.0)]);
        figure.add("other", 20.0, vec![(2.0, 0.1), (1000.0, 1.0)]);
        let bars = bars(&figure);
        assert_eq!(bars.matches("<rect x=").count(), 2);
        assert!(
            bars.contains("a &lt; b (us)") && bars.contains(">20.0<") && bars.ends_with("</svg>"),
            "{bars}"
        );
        let groups = groups("all", &[&figure, &figure]);
        assert_eq!((groups.matches("<rect x=").count(), groups.matches(">herd<").count()), (4, 2));
        let curves = distributions(&figure).unwrap();
        assert_eq!(curves.matches(OWN).count(), 2, "a curve and its key");
        figure.series.iter_mut().for_each(|series| series.distribution.clear());
        assert_eq!(distributions(&figure), None);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [1_234_567.0, 54_321.0, 4321.0, 321.0, 21.0, 0.5].map(number_text);
        assert_eq!(texts, ["1.23 M", "54 k", "4321", "321", "21.0", "0.50"]);
    }
}
