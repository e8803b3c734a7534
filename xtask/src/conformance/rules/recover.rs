//! Nodes that are killed, and nodes that come back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::conformance::case::{Case, Judged, hidden_by, seconds};
use crate::conformance::hints;
use crate::conformance::verdict::Verdict;

use super::flood::{knows, links_up, report_at, wait_known};

/// The time within which a restarted node must be back in the flood.
const BACK_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn around_dead(case: &mut Case<'_>) -> Judged {
    needs_processes(case)?;
    links_up(case);
    let dead = busiest(case);
    let survivors = largest_part_without(case, &dead);
    let probe = case.report();
    report_at(case, &survivors[0], &probe)?;
    if !wait_known(case, &survivors, &probe).is_empty() {
        return Err(hidden_by(
            "flood-all",
            "updates do not reach every node even before one is killed".to_owned(),
        ));
    }
    kill(case, &dead)?;
    // Two rounds: the first may be what makes a neighbour notice that the node is dead.
    for round in 0..2 {
        for node in &survivors {
            let report = case.report();
            let answer = case.ask(node, report.command());
            if !answer.is_at() {
                let why = format!("after {dead} was killed, {node} does not answer a report");
                return Err(case.wrong(node, report.command().as_bytes(), "AT ...", &answer, &why).into());
            }
            let missing = wait_known(case, &survivors, &report);
            if round == 1 && !missing.is_empty() {
                let why = format!(
                    "after {dead} was killed, a report at {node} does not reach {}",
                    missing.join(", ")
                );
                let answer = case.ask(&missing[0], report.question());
                return Err(case
                    .wrong(&missing[0], report.question().as_bytes(), "AT ...", &answer, &why)
                    .into());
            }
        }
    }
    Ok(())
}

pub(super) fn reconnect(case: &mut Case<'_>) -> Judged {
    needs_processes(case)?;
    let (node, neighbour) = pair_that_floods(case)?;
    away(case, &node, &neighbour)?;
    let deadline = Instant::now() + case.allow(BACK_WITHIN);
    let (mut from_it, mut to_it) = (false, false);
    while !(from_it && to_it) && Instant::now() < deadline {
        from_it = from_it || passes(case, &node, &neighbour);
        to_it = to_it || passes(case, &neighbour, &node);
    }
    if from_it && to_it {
        return Ok(());
    }
    let (from, to) = if from_it { (&neighbour, &node) } else { (&node, &neighbour) };
    let report = case.report();
    let _ = case.ask(from, report.command());
    let answer = case.ask(to, report.question());
    let why = format!(
        "{node} was killed and started again, and {} later a report at {from} does not reach {to}",
        seconds(case.allow(BACK_WITHIN))
    );
    Err(case.wrong(to, report.question().as_bytes(), "AT ...", &answer, &why).hint(hints::NO_REDIAL).into())
}

pub(super) fn restarted(case: &mut Case<'_>) -> Judged {
    needs_processes(case)?;
    let (node, neighbour) = pair_that_floods(case)?;
    let before = case.report();
    report_at(case, &neighbour, &before)?;
    let missed = away(case, &node, &neighbour)?;
    let within = case.allow(BACK_WITHIN);
    for report in [missed, before] {
        if !case.wait(within, |case| knows(case, &node, &report)) {
            let answer = case.ask(&node, report.question());
            let why = format!("{node} does not learn the reports that it missed while it was down");
            return Err(case.wrong(&node, report.question().as_bytes(), "AT ...", &answer, &why).into());
        }
    }
    Ok(())
}

/// Kills `node`, reports a client at its neighbour meanwhile, and starts it again.
fn away(
    case: &mut Case<'_>,
    node: &str,
    neighbour: &str,
) -> Judged<crate::conformance::client_report::ClientReport> {
    kill(case, node)?;
    let missed = case.report();
    for _ in 0..2 {
        let _ = case.ask(neighbour, missed.command());
    }
    case.transcript.note(format!("{node} is started again"));
    match case.herd.restart(node) {
        Ok(()) => Ok(missed),
        Err(failure) => Err(Verdict::CannotTell {
            why: format!("{node} could not be started again: {failure}"),
            hidden_by: Some("starts"),
        }),
    }
}

/// Whether a new report at one node becomes known at another within a second.
fn passes(case: &mut Case<'_>, from: &str, to: &str) -> bool {
    let report = case.report();
    let _ = case.ask(from, report.command());
    case.wait(Duration::from_secs(1), |case| knows(case, to, &report))
}

/// Returns a node to kill and a neighbour of it, between which updates pass both ways.
fn pair_that_floods(case: &mut Case<'_>) -> Judged<(String, String)> {
    links_up(case);
    let node = busiest(case);
    let Some(neighbour) = case.neighbours(&node).into_iter().next() else {
        return Err(Verdict::NotJudged("the graph has no links".to_owned()));
    };
    if passes(case, &node, &neighbour) && passes(case, &neighbour, &node) {
        return Ok((node, neighbour));
    }
    Err(hidden_by("flood-all", format!("updates do not pass between {node} and {neighbour}")))
}

fn kill(case: &mut Case<'_>, node: &str) -> Judged {
    case.transcript.note(format!("{node} is killed"));
    case.herd.kill(node).map_err(|error| Verdict::NotJudged(format!("{node} cannot be killed: {error:#}")))
}

fn needs_processes(case: &Case<'_>) -> Judged {
    if case.guest.one_process {
        return Err(Verdict::NotJudged(
            "all nodes run in one process, so none can be killed by itself".to_owned(),
        ));
    }
    Ok(())
}

/// The node whose death leaves the largest connected part, and of those the one with most links.
fn busiest(case: &Case<'_>) -> String {
    let score = |node: &String| (largest_part_without(case, node).len(), case.neighbours(node).len());
    case.nodes().into_iter().max_by_key(score).unwrap_or_default()
}

/// The largest part of the graph that is still connected without `dead`.
fn largest_part_without(case: &Case<'_>, dead: &str) -> Vec<String> {
    let mut best = Vec::new();
    for start in case.nodes().into_iter().filter(|node| node != dead) {
        let mut reached = BTreeSet::from([start.clone()]);
        let mut next = vec![start];
        while let Some(node) = next.pop() {
            for neighbour in case.neighbours(&node).into_iter().filter(|neighbour| neighbour != dead) {
                if reached.insert(neighbour.clone()) {
                    next.push(neighbour);
                }
            }
        }
        if reached.len() > best.len() {
            best = reached.into_iter().collect();
        }
    }
    best
}
