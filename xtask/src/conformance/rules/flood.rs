//! Flooding: what reaches which node, and when it ends.

use std::time::{Duration, Instant};

use fixtures::escape::escape;

use crate::conformance::answer::Answer;
use crate::conformance::at_line::AtLine;
use crate::conformance::case::{Case, Judged, hidden_by, seconds};
use crate::conformance::client_report::ClientReport;
use crate::conformance::hints;
use crate::conformance::places::PlacesService;
use crate::conformance::verdict::{Failure, Verdict};

/// How long the silence of a herd is watched.
const SILENCE: Duration = Duration::from_secs(2);

/// The bytes a second that a silent herd may send beyond those that it sent before the first
/// report, such as heartbeats.
const MURMUR: f64 = 20.0 * 1024.0;

/// The bytes a second that a silent herd may send at most: the first updates may go on from before
/// the usual traffic is measured.
const LOUD: f64 = 128.0 * 1024.0;

/// The part of a processor that a silent herd may use beyond what it used before.
const IDLE: f64 = 0.2;

/// How many clients report at all nodes at once.
const CLIENTS: usize = 3;

pub(super) fn all(case: &mut Case<'_>) -> Judged {
    links_up(case);
    for node in case.nodes() {
        let report = case.report();
        report_at(case, &node, &report)?;
        let everywhere = case.nodes();
        let missing = wait_known(case, &everywhere, &report);
        if !missing.is_empty() {
            return Err(not_everywhere(case, &node, &report, &missing).into());
        }
    }
    Ok(())
}

fn not_everywhere(case: &mut Case<'_>, node: &str, report: &ClientReport, missing: &[String]) -> Failure {
    let neighbours = case.neighbours(node);
    let others = case.nodes().len() - 1;
    let reached_neighbours = neighbours.iter().all(|neighbour| !missing.contains(neighbour));
    let hint = match () {
        () if missing.len() == others => Some(hints::NO_HOP),
        () if reached_neighbours => Some(hints::ONE_HOP),
        () => None,
    };
    let why = format!(
        "a report at {node} was not known at {} within {}",
        missing.join(", "),
        seconds(case.allow(case.guest.flood_within))
    );
    let answer = case.ask(&missing[0], report.question());
    let expected = format!("AT {node} ... {} {} {}", report.id, report.location, report.time);
    case.wrong(&missing[0], report.question().as_bytes(), &expected, &answer, &why).hint_if(hint)
}

pub(super) fn identical(case: &mut Case<'_>) -> Judged {
    links_up(case);
    let node = case.first();
    let report = case.report();
    let stored = report_at(case, &node, &report)?;
    let everywhere = case.nodes();
    let missing = wait_known(case, &everywhere, &report);
    let mut compared = 0;
    for other in everywhere.iter().filter(|other| !missing.contains(other)) {
        let answer = case.ask(other, report.question());
        if answer.first_line() != stored.first_line() {
            let expected = escape(stored.first_line());
            let why = format!("{other} prints another AT line than {node}, which received the report");
            let failure = case.wrong(other, report.question().as_bytes(), &expected, &answer, &why);
            return Err(failure.hint(hints::FLOOD_REWRITES).into());
        }
        compared += 1;
    }
    if compared < 2 {
        return Err(hidden_by("flood-all", "the report reached no other node".to_owned()));
    }
    Ok(())
}

pub(super) fn latest_wins(case: &mut Case<'_>) -> Judged {
    links_up(case);
    let nodes = case.nodes();
    let (here, there) = (nodes[0].clone(), nodes[nodes.len() - 1].clone());
    let ordinary = case.past_report();
    let late = ordinary.later(1.0, case);
    // As text, 999999999.5 is later than 1000000000.5.
    let early_text = ClientReport { time: "999999999.500000000".to_owned(), ..case.report() };
    let late_text = ClientReport {
        time: "1000000000.500000000".to_owned(),
        location: case.location(),
        ..early_text.clone()
    };
    for (older, newer, hint) in [(ordinary, late, None), (early_text, late_text, Some(hints::TEXT_TIMES))] {
        for newer_first in [false, true] {
            let rename = |report: &ClientReport| ClientReport {
                id: format!("{}-{}", report.id, u8::from(newer_first)),
                ..report.clone()
            };
            let (older, newer) = (rename(&older), rename(&newer));
            let (first, second) = if newer_first { (&newer, &older) } else { (&older, &newer) };
            report_at(case, &here, first)?;
            if !wait_known(case, std::slice::from_ref(&there), first).is_empty() {
                return Err(hidden_by("flood-all", format!("a report at {here} does not reach {there}")));
            }
            case.tell(&there, second)?;
            must_settle(case, &newer, newer_first, hint)?;
        }
    }
    Ok(())
}

/// Waits until every node knows `newer`, and checks that it stays so.
fn must_settle(case: &mut Case<'_>, newer: &ClientReport, newer_first: bool, hint: Option<&str>) -> Judged {
    let everywhere = case.nodes();
    if newer_first {
        // An older report must change nothing: leave its flood the time to do so.
        let within = case.allow(case.guest.flood_within).min(Duration::from_secs(1));
        std::thread::sleep(within);
    }
    let missing = wait_known(case, &everywhere, newer);
    let Some(node) = missing.first() else { return Ok(()) };
    let answer = case.ask(node, newer.question());
    let why = format!("the report with the later time does not win at {}", missing.join(", "));
    let expected = format!("AT ... {} {} {}", newer.id, newer.location, newer.time);
    let usual = if newer_first { hints::OLDER_WINS } else { hints::LATER_LOST };
    let failure = case.wrong(node, newer.question().as_bytes(), &expected, &answer, &why);
    Err(failure.hint(hint.unwrap_or(usual)).into())
}

pub(super) fn converges(case: &mut Case<'_>) -> Judged {
    links_up(case);
    let nodes = case.nodes();
    for _ in 0..CLIENTS {
        let first = case.past_report();
        let mut order: Vec<usize> = (0..4 * nodes.len()).collect();
        case.random.shuffle(&mut order);
        for round in order.chunks(nodes.len()) {
            let reports: Vec<_> =
                round.iter().map(|number| first.later(*number as f64 * 0.01, case)).collect();
            tell_at_once(case, &nodes, &reports)?;
        }
        must_agree(case, &first)?;
    }
    Ok(())
}

pub(super) fn ties(case: &mut Case<'_>) -> Judged {
    links_up(case);
    let nodes = case.nodes();
    for _ in 0..CLIENTS {
        let first = case.report();
        let reports: Vec<_> =
            nodes.iter().map(|_| ClientReport { location: case.location(), ..first.clone() }).collect();
        tell_at_once(case, &nodes, &reports)?;
        must_agree(case, &first)?;
    }
    Ok(())
}

/// Sends a report to each node before any is answered.
fn tell_at_once(case: &mut Case<'_>, nodes: &[String], reports: &[ClientReport]) -> Judged {
    let within = case.answer_within();
    let mut connections = nodes.iter().map(|node| case.connect(node)).collect::<Judged<Vec<_>>>()?;
    for (connection, report) in connections.iter_mut().zip(reports) {
        case.form.send(connection, report.command().as_bytes(), within);
    }
    for (connection, node) in connections.iter_mut().zip(nodes) {
        if !case.read(connection, b"IAMAT", within).is_at() {
            let why = format!("{node} did not answer a report with an AT line");
            return Err(hidden_by("iamat-answer", why));
        }
    }
    Ok(())
}

/// Waits until all nodes print the same AT line for a client.
fn must_agree(case: &mut Case<'_>, client: &ClientReport) -> Judged {
    let within = case.allow(case.guest.flood_within) + Duration::from_secs(1);
    let mut answers: Vec<(String, Answer)> = Vec::new();
    let agree = case.wait(within, |case| {
        let nodes = case.nodes();
        answers = nodes.into_iter().map(|node| (node.clone(), case.ask(&node, client.question()))).collect();
        let place = |answer: &Answer| {
            AtLine::parse(answer.first_line(), case.guest.dialect.at).map(|line| (line.location, line.time))
        };
        let first = place(&answers[0].1);
        first.is_some() && answers.iter().all(|(_, answer)| place(answer) == first)
    });
    if agree {
        return Ok(());
    }
    if !answers.iter().all(|(_, answer)| answer.is_at()) {
        return Err(hidden_by("flood-all", "not every node has heard of the client".to_owned()));
    }
    let (node, answer) = answers
        .iter()
        .find(|(_, answer)| answer.first_line() != answers[0].1.first_line())
        .unwrap_or(&answers[0]);
    let expected = format!("as {}: {}", answers[0].0, escape(answers[0].1.first_line()));
    let why = "the nodes do not agree on a client that reported at all of them";
    Err(case.wrong(node, client.question().as_bytes(), &expected, answer, why).hint(hints::OLDER_WINS).into())
}

pub(super) fn ends(case: &mut Case<'_>) -> Judged {
    // The first updates of a herd could go on forever, and must not count as its usual traffic.
    let before = activity(case);
    links_up(case);
    for node in case.nodes() {
        for _ in 0..3 {
            let report = case.report();
            report_at(case, &node, &report)?;
        }
    }
    std::thread::sleep(case.allow(case.guest.flood_within));
    let after = activity(case);
    let cpu = after.cpu - before.cpu;
    let Some((bytes_before, bytes_after)) = before.bytes.zip(after.bytes) else {
        let why = format!(
            "the bytes between nodes cannot be counted here; the silent herd used {:.0} % of a processor",
            after.cpu * 100.0
        );
        return Err(Verdict::CannotTell { why, hidden_by: None });
    };
    let is_usual = bytes_after <= bytes_before * 2.0;
    let is_quiet = bytes_after <= LOUD && bytes_after <= bytes_before * 2.0 + MURMUR;
    if is_quiet && (cpu <= IDLE || is_usual) {
        return Ok(());
    }
    let node = case.first();
    let why = "the nodes go on sending to each other while all clients are silent";
    let mut failure = case.wrong(&node, b"", "silence", &Answer::default(), why).hint(hints::FLOOD_ENDLESS);
    failure.came = format!(
        "{:.0} KiB a second between nodes ({:.0} before the reports), and {:.0} % of a processor",
        bytes_after / 1024.0,
        bytes_before / 1024.0,
        after.cpu * 100.0
    );
    Err(failure.into())
}

/// What a herd does while nobody asks it.
struct Activity {
    /// Bytes a second on the loopback interface, if they can be counted.
    bytes: Option<f64>,
    /// Processors in use.
    cpu: f64,
}

fn activity(case: &mut Case<'_>) -> Activity {
    let read = |case: &mut Case<'_>| {
        (case.bytes_on_loopback.so_far(), case.herd.usage().map(|usage| usage.cpu).unwrap_or_default())
    };
    let (bytes, cpu) = read(case);
    let begun = Instant::now();
    std::thread::sleep(SILENCE);
    let (bytes_later, cpu_later) = read(case);
    let seconds = begun.elapsed().as_secs_f64();
    Activity {
        bytes: bytes.zip(bytes_later).map(|(before, after)| after.saturating_sub(before) as f64 / seconds),
        cpu: cpu_later.saturating_sub(cpu).as_secs_f64() / seconds,
    }
}

/// Waits until updates pass everywhere, as links may come up after the ports. A herd in which they
/// never do is judged as it is.
pub(super) fn links_up(case: &mut Case<'_>) {
    let node = case.first();
    let within = case.allow(case.guest.flood_within) + Duration::from_secs(2);
    case.wait(within, |case| {
        let report = case.report();
        let _ = case.ask(&node, report.command());
        let everywhere = case.nodes();
        case.wait(Duration::from_millis(400), |case| unknown_at(case, &everywhere, &report).is_empty())
    });
}

/// Reports a client at a node, which must then know it itself.
pub(super) fn report_at(case: &mut Case<'_>, node: &str, report: &ClientReport) -> Judged<Answer> {
    let answer = case.tell(node, report)?;
    if !knows(case, node, report) {
        let why = format!("{node} does not answer WHATSAT with a report that it received itself");
        return Err(hidden_by("whatsat-answer", why));
    }
    Ok(answer)
}

/// Waits until all `nodes` know a report, and returns those that do not within the time allowed.
pub(super) fn wait_known(case: &mut Case<'_>, nodes: &[String], report: &ClientReport) -> Vec<String> {
    let mut missing = nodes.to_vec();
    let within = case.allow(case.guest.flood_within);
    case.wait(within, |case| {
        missing = unknown_at(case, &missing, report);
        missing.is_empty()
    });
    missing
}

fn unknown_at(case: &mut Case<'_>, nodes: &[String], report: &ClientReport) -> Vec<String> {
    nodes.iter().filter(|node| !knows(case, node, report)).cloned().collect()
}

/// Returns whether a node knows a report: by the AT line of its answer, or by the place at which it
/// asks for places.
pub(super) fn knows(case: &mut Case<'_>, node: &str, report: &ClientReport) -> bool {
    if let Some(places) = case.places {
        places.forget();
    }
    let answer = case.ask(node, report.question());
    if let Some(line) = AtLine::parse(answer.first_line(), case.guest.dialect.at) {
        return report.is_in(&line);
    }
    let asked = case.places.map(PlacesService::asked).unwrap_or_default();
    asked.iter().any(|asked| {
        let at = asked.latitude.zip(asked.longitude);
        at.is_some_and(|at| crate::conformance::client_report::same_place(at, report.coordinates()))
    })
}
