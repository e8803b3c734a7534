//! Draws figures as SVG.

mod canvas;

use super::figure::{Figure, Series};
use super::units::{quantity, tick_text};
use canvas::{Anchor, BAR, Canvas, Colour};

/// The width of a picture, in pixels.
const WIDTH: f64 = 760.0;

/// The height of a title, and that of an axis with its values.
const TITLE: f64 = 28.0;
const AXIS: f64 = 26.0;

/// The space between bars.
const GAP: f64 = 8.0;

/// The widths of the names at the left of bars, and of the values at the right.
const NAMES: f64 = 170.0;
const VALUES: f64 = 90.0;

/// The largest numbers of steps between round values on an axis, in a narrow column and elsewhere.
const FEW_STEPS: f64 = 3.0;
const STEPS: f64 = 5.0;

/// A column of a picture.
#[derive(Clone, Copy, Debug)]
struct Column {
    left: f64,
    width: f64,
}

/// Draws the medians of a figure as bars, each with a line from the lower to the upper quartile.
pub(super) fn bars(figure: &Figure) -> String {
    let mut canvas = Canvas::new(WIDTH, bars_height(figure));
    draw_bars(&mut canvas, Column { left: 0.0, width: WIDTH }, 0.0, figure);
    canvas.finish()
}

/// Draws several figures in two columns of one picture, each with its own scale.
pub(super) fn panels(figures: &[Figure]) -> String {
    let rows: Vec<&[Figure]> = figures.chunks(2).collect();
    let height_of = |row: &&[Figure]| row.iter().map(bars_height).fold(0.0, f64::max);
    let mut canvas = Canvas::new(WIDTH, rows.iter().map(height_of).sum());
    let width = WIDTH / 2.0;
    let mut top = 0.0;
    for row in rows {
        for (figure, left) in row.iter().zip([0.0, width]) {
            draw_bars(&mut canvas, Column { left, width }, top, figure);
        }
        top += height_of(&row);
    }
    canvas.finish()
}

fn bars_height(figure: &Figure) -> f64 {
    TITLE + figure.series.len() as f64 * (BAR + GAP) + AXIS
}

fn draw_bars(canvas: &mut Canvas, column: Column, top: f64, figure: &Figure) {
    let most = figure.series.iter().map(|series| series.quartiles().1).fold(0.0, f64::max);
    let (names, steps) = if column.width < WIDTH { (120.0, FEW_STEPS) } else { (NAMES, STEPS) };
    let left = column.left + names;
    let scale = (column.width - names - VALUES) / if most > 0.0 { most } else { 1.0 };
    canvas.text(column.left + 8.0, top + 16.0, Anchor::Start, &figure.title);
    let foot = top + bars_height(figure) - AXIS;
    for value in round_values(most, steps) {
        let x = left + value * scale;
        canvas.grid((x, top + TITLE - 4.0), (x, foot));
        canvas.text(x, foot + 14.0, Anchor::Middle, &tick_text(value, figure.unit));
    }
    for (number, series) in figure.series.iter().enumerate() {
        let y = top + TITLE + number as f64 * (BAR + GAP);
        let (median, (lower, upper)) = (series.median(), series.quartiles());
        let middle = y + BAR / 2.0;
        canvas.text(left - 8.0, middle + 4.0, Anchor::End, &series.system);
        canvas.bar(left, y, median * scale, Colour::of(number, &series.system));
        canvas.range((left + lower * scale, middle), (left + upper * scale, middle));
        canvas.text(left + upper * scale + 6.0, middle + 4.0, Anchor::Start, &quantity(median, figure.unit));
    }
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
    let across = |value: f64| NAMES + (value.max(start) / start).ln() * scale;
    let bars: usize = figures.iter().map(|figure| figure.series.len()).sum();
    let foot = TITLE + bars as f64 * (BAR + 4.0) + figures.len() as f64 * 26.0;
    let unit = figures.first().map_or("", |figure| figure.unit);
    let mut canvas = Canvas::new(WIDTH, foot + AXIS);
    canvas.text(8.0, 16.0, Anchor::Start, title);
    for value in decades(start, most) {
        canvas.grid((across(value), TITLE), (across(value), foot));
        canvas.text(across(value), foot + 14.0, Anchor::Middle, &tick_text(value, unit));
    }
    let mut top = TITLE;
    for figure in figures {
        canvas.text(8.0, top + 12.0, Anchor::Start, &figure.title);
        top += 18.0;
        for (number, series) in figure.series.iter().enumerate() {
            let (median, middle) = (series.median(), top + BAR / 2.0);
            canvas.text(NAMES - 8.0, middle + 4.0, Anchor::End, &series.system);
            canvas.bar(NAMES, top, across(median) - NAMES, Colour::of(number, &series.system));
            canvas.text(across(median) + 6.0, middle + 4.0, Anchor::Start, &quantity(median, unit));
            top += BAR + 4.0;
        }
        top += 8.0;
    }
    canvas.finish()
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
    let (left, right, top, bottom) = (50.0, WIDTH - 190.0, 40.0, 260.0);
    let across = |value: f64| left + (right - left) * (value.max(1.0) / least).ln() / (most / least).ln();
    let up = |share: f64| bottom - (bottom - top) * share;
    let mut canvas = Canvas::new(WIDTH, bottom + AXIS);
    let title = format!("{}: share of answers within a latency", figure.title);
    canvas.text(8.0, 16.0, Anchor::Start, &title);
    for share in [0.0, 0.5, 0.9, 1.0] {
        canvas.grid((left, up(share)), (right, up(share)));
        canvas.text(left - 6.0, up(share) + 4.0, Anchor::End, &format!("{:.0} %", share * 100.0));
    }
    for value in decades(least, most) {
        canvas.grid((across(value), top), (across(value), bottom));
        canvas.text(across(value), bottom + 16.0, Anchor::Middle, &tick_text(value, "us"));
    }
    for (number, series) in series.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            series.distribution.iter().map(|(value, share)| (across(*value), up(*share))).collect();
        let colour = Colour::of(number, &series.system);
        canvas.curve(&points, colour);
        let key = top + 10.0 + number as f64 * 18.0;
        canvas.curve(&[(right + 14.0, key), (right + 34.0, key)], colour);
        canvas.text(right + 40.0, key + 4.0, Anchor::Start, &series.system);
    }
    Some(canvas.finish())
}

/// Returns round values from 0 to `most`, with equal steps, at most `steps` of them.
fn round_values(most: f64, steps: f64) -> Vec<f64> {
    if most <= 0.0 {
        return vec![0.0];
    }
    let power = 10_f64.powf((most / steps).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| most / step <= steps);
    let step = step.unwrap_or(10.0 * power);
    (0..).map(|number| f64::from(number) * step).take_while(|value| *value <= most).collect()
}

/// Returns the powers of ten between two values. If there are fewer than two, also twice and five
/// times those.
fn decades(least: f64, most: f64) -> Vec<f64> {
    let within = |digits: &[f64]| -> Vec<f64> {
        let powers = (least.log10().floor() as i32)..=(most.log10().ceil() as i32);
        let values = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
        values.filter(|value| (least..=most).contains(value)).collect()
    };
    let powers = within(&[1.0]);
    if powers.len() < 2 { within(&[1.0, 2.0, 5.0]) } else { powers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        let mut figure = Figure::new("row", "a < b".to_owned(), "us");
        figure.add("herd", 1_000.0, vec![(1.0, 0.1), (100.0, 1.0)]);
        figure.add("other", 2_000.0, vec![(2.0, 0.1), (1000.0, 1.0)]);
        figure
    }

    #[test]
    fn every_system_has_its_bar_and_its_curve() {
        let mut figure = figure();
        let drawn = bars(&figure);
        assert_eq!(drawn.matches("height=\"16\"").count(), 2);
        assert!(drawn.contains(">a &lt; b<") && drawn.ends_with("</svg>"), "{drawn}");
        let drawn = groups("all", &[&figure, &figure]);
        assert_eq!((drawn.matches("height=\"16\"").count(), drawn.matches(">herd<").count()), (4, 2));
        let drawn = panels(&[figure.clone(), figure.clone(), figure.clone()]);
        assert_eq!((drawn.matches("height=\"16\"").count(), drawn.matches("<svg").count()), (6, 1));
        let curves = distributions(&figure).unwrap();
        assert_eq!(curves.matches("\"own-curve\"").count(), 2, "a curve and its key");
        figure.series.iter_mut().for_each(|series| series.distribution.clear());
        assert_eq!(distributions(&figure), None);
    }

    #[test]
    fn values_and_axes_have_units() {
        let drawn = bars(&figure());
        for text in [">2.00 ms<", ">0<", ">500 µs<", ">2 ms<"] {
            assert!(drawn.contains(text), "{text} in {drawn}");
        }
        let curves = distributions(&figure()).unwrap();
        assert!(curves.contains(">100 µs<") && curves.contains(">1 ms<"), "{curves}");
    }

    #[test]
    fn colours_suit_light_and_dark_screens() {
        for drawn in [bars(&figure()), distributions(&figure()).unwrap()] {
            assert!(drawn.contains("prefers-color-scheme: dark") && drawn.contains("\"paper\""), "{drawn}");
        }
    }

    #[test]
    fn axes_have_a_few_round_values() {
        assert_eq!(round_values(2_100.0, STEPS), [0.0, 500.0, 1_000.0, 1_500.0, 2_000.0]);
        assert_eq!(round_values(2_100.0, FEW_STEPS), [0.0, 1_000.0, 2_000.0]);
        assert_eq!(round_values(0.66, STEPS), [0.0, 0.2, 0.4, 0.6000000000000001]);
        assert_eq!(round_values(0.0, STEPS), [0.0]);
        assert_eq!(decades(30.0, 2e5), [100.0, 1e3, 1e4, 1e5]);
        assert_eq!(decades(150.0, 700.0), [200.0, 500.0]);
    }
}
