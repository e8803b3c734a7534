//! An SVG picture as it grows: its parts, and their colours on light and on dark screens.

use std::fmt::Write;

use crate::text::escape;

/// The colours that depend on the screen. A picture brings its background, so it can be read on any
/// page. All pictures have the same rules, since those of one page share them.
const STYLE: &str = "\
.paper { fill: #fff } .name { fill: #222 } .grid { stroke: #ddd } .range { stroke: #333 }
.own-bar { fill: #1f6fb4 } .own-curve { stroke: #1f6fb4 }
@media (prefers-color-scheme: dark) {
.paper { fill: #1b1e23 } .name { fill: #e3e5e8 } .grid { stroke: #3b4048 } .range { stroke: #f2f2f2 }
.own-bar { fill: #4f9fe3 } .own-curve { stroke: #4f9fe3 }
}
";

/// The colours of other systems than this herd, which stand out from both backgrounds.
const OTHERS: [&str; 6] = ["#8f9aa6", "#c98b3c", "#6a9a5b", "#8a6fb0", "#b05f6d", "#4a9c9c"];

/// The height of a bar, in pixels.
pub(super) const BAR: f64 = 16.0;

/// The colour of a system.
#[derive(Clone, Copy, Debug)]
pub(super) enum Colour {
    /// That of this herd.
    Own,
    /// One of the others.
    Other(&'static str),
}

impl Colour {
    /// Returns the colour of the system with this number in a figure.
    pub(super) fn of(number: usize, system: &str) -> Colour {
        if system == "herd" { Colour::Own } else { Colour::Other(OTHERS[number % OTHERS.len()]) }
    }

    /// Returns the attributes of a shape that is filled or drawn with this colour.
    fn attributes(self, shape: &str, property: &str) -> String {
        match self {
            Colour::Own => format!("class=\"own-{shape}\""),
            Colour::Other(colour) => format!("{property}=\"{colour}\""),
        }
    }
}

/// The side of its position on which a text lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

pub(super) struct Canvas(String);

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Canvas {
        Canvas(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<style>\n{STYLE}</style>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
        ))
    }

    pub(super) fn finish(self) -> String {
        self.0 + "</svg>"
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, text: &str) {
        let (anchor, text) = (format!("{anchor:?}").to_lowercase(), escape(text));
        self.add(format_args!(
            "<text class=\"name\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    pub(super) fn bar(&mut self, x: f64, y: f64, width: f64, colour: Colour) {
        let colour = colour.attributes("bar", "fill");
        self.add(format_args!(
            "<rect {colour} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\"/>"
        ));
    }

    /// A line that shows where values lie.
    pub(super) fn range(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line("range", from, to);
    }

    /// A line at a round value.
    pub(super) fn grid(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line("grid", from, to);
    }

    pub(super) fn curve(&mut self, points: &[(f64, f64)], colour: Colour) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let (points, colour) = (points.join(" "), colour.attributes("curve", "stroke"));
        self.add(format_args!("<polyline {colour} points=\"{points}\" fill=\"none\" stroke-width=\"1.5\"/>"));
    }

    fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    fn add(&mut self, shape: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{shape}").expect("writing to a string cannot fail");
    }
}
