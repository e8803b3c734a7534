//! `herd-status --watch`: the state of the nodes, each second.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};
use terminal_size::{Height, terminal_size_of};

use super::status_table::{StatusColumns, status_table, summary};
use crate::cluster::supervisor::{HerdAction, SupervisorClient};
use crate::cluster::workspace::run_dir;
use crate::commands::print::{output_width, print};

/// The time between two looks at the herd.
const PERIOD: Duration = Duration::from_secs(1);

/// The height, in lines, of a terminal that does not report its own.
const USUAL_HEIGHT: usize = 24;

/// Shows the state of the herd each second, until Ctrl-C, until the herd is stopped, or until
/// standard output is closed. A terminal shows the present state; anything else gets one block
/// after another.
///
/// # Errors
/// No herd is running, or standard output cannot be written.
pub(super) fn watch_status(columns: impl Fn() -> StatusColumns) -> Result<()> {
    let supervisor = SupervisorClient::in_folder(run_dir());
    let mut is_first = true;
    loop {
        let looked = Instant::now();
        match supervisor.request(HerdAction::Status, &[]) {
            Ok(status) => {
                if !show(&status, columns(), is_first)? {
                    return Ok(());
                }
                is_first = false;
            }
            Err(error) if is_first => return Err(error),
            Err(_) if !supervisor.is_running()? => return print("The herd has been stopped.\n"),
            // It is being stopped.
            Err(_) => {}
        }
        thread::sleep(PERIOD.saturating_sub(looked.elapsed()));
    }
}

/// Shows a state. Returns whether standard output is still open.
fn show(status: &Value, columns: StatusColumns, is_first: bool) -> Result<bool> {
    let time = humantime::format_rfc3339_seconds(SystemTime::now());
    let title = format!("{time}: {}", summary(status));
    let mut out = io::stdout().lock();
    let text = if out.is_terminal() {
        let (width, height) = (output_width().unwrap_or(usize::MAX), terminal_height());
        let clear = if is_first { "\x1b[2J" } else { "" };
        format!("{clear}{}", screen(&title, status, columns, width, height))
    } else {
        format!("--- {title}\n{}", status_table(status, columns))
    };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        result => Ok(result.map(|()| true)?),
    }
}

/// Returns the height of the terminal in lines: `LINES` if it is set, else the terminal's own.
fn terminal_height() -> usize {
    let chosen = env::var("LINES").ok().and_then(|lines| lines.parse().ok()).filter(|lines| *lines > 0);
    let own = || terminal_size_of(io::stdout()).map(|(_, Height(lines))| lines.into());
    chosen.or_else(own).unwrap_or(USUAL_HEIGHT)
}

/// Returns what draws a state over the one before. If not all nodes fit, those that are not ready
/// come first.
fn screen(title: &str, status: &Value, columns: StatusColumns, width: usize, height: usize) -> String {
    // The cursor stays in the line below the table.
    let room = height.saturating_sub(2).max(1);
    let mut lines: Vec<String> = status_table(status, columns).lines().map(str::to_owned).collect();
    if lines.len() > room {
        lines = first_nodes(status, columns, room);
    }
    let mut text = "\x1b[H".to_owned();
    for line in [title].into_iter().chain(lines.iter().map(String::as_str)) {
        text.extend(line.chars().take(width));
        text += "\x1b[K\n";
    }
    text + "\x1b[J"
}

/// Returns the lines of as many nodes as fit, those that are not ready first, and how many are left
/// out.
fn first_nodes(status: &Value, columns: StatusColumns, room: usize) -> Vec<String> {
    let lists = [&status["nodes"], &status["servers"]];
    let mut nodes: Vec<&Value> = lists.into_iter().filter_map(Value::as_array).flatten().collect();
    // A peer's nodes are running at best.
    nodes.sort_by_key(|node| node["state"] == "ready" || node["state"] == "running");
    let table = |shown: usize| -> Vec<String> {
        let part = json!({ "nodes": nodes[..shown], "cut": status["cut"] });
        status_table(&part, columns).lines().map(str::to_owned).collect()
    };
    let fits = |shown: &usize| table(*shown).len() < room;
    // The header and the last line need room, too.
    let most = nodes.len().min(room.saturating_sub(1));
    let shown = (0..most).rev().find(fits).unwrap_or(0);
    let left_out = &nodes[shown..];
    let count = |state: &str| left_out.iter().filter(|node| node["state"] == state).count();
    let well = match (count("ready"), count("running")) {
        (ready, 0) => format!("{ready} of them ready"),
        (0, running) => format!("{running} of them running"),
        (ready, running) => format!("{ready} of them ready and {running} running"),
    };
    let mut lines = table(shown);
    lines.truncate(room.saturating_sub(1));
    lines.push(format!("... and {} more, {well}", left_out.len()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A herd of 100 nodes of which the last is paused, with a cut link.
    fn large_herd() -> Value {
        let node = |number: u32| {
            let state = if number == 100 { "paused" } else { "ready" };
            json!({ "name": format!("Node{number}"), "client": "127.0.0.1:12480", "state": state })
        };
        let nodes: Vec<Value> = (1..=100).map(node).collect();
        json!({ "herd": "ring-100", "nodes": nodes, "cut": [["Node1", "Node2"]] })
    }

    #[test]
    fn a_large_herd_fits_the_screen_and_shows_first_what_is_not_ready() {
        let status = large_herd();
        let title = summary(&status);
        let drawn = screen(&title, &status, StatusColumns::Fitted(Some(40)), 40, 8);
        let shown = drawn.replace("\x1b[H", "<home>").replace("\x1b[K", "").replace("\x1b[J", "<clear>");
        insta::assert_snapshot!(shown, @r"
        <home>ring-100: 100 nodes: 99 ready, 1 paused;
        NODE     STATE   LINKS  ADDRESS
        Node100  paused  -      127.0.0.1:12480
        Node1    ready   -      127.0.0.1:12480
        Node2    ready   -      127.0.0.1:12480
        the link between Node1 and Node2 is cut
        ... and 97 more, 97 of them ready
        <clear>
        ");
    }

    #[test]
    fn a_peers_nodes_that_are_down_come_before_those_that_are_running() {
        let mut status = large_herd();
        status["cut"] = json!([]);
        for node in status["nodes"].as_array_mut().unwrap() {
            node["peer"] = "twisted".into();
            node["state"] = if node["state"] == "ready" { "running" } else { "down" }.into();
        }
        let drawn = screen("title", &status, StatusColumns::Fitted(Some(80)), 80, 6);
        let lines: Vec<&str> = drawn.lines().collect();
        assert!(lines[2].starts_with("Node100  down ") && lines[3].starts_with("Node1 "), "{drawn}");
        assert!(lines[4].starts_with("... and 98 more, 98 of them running"), "{drawn}");
    }

    #[test]
    fn a_screen_never_has_more_lines_than_the_terminal() {
        let status = large_herd();
        for height in [0, 1, 3, 24, 103, 200] {
            let drawn = screen("title", &status, StatusColumns::Fitted(Some(80)), 80, height);
            let lines = drawn.lines().count();
            assert!(lines <= height.max(3), "{lines} lines of {height}");
        }
        assert!(screen("", &status, StatusColumns::All, 80, 200).contains("Node99 "));
    }
}
