//! IAMAT: its answer, and what makes it invalid.

use std::time::Duration;

use crate::conformance::at_line::AtLine;
use crate::conformance::case::{Case, Judged, hidden_by};
use crate::conformance::client_report::{ClientReport, now, time_text};
use crate::conformance::guest_file::AtOrder;
use crate::conformance::hints;
use crate::conformance::verdict::{Failure, Verdict};

/// The difference that is allowed between the skew and the judge's own clock, in seconds.
const CLOCK_TOLERANCE: f64 = 1.0;

pub(super) fn answer(case: &mut Case<'_>) -> Judged {
    for node in case.nodes().into_iter().take(2) {
        let report = case.report();
        let answer = case.ask(&node, report.command());
        let expected = expected_line(case, &node, "<skew>", &report);
        let sent = report.command();
        if !answer.is_at() {
            let why = if answer.is_empty() {
                "a report was not answered"
            } else {
                "a report was not answered with an AT line"
            };
            let hint = answer.is_empty().then_some(hints::EXCEPTION).filter(|_| answer.ended.is_some());
            return Err(case.wrong(&node, sent.as_bytes(), &expected, &answer, why).hint_if(hint).into());
        }
        let line = String::from_utf8_lossy(answer.first_line()).into_owned();
        let order = case.guest.dialect.at;
        let fields = line.split(' ').count();
        let single_spaces = line.split_ascii_whitespace().count() == fields && fields == 6;
        let parsed = AtLine::parse(line.as_bytes(), order);
        let named = parsed.as_ref().and_then(|line| line.node.clone()) == Some(node.clone());
        let numeric = parsed.as_ref().is_some_and(|line| line.skew_seconds().is_some());
        let same = parsed.as_ref().is_some_and(|line| report.is_in(line) && same_time(line, &report));
        if single_spaces && named && numeric && same {
            continue;
        }
        let swapped = parsed.as_ref().and_then(|line| line.skew.clone()) == Some(node.clone());
        let (why, hint) = if swapped {
            ("the node and the skew are in the other order", Some(hints::FIELD_ORDER))
        } else if line.split_ascii_whitespace().count() != 6 {
            ("the AT line does not have six fields", None)
        } else if !named {
            ("the AT line does not name the node that was asked", None)
        } else if !numeric {
            ("the skew is not a number", None)
        } else if !same {
            ("the AT line has another id, location or time than the report", None)
        } else {
            ("the fields of the AT line are not separated by single spaces", Some(hints::SPACING))
        };
        return Err(case.wrong(&node, sent.as_bytes(), &expected, &answer, why).hint_if(hint).into());
    }
    Ok(())
}

pub(super) fn skew(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    for age in [0.0, 100.0, 1000.0] {
        let mut report = case.report();
        report.time = time_text(now() - age);
        let (line, answer) = at_line(case, &node, &report)?;
        let Some(skew) = line.skew_seconds() else {
            return Err(hidden_by("iamat-answer", "the answer has no skew that is a number".to_owned()));
        };
        let real = now() - report.time.parse::<f64>().unwrap_or_default();
        if (skew - real).abs() <= CLOCK_TOLERANCE * case.patience.max(1.0) {
            continue;
        }
        let hint = match skew {
            _ if (skew + real).abs() <= CLOCK_TOLERANCE => Some(hints::SKEW_REVERSED),
            _ if age > 0.0 && (skew / real).abs() > 500.0 => Some(hints::SKEW_UNIT),
            _ => Some(hints::SKEW_OFF),
        };
        let expected = expected_line(case, &node, &format!("a skew of about {real:+.1}"), &report);
        let why = format!("the skew is {skew:+.3}, but the report was {real:.3} seconds old");
        return Err(case
            .wrong(&node, report.command().as_bytes(), &expected, &answer, &why)
            .hint_if(hint)
            .into());
    }
    Ok(())
}

pub(super) fn future_skew(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    for (ahead, sign, moment) in [(-100.0, '+', "behind"), (100.0, '-', "ahead of")] {
        let mut report = case.report();
        report.time = time_text(now() + ahead);
        let (line, answer) = at_line(case, &node, &report)?;
        let Some(skew) = line.skew.clone() else {
            return Err(hidden_by("iamat-answer", "the answer has no skew".to_owned()));
        };
        let digits = skew.strip_prefix(sign).unwrap_or_default();
        if digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            continue;
        }
        let signs = skew.chars().take_while(|sign| "+-".contains(*sign)).count();
        let (why, hint) = match signs {
            0 => ("the skew has no sign", hints::SIGN_MISSING),
            1 => ("the skew has the wrong sign", hints::SKEW_REVERSED),
            _ => ("the skew has more than one sign", hints::SIGN_TWICE),
        };
        let why = format!("{why}: the client's time is {moment} the clock");
        let expected = expected_line(case, &node, &format!("{sign}<seconds>"), &report);
        return Err(case
            .wrong(&node, report.command().as_bytes(), &expected, &answer, &why)
            .hint(hint)
            .into());
    }
    Ok(())
}

pub(super) fn copies_fields(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let whole = now().floor();
    let edges: [(Option<&str>, Option<&str>, Option<String>); 6] = [
        (None, Some("+34.068900-118.445100"), None),
        (None, Some("+34.0689301234-118.4451270000"), None),
        (None, None, Some(format!("{whole:.0}.918963997"))),
        (None, None, Some(format!("{whole:.0}.500000000"))),
        (Some("Kiwi-1_a.b@CS.ucla.edu"), None, None),
        (Some("k!w#i$%&'()*/:;<=>?[]^{|}~"), None, None),
    ];
    let mut wrong: Vec<Failure> = Vec::new();
    for (id, location, time) in edges {
        let mut report = case.report();
        if let Some(id) = id {
            report.id = format!("{id}{:x}", case.random.u16(..));
        }
        report.location = location.map_or(report.location, str::to_owned);
        report.time = time.unwrap_or(report.time);
        let (line, answer) = at_line(case, &node, &report)?;
        if (&line.id, &line.location, &line.time) == (&report.id, &report.location, &report.time) {
            continue;
        }
        let numbers_agree = line.id == report.id && report.is_in(&line) && same_time(&line, &report);
        let expected = expected_line(case, &node, "<skew>", &report);
        let why = "a field of the AT line is not a copy of the client's";
        let hint = numbers_agree.then_some(hints::FLOATS);
        wrong.push(case.wrong(&node, report.command().as_bytes(), &expected, &answer, why).hint_if(hint));
    }
    match wrong.len() {
        0 => Ok(()),
        count => {
            let mut first = wrong.swap_remove(0);
            if count > 1 {
                first.why += &format!(", in {count} of 6 reports");
            }
            Err(first.into())
        }
    }
}

pub(super) fn range(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let ClientReport { id, time, .. } = case.report();
    let locations =
        ["+91.000000-118.445127", "-90.500000+118.445127", "+34.068930+181.000000", "+34.068930-180.500000"];
    let commands =
        locations.map(|location| (format!("IAMAT {id} {location} {time}"), "there is no such place"));
    refuse_all(case, &node, &commands)
}

pub(super) fn invalid(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let ClientReport { id, location, time } = case.report();
    let operands = "it does not have exactly three operands";
    let place = "its location is not two signed numbers";
    let moment = "its time is not a number";
    let commands = [
        ("IAMAT".to_owned(), operands),
        (format!("IAMAT {id}"), operands),
        (format!("IAMAT {id} {location}"), operands),
        (format!("IAMAT {id} {location} {time} more"), operands),
        (format!("IAMAT {id} 34.068930118.445127 {time}"), place),
        (format!("IAMAT {id} here {time}"), place),
        (format!("IAMAT {id} +34.06x930-118.445127 {time}"), place),
        (format!("IAMAT {id} +north-west {time}"), place),
        (format!("IAMAT {id} {location}west {time}"), place),
        (format!("IAMAT {id} {location} now"), moment),
        (format!("IAMAT {id} {location} 15200x23934"), moment),
    ];
    refuse_all(case, &node, &commands)
}

pub(super) fn strict(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let ClientReport { id, location, time } = case.report();
    let (number, half) = ("a plain decimal number is asked for", "half of its location is missing");
    let commands = [
        (format!("IAMAT {id} {location} nan"), number),
        (format!("IAMAT {id} {location} inf"), number),
        (format!("IAMAT {id} {location} 1e9"), number),
        (format!("IAMAT {id} {location} -5"), "its time is negative"),
        (format!("IAMAT {id} +nan-118.445127 {time}"), number),
        (format!("IAMAT {id} +34.068930 {time}"), half),
        (format!("IAMAT {id} +34.068930- {time}"), half),
        (format!("IAMAT {id} +3e1-118.445127 {time}"), number),
    ];
    refuse_all(case, &node, &commands)
}

/// Asks commands that must be refused, each by itself. The failure names the others that were not
/// refused too.
pub(super) fn refuse_all(case: &mut Case<'_>, node: &str, commands: &[(String, &str)]) -> Judged {
    let mut first = None;
    let mut accepted: Vec<&str> = Vec::new();
    for (command, why) in commands {
        if first.is_some() && case.herd.exit_of(node).is_some() {
            break;
        }
        if let Err(verdict) = case.must_refuse(node, command, why) {
            accepted.push(command);
            first.get_or_insert(verdict);
        }
    }
    match first {
        None => Ok(()),
        Some(Verdict::Fails(mut failure)) => {
            failure.hint = Some(refusal_hint(&failure.sent, &failure.came).to_owned());
            if accepted.len() == 2 {
                failure.why += &format!("; so was {}", accepted[1]);
            } else if accepted.len() > 2 {
                failure.why +=
                    &format!("; so were {} other commands: {}", accepted.len() - 1, accepted[1..].join(", "));
            }
            Err(Verdict::Fails(failure))
        }
        Some(other) => Err(other),
    }
}

/// The likely cause of a command that was not refused.
fn refusal_hint(sent: &str, came: &str) -> &'static str {
    let operands = sent.split_ascii_whitespace().count();
    match () {
        () if came.starts_with("nothing") => hints::EXCEPTION,
        () if operands != 4 => hints::OPERANDS,
        () if sent.starts_with("WHATSAT") && sent.contains(" -") => hints::NEGATIVE,
        () => hints::UNCHECKED,
    }
}

/// Reports a client, and returns the parsed AT line of the answer and the answer.
fn at_line(
    case: &mut Case<'_>,
    node: &str,
    report: &ClientReport,
) -> Judged<(AtLine, crate::conformance::answer::Answer)> {
    let answer = case.ask(node, report.command());
    match AtLine::parse(answer.first_line(), case.guest.dialect.at) {
        Some(line) => Ok((line, answer)),
        None => {
            let why = "a report was not answered with an AT line";
            let expected = expected_line(case, node, "<skew>", report);
            Err(case.wrong(node, report.command().as_bytes(), &expected, &answer, why).into())
        }
    }
}

fn same_time(line: &AtLine, report: &ClientReport) -> bool {
    let asked = report.time.parse::<f64>().unwrap_or_default();
    line.seconds().is_some_and(|time| (time - asked).abs() < Duration::from_millis(1).as_secs_f64())
}

fn expected_line(case: &Case<'_>, node: &str, skew: &str, report: &ClientReport) -> String {
    let ClientReport { id, location, time } = report;
    match case.guest.dialect.at {
        AtOrder::ServerSkew => format!("AT {node} {skew} {id} {location} {time}"),
        AtOrder::SkewServer => format!("AT {skew} {node} {id} {location} {time}"),
    }
}
