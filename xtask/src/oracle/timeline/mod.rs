//! A timeline of a history: an HTML page with a row for each node and each link, and time from left
//! to right. The page is a single file.

mod lanes;
mod rates;
mod svg;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::oracle::{History, Verdict};
use crate::text::escape;
use lanes::Lanes;

/// The styles of the page, for light and for dark screens.
const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #222; --faint: #8884; --node: #5b8def22; --acks: #3a7bd5; --failed: #d33; --link: #2a9d55; --settling: #e09f1f }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --node: #5b8def33; --acks: #6fa8ff; --link: #4cc38a } }
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: var(--ink) }
.scroll { overflow-x: auto } svg { display: block } svg text { font: 11px system-ui, sans-serif; fill: var(--ink) }
.up { fill: var(--node) } .acks { fill: var(--acks); shape-rendering: crispEdges } .failed { fill: var(--failed) } .link { fill: var(--link) }
.settling { fill: var(--settling) } .tick { stroke: var(--faint) } .fault { fill-opacity: .8 }
.key { display: inline-block; width: 1em; height: .7em; margin: 0 .3em 0 1em }
";

const HOW_TO_READ: &str = "A node's row is tinted while its process runs. The bars at its top are faults. The bars at \
its foot show how many lines of clients were answered a second, and in red how many never were, on one scale for all nodes. A \
link's row has a line for \
each end, drawn while that end takes the link as up. The last row shows how long it took after each fault until every \
node knew all updates acknowledged before. Hover over a bar for details.";

/// Writes a history and the oracle's verdict to a file, as an HTML page.
///
/// # Errors
/// The file cannot be written.
pub fn write(history: &History, verdict: &Verdict, path: &Path) -> Result<()> {
    fs::write(path, draw(history, verdict)).with_context(|| format!("cannot write {}", path.display()))
}

/// Draws a history and the oracle's verdict, as an HTML page.
pub fn draw(history: &History, verdict: &Verdict) -> String {
    let lanes = Lanes::of(history);
    let mut html =
        String::from("<!doctype html>\n<meta charset=\"utf-8\">\n<title>Timeline of a herd</title>\n");
    let mut add =
        |text: std::fmt::Arguments<'_>| html.write_fmt(text).expect("writing to a string cannot fail");
    add(format_args!("<style>\n{STYLE}</style>\n<h1>Timeline of a herd</h1>\n"));
    add(format_args!("<p><code>{}</code></p>\n", escape(&history.setting.command)));
    add(format_args!("<p>{HOW_TO_READ}</p>\n<p>"));
    for (kind, color) in lanes.kinds() {
        add(format_args!("<span class=\"key\" style=\"background:{color}\"></span>{}", escape(kind)));
    }
    add(format_args!("</p>\n<div class=\"scroll\">\n{}</div>\n", svg::draw(&lanes)));
    add(format_args!(
        "<pre>{}{}</pre>\n",
        escape(&verdict.table(history.setting.source)),
        escape(&verdict.to_string())
    ));
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{Ending, EventKind, Keeps, Persistence, Setting, Source};

    fn history() -> History {
        let mut history = History::new(Setting {
            nodes: ["Alford", "Parker"].map(str::to_owned).to_vec(),
            edges: 1,
            entries: 0,
            durability: Persistence::Everysec,
            source: Source::Processes,
            patience: 1,
            memory: 1,
            divided: false,
            calm: None,
            leap: None,
            command: "cargo xtask chaos --seed 1 <&>".to_owned(),
        });
        let line = "IAMAT kiwi +1+1 1".to_owned();
        for (at, what) in [
            (0, EventKind::Up { node: 0 }),
            (0, EventKind::Up { node: 1 }),
            (10, EventKind::LinkUp { node: 0, neighbour: 1 }),
            (20, EventKind::Invoke { op: 1, node: 1, line: line.clone() }),
            (30, EventKind::Ok { op: 1, answer: "AT Parker +0.1 kiwi +1+1 1".to_owned() }),
            (40, EventKind::Invoke { op: 2, node: 1, line }),
            (
                1_000_000,
                EventKind::FaultBegins {
                    fault: 3,
                    kind: "kill".to_owned(),
                    nodes: vec![1],
                    stops_answers: false,
                },
            ),
            (1_000_010, EventKind::Down { node: 1, keeps: Keeps::Disk }),
            (1_000_020, EventKind::Info { op: 2 }),
            (1_000_030, EventKind::LinkDown { node: 0, neighbour: 1, reason: "reset".to_owned() }),
            (2_000_000, EventKind::Up { node: 1 }),
            (2_000_000, EventKind::FaultEnds { fault: 3 }),
            (2_500_000, EventKind::Converged { since: 2_000_000 }),
        ] {
            history.add(at, what);
        }
        history.endings = vec![Ending::default(), Ending::default()];
        history
    }

    #[test]
    fn a_timeline_shows_nodes_faults_answers_links_and_convergence() {
        let html = draw(&history(), &Verdict::default());
        for (shown, times) in [
            ("class=\"up\"", 3),
            ("class=\"acks\"", 1),
            ("class=\"failed\"", 1),
            ("class=\"fault\"", 1),
            ("class=\"link\"", 1),
            ("class=\"settling\"", 1),
            ("<title>kill: 1.000 s to 2.000 s</title>", 1),
            ("<title>Alford has a link with Parker: 0.000 s to 1.000 s; reset</title>", 1),
            (">0</text>", 2),
            (">5/s</text>", 2),
            ("<title>converged after 0.500 s</title>", 1),
            ("cargo xtask chaos --seed 1 &lt;&amp;&gt;", 1),
            ("I1   no acknowledged update is lost", 1),
        ] {
            assert_eq!(html.matches(shown).count(), times, "{shown} in {html}");
        }
    }

    #[test]
    fn a_timeline_loads_no_other_file() {
        let html = draw(&history(), &Verdict::default());
        for reference in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!html.contains(reference), "{reference}");
        }
    }

    #[test]
    fn an_empty_history_can_be_drawn() {
        let empty = History::new(history().setting);
        assert!(draw(&empty, &Verdict::default()).contains("</svg>"));
    }
}
