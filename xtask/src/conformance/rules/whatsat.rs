//! WHATSAT at one node, which report counts there, and invalid commands.

use crate::conformance::answer::Answer;
use crate::conformance::at_line::AtLine;
use crate::conformance::case::{Case, Judged, hidden_by};
use crate::conformance::client_report::ClientReport;
use crate::conformance::hints;
use crate::conformance::verdict::Verdict;

use super::iamat::refuse_all;
use fixtures::escape::escape;

pub(super) fn latest_wins(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let first = case.past_report();
    let later = first.later(1.0, case);
    let older = first.later(-200.0, case);
    case.tell(&node, &first)?;
    counts(case, &node, &first, "whatsat-answer")?;
    case.tell(&node, &later)?;
    must_count(case, &node, &later, "a later report did not replace the earlier one", hints::LATER_LOST)?;
    older_changes_nothing(case, &node, &later, &older, hints::OLDER_WINS)?;

    // As text, 999999999.5 is later than 1000000000.5.
    let newer = ClientReport { time: "1000000000.500000000".to_owned(), ..case.report() };
    let older =
        ClientReport { time: "999999999.500000000".to_owned(), location: case.location(), ..newer.clone() };
    case.tell(&node, &newer)?;
    older_changes_nothing(case, &node, &newer, &older, hints::TEXT_TIMES)?;
    let (first, later) = (ClientReport { id: older.id.clone() + ".a", ..older }, newer);
    let later = ClientReport { id: first.id.clone(), ..later };
    case.tell(&node, &first)?;
    case.tell(&node, &later)?;
    must_count(case, &node, &later, "a later report did not replace the earlier one", hints::TEXT_TIMES)
}

/// Sends a report that is older than the one that counts.
fn older_changes_nothing(
    case: &mut Case<'_>,
    node: &str,
    counting: &ClientReport,
    older: &ClientReport,
    hint: &str,
) -> Judged {
    let answer = case.ask(node, older.command());
    if answer.is_empty() {
        let why = "a report that is older than the stored one was not answered";
        return Err(case.wrong(node, older.command().as_bytes(), "AT ...", &answer, why).into());
    }
    must_count(case, node, counting, "an older report replaced the one with the later time", hint)
}

/// Checks that a report is the one that counts at `node`.
fn must_count(case: &mut Case<'_>, node: &str, report: &ClientReport, why: &str, hint: &str) -> Judged {
    let answer = case.ask(node, report.question());
    let known = AtLine::parse(answer.first_line(), case.guest.dialect.at);
    if known.is_some_and(|line| report.is_in(&line)) {
        return Ok(());
    }
    let expected = format!("AT ... {} {} {}", report.id, report.location, report.time);
    Err(case.wrong(node, report.question().as_bytes(), &expected, &answer, why).hint(hint).into())
}

/// Checks that a node answers WHATSAT with a report, which another rule is about.
fn counts(case: &mut Case<'_>, node: &str, report: &ClientReport, rule: &'static str) -> Judged {
    let answer = case.ask(node, report.question());
    if AtLine::parse(answer.first_line(), case.guest.dialect.at).is_some_and(|line| report.is_in(&line)) {
        return Ok(());
    }
    Err(hidden_by(rule, "WHATSAT does not show which report counts".to_owned()))
}

pub(super) fn answer(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let report = case.report();
    let stored = case.tell(&node, &report)?;
    // A skew that is computed again would differ by now.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let answer = case.ask(&node, report.question());
    if answer.first_line() != stored.first_line() {
        let expected = escape(stored.first_line());
        let why = if answer.is_at() {
            "the first line of the answer is not the AT line that answered the report"
        } else {
            "WHATSAT was not answered with the AT line of the client"
        };
        return Err(case.wrong(&node, report.question().as_bytes(), &expected, &answer, why).into());
    }
    let Some(other) = case.neighbours(&node).into_iter().next() else {
        return Ok(());
    };
    let mut elsewhere = Answer::default();
    let within = case.allow(case.guest.flood_within);
    case.wait(within, |case| {
        elsewhere = case.ask(&other, report.question());
        elsewhere.is_at()
    });
    let line = AtLine::parse(elsewhere.first_line(), case.guest.dialect.at);
    if line.and_then(|line| line.node) == Some(other.clone()) {
        let expected = escape(stored.first_line());
        let why = format!("{other} names itself in the AT line of a report that {node} received");
        return Err(case
            .wrong(&other, report.question().as_bytes(), &expected, &elsewhere, &why)
            .hint(hints::OWN_NAME)
            .into());
    }
    Ok(())
}

pub(super) fn unknown(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let nobody = case.report();
    case.must_refuse(&node, nobody.question(), "no client has this id")
}

pub(super) fn bounds(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let report = case.report();
    case.tell(&node, &report)?;
    let id = &report.id;
    for (radius, bound) in [(50, 5), (10, 20)] {
        let command = format!("WHATSAT {id} {radius} {bound}");
        let answer = case.ask(&node, &command);
        if answer.is_refusal() {
            let why = format!("a radius of {radius} and a bound of {bound} are valid");
            return Err(case
                .wrong(&node, command.as_bytes(), "AT ...", &answer, &why)
                .hint(hints::LIMIT_REFUSED)
                .into());
        }
        if !answer.is_at() {
            return Err(hidden_by("whatsat-answer", "WHATSAT is not answered with an AT line".to_owned()));
        }
    }
    let commands = [
        (format!("WHATSAT {id} 51 5"), "its radius is over 50"),
        (format!("WHATSAT {id} 10 21"), "its bound is over 20"),
    ];
    refuse_all(case, &node, &commands).map_err(|verdict| match verdict {
        Verdict::Fails(failure) => failure.hint(hints::NO_LIMIT).into(),
        other => other,
    })
}

pub(super) fn invalid(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let report = case.report();
    case.tell(&node, &report)?;
    let id = &report.id;
    let (operands, negative, number) =
        ("it does not have exactly three operands", "an operand is negative", "an operand is not a number");
    let commands = [
        (format!("WHATSAT {id} -10 5"), negative),
        (format!("WHATSAT {id} 10 -5"), negative),
        (format!("WHATSAT {id} ten 5"), number),
        (format!("WHATSAT {id} 10 five"), number),
        (format!("WHATSAT {id} 10"), operands),
        (format!("WHATSAT {id}"), operands),
        ("WHATSAT".to_owned(), operands),
        (format!("WHATSAT {id} 10 5 5"), operands),
    ];
    refuse_all(case, &node, &commands)
}

pub(super) fn copy(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let nobody = case.report();
    for command in [
        "HELLO world".to_owned(),
        "SHUTDOWN".to_owned(),
        "IAMAT kiwi.cs.ucla.edu".to_owned(),
        nobody.question(),
    ] {
        let answer = case.ask(&node, &command);
        let expected = format!("? {command}");
        if answer.first_line() == expected.as_bytes() {
            continue;
        }
        let (why, hint) = match () {
            () if answer.is_empty() => ("an invalid command was not answered", Some(hints::EXCEPTION)),
            () if !answer.is_refusal() => ("the answer to an invalid command does not begin with `?`", None),
            () => ("the answer is not `? ` and a copy of the command", Some(hints::COPY_CHANGED)),
        };
        return Err(case.wrong(&node, command.as_bytes(), &expected, &answer, why).hint_if(hint).into());
    }
    Ok(())
}

pub(super) fn empty(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let answer = case.ask(&node, "");
    if answer.is_empty() {
        let why = "an empty line was not answered";
        return Err(case.wrong(&node, b"\n", "? ", &answer, why).hint(hints::EXCEPTION).into());
    }
    let report = case.report();
    let after = case.ask(&node, report.command());
    if after.is_empty() {
        let why = "after an empty line, the node does not answer any more";
        return Err(case.wrong(&node, report.command().as_bytes(), "AT ...", &after, why).into());
    }
    Ok(())
}
