//! Draws the rows of a timeline as SVG.

use std::fmt::{Arguments, Write};

use super::lanes::{Lanes, Span};
use super::rates::LineRates;
use crate::text::escape;

/// The width of the names at the left, in pixels.
const NAMES: f64 = 190.0;

/// The smallest width of the whole time, in pixels.
const WIDTH: f64 = 1_100.0;

/// The smallest width of a second, in pixels.
const SECOND: f64 = 4.0;

/// The height of a node's row, in pixels.
const NODE: f64 = 46.0;

/// The height of a link's row, in pixels.
const LINK: f64 = 14.0;

/// The smallest width of a bar of lines, in pixels.
const BAR: f64 = 3.0;

/// The place of the foot of such bars below the top of a node's row, and the height of their scale.
const FOOT: f64 = NODE - 4.0;
const SCALE: f64 = 24.0;

pub(super) fn draw(lanes: &Lanes<'_>) -> String {
    let scale = (WIDTH / lanes.end as f64).max(SECOND / 1e6);
    let height = 30.0 + NODE * lanes.names.len() as f64 + LINK * (lanes.pairs().len() + 1) as f64;
    let lines = LineRates::of(lanes, (BAR / scale).ceil() as u64);
    let mut canvas = Canvas { text: String::new(), scale, top: 24.0 };
    let width = NAMES + scale * lanes.end as f64 + 20.0;
    canvas.add(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"Timeline\">\n"
    ));
    canvas.ticks(lanes.end, height);
    for node in 0..lanes.names.len() {
        canvas.node(lanes, node);
        canvas.scale(lines.scale_top, canvas.x(lanes.end));
        canvas.lines(&lines, node);
        canvas.top += NODE;
    }
    for (one, other) in lanes.pairs() {
        canvas.link(lanes, one, other);
    }
    canvas.name("converged", LINK);
    for span in &lanes.settling {
        let title = format!("converged after {}", seconds(span.until - span.from));
        canvas.bar("settling", span, 2.0, LINK - 4.0, &title);
    }
    canvas.text + "</svg>\n"
}

impl Lanes<'_> {
    /// The pairs of nodes that have had a link, each pair once.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let mut pairs: Vec<_> =
            self.links.keys().map(|(one, other)| (*one.min(other), *one.max(other))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

/// The drawing so far.
struct Canvas {
    text: String,
    /// The width of a microsecond, in pixels.
    scale: f64,
    /// The top of the next row, in pixels.
    top: f64,
}

impl Canvas {
    fn add(&mut self, text: Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a string cannot fail");
    }

    fn x(&self, at: u64) -> f64 {
        NAMES + self.scale * at as f64
    }

    /// Vertical lines at round times.
    fn ticks(&mut self, end: u64, height: f64) {
        let steps = [1, 2, 5, 10, 30, 60, 120, 300, 600].map(|seconds| seconds * 1_000_000);
        let wide = |step: &u64| *step as f64 * self.scale >= 60.0;
        let step = steps.into_iter().find(wide).unwrap_or(3_600_000_000);
        for at in (0..=end).step_by(step as usize) {
            let x = self.x(at);
            self.add(format_args!(
                "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"16\" y2=\"{height:.0}\"/>"
            ));
            self.add(format_args!("<text x=\"{:.1}\" y=\"12\">{} s</text>\n", x + 2.0, at / 1_000_000));
        }
    }

    fn name(&mut self, name: &str, height: f64) {
        let y = self.top + height / 2.0 + 4.0;
        self.add(format_args!("<text x=\"4\" y=\"{y:.1}\">{}</text>\n", escape(name)));
    }

    /// Draws a bar in the current row, `below` pixels below its top.
    fn bar(&mut self, class: &str, span: &Span<'_>, below: f64, height: f64, title: &str) {
        let (x, y) = (self.x(span.from), self.top + below);
        let width = (self.x(span.until) - x).max(1.0);
        self.add(format_args!(
            "<rect {} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{}</title></rect>\n",
            if class.starts_with('#') { format!("class=\"fault\" fill=\"{class}\"") } else { format!("class=\"{class}\"") },
            escape(title)
        ));
    }

    fn node(&mut self, lanes: &Lanes<'_>, node: usize) {
        let name = &lanes.names[node];
        self.name(name, NODE);
        for span in &lanes.up[node] {
            self.bar("up", span, 0.0, FOOT, &during(&format!("{name} runs"), span));
        }
        for (span, _) in lanes.faults.iter().filter(|(_, nodes)| nodes.contains(&node)) {
            let color =
                lanes.kinds().find(|(kind, _)| *kind == span.label).map_or("#888", |(_, color)| color);
            self.bar(color, span, 2.0, 12.0, &during(span.label, span));
        }
    }

    /// Draws the lines a second that were answered, and those that never were, as bars on the foot
    /// of the row.
    fn lines(&mut self, lines: &LineRates, node: usize) {
        let (width, top) = (lines.bar, lines.scale_top);
        for (class, rates, what, least) in [
            ("acks", &lines.answered[node], "lines/s answered", 0.0),
            // Even a single one should be seen.
            ("failed", &lines.failed[node], "lines/s never answered", 2.0_f64),
        ] {
            let drawn = (0..).zip(rates).filter(|(_, rate)| **rate > 0.0);
            for (bar, rate) in drawn {
                let height = least.max(SCALE * rate / top);
                let until = ((bar + 1) * width).min(lines.end);
                let span = Span { from: bar * width, until, label: "" };
                self.bar(class, &span, FOOT - height, height, &during(&format!("{rate:.1} {what}"), &span));
            }
        }
    }

    /// Draws the scale of these bars, from 0 to `top` lines a second.
    fn scale(&mut self, top: f64, right: f64) {
        for (text, below) in [("0".to_owned(), FOOT), (format!("{top}/s"), FOOT - SCALE)] {
            let (x, y) = (NAMES - 6.0, self.top + below);
            self.add(format_args!(
                "<line class=\"tick\" x1=\"{NAMES}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
            ));
            let y = y + 4.0;
            self.add(format_args!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>\n"));
        }
    }

    fn link(&mut self, lanes: &Lanes<'_>, one: usize, other: usize) {
        let names = [one, other].map(|node| &lanes.names[node]);
        self.name(&format!("{}-{}", names[0], names[1]), LINK);
        for (end, place) in [((one, other), 2.0), ((other, one), 7.0)] {
            for span in lanes.links.get(&end).into_iter().flatten() {
                let title =
                    during(&format!("{} has a link with {}", lanes.names[end.0], lanes.names[end.1]), span);
                let reason = if span.label.is_empty() { String::new() } else { format!("; {}", span.label) };
                self.bar("link", span, place, 4.0, &(title + &reason));
            }
        }
        self.top += LINK;
    }
}

fn during(what: &str, span: &Span<'_>) -> String {
    format!("{what}: {} to {}", seconds(span.from), seconds(span.until))
}

fn seconds(micros: u64) -> String {
    format!("{:.3} s", micros as f64 / 1e6)
}
