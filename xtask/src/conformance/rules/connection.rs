//! Connections: line ends, segments, and the ends of streams.

use std::time::Duration;

use fixtures::escape::escape;

use crate::conformance::answer::Answer;
use crate::conformance::at_line::AtLine;
use crate::conformance::case::{Case, Judged, hidden_by};
use crate::conformance::client::{Connection, End};
use crate::conformance::client_report::ClientReport;
use crate::conformance::form::Form;
use crate::conformance::hints;
use crate::conformance::verdict::Verdict;

/// The pause between the segments of a command.
const PAUSE: Duration = Duration::from_millis(150);

/// A herd that does not start never comes here. What is left to see is that each node still accepts
/// connections.
pub(super) fn starts(case: &mut Case<'_>) -> Judged {
    for node in case.nodes() {
        case.connect(&node)?;
    }
    Ok(())
}

pub(super) fn no_banner(case: &mut Case<'_>) -> Judged {
    for node in case.nodes().into_iter().take(2) {
        let mut connection = case.connect_only(&node)?;
        connection.read_until(|bytes| !bytes.is_empty(), Duration::from_millis(500), None);
        if !connection.received.is_empty() {
            let came = Answer { bytes: connection.received.clone(), ..Answer::default() };
            let why = "the node sent something before the client did";
            return Err(case.wrong(&node, b"", "nothing", &came, why).into());
        }
    }
    Ok(())
}

pub(super) fn answer_newline(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let report = case.report();
    for command in [report.command(), "HELLO world".to_owned(), report.question()] {
        let answer = case.ask(&node, &command);
        if answer.is_empty() {
            let rule = if command.starts_with("HELLO") { "invalid-copy" } else { "iamat-answer" };
            return Err(hidden_by(rule, format!("`{command}` is not answered")));
        }
        if !answer.bytes.ends_with(b"\n") {
            let why = "the answer does not end with a newline";
            let expected = format!("{}\\n", escape(&answer.bytes));
            return Err(case
                .wrong(&node, command.as_bytes(), &expected, &answer, why)
                .hint(hints::NEWLINE)
                .into());
        }
    }
    Ok(())
}

pub(super) fn answers_before_eof(case: &mut Case<'_>) -> Judged {
    let form = Form { half_close: false, ..case.form };
    answers_in(
        case,
        form,
        "a command is not answered while the client keeps its sending side open",
        hints::READS_TO_EOF,
    )
}

pub(super) fn lf(case: &mut Case<'_>) -> Judged {
    let form = Form { crlf: false, ..case.form };
    answers_in(case, form, "a command that ends with LF alone is not answered as a command", hints::CRLF_ONLY)
}

pub(super) fn crlf(case: &mut Case<'_>) -> Judged {
    let form = Form { crlf: true, ..case.form };
    answers_in(
        case,
        form,
        "a command that ends with CR LF is not answered as the same command",
        hints::CR_KEPT,
    )
}

/// Reports a client in a form; the answer must be right.
fn answers_in(case: &mut Case<'_>, form: Form, why: &str, hint: &str) -> Judged {
    let node = case.first();
    let report = case.report();
    let within = case.answer_within();
    let answer = case.ask_in(form, &node, report.command().as_bytes(), within);
    if is_answer_to(case, &answer, &report) {
        return Ok(());
    }
    let sent = [report.command().as_bytes(), form.line_end()].concat();
    Err(case.wrong(&node, &sent, &expected(&report), &answer, why).hint(hint).into())
}

pub(super) fn stays_open(case: &mut Case<'_>) -> Judged {
    needs_open_sending(case)?;
    let node = case.first();
    let mut connection = case.connect(&node)?;
    for number in 0..2 {
        let report = case.report();
        let answer = send_and_read(case, &mut connection, &report);
        if !is_answer_to(case, &answer, &report) {
            if number == 0 {
                return Err(hidden_by("iamat-answer", "the first command is not answered".to_owned()));
            }
            let why = "the second command on a connection was not answered";
            let failure = case.wrong(&node, report.command().as_bytes(), &expected(&report), &answer, why);
            return Err(failure.hint_if(answer.ended.map(|_| hints::ONE_COMMAND)).into());
        }
    }
    Ok(())
}

pub(super) fn pipelined(case: &mut Case<'_>) -> Judged {
    needs_second_command(case)?;
    let node = case.first();
    let (mut connection, reports) = (case.connect(&node)?, [case.report(), case.report()]);
    let end = case.form.line_end();
    let sent: Vec<u8> =
        reports.iter().flat_map(|report| [report.command().as_bytes(), end].concat()).collect();
    connection.send(&sent, case.answer_within());
    if case.form.half_close {
        connection.end_sending();
    }
    for (number, report) in reports.iter().enumerate() {
        let answer = case.read(&mut connection, b"IAMAT", case.answer_within());
        if !is_answer_to(case, &answer, report) {
            let why = format!(
                "the {} of two commands in one segment was not answered by itself",
                ["first", "second"][number]
            );
            let expected = reports.iter().map(expected).collect::<Vec<_>>().join("\\n");
            return Err(case
                .wrong(&node, &sent, &expected, &answer, &why)
                .hint(hints::READ_IS_COMMAND)
                .into());
        }
    }
    Ok(())
}

pub(super) fn split(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let report = case.report();
    let line = [report.command().as_bytes(), case.form.line_end()].concat();
    let mut connection = case.connect(&node)?;
    let within = case.answer_within();
    let pieces = [&line[..3], &line[3..9], &line[9..line.len() - 8], &line[line.len() - 8..]];
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            // Reading for a while lets the node see the piece by itself, and shows early answers.
            connection.read_until(|bytes| !bytes.is_empty(), PAUSE, None);
        }
        connection.send(piece, within);
    }
    if case.form.half_close {
        connection.end_sending();
    }
    let answer = case.read(&mut connection, b"IAMAT", within);
    if is_answer_to(case, &answer, &report) {
        return Ok(());
    }
    let why = "a command that came in four segments was not answered as one";
    Err(case.wrong(&node, &line, &expected(&report), &answer, why).hint(hints::PIECE_IS_COMMAND).into())
}

pub(super) fn half_close(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let within = case.answer_within();
    for (end, hint) in [(case.form.line_end(), hints::LOST_AT_CLOSE), (b"", hints::REST_DROPPED)] {
        let report = case.report();
        let line = [report.command().as_bytes(), end].concat();
        let mut connection = case.connect(&node)?;
        connection.send(&line, within);
        connection.end_sending();
        let answer = case.read(&mut connection, b"IAMAT", within);
        if is_answer_to(case, &answer, &report) {
            continue;
        }
        let newline = if end.is_empty() { "out a final newline" } else { " its newline" };
        let why = format!("a command with{newline}, sent together with the end of sending, was not answered");
        let hint = if answer.is_empty() { hint } else { hints::READ_IS_COMMAND };
        return Err(case.wrong(&node, &line, &expected(&report), &answer, &why).hint(hint).into());
    }
    Ok(())
}

pub(super) fn order(case: &mut Case<'_>) -> Judged {
    if let Err(Verdict::Fails(_)) = pipelined(case) {
        return Err(hidden_by("pipelined", "two commands in one segment are not answered".to_owned()));
    }
    needs_second_command(case)?;
    let node = case.first();
    let known = case.report();
    case.tell(&node, &known)?;
    let asks_places = case.guest.places != crate::conformance::guest_file::PlacesApi::None;
    let commands: Vec<(String, Option<ClientReport>)> = (0..100)
        .map(|number| match number % 10 {
            3 | 7 => (format!("HELLO {number}"), None),
            5 if asks_places => (known.question(), None),
            _ => {
                let report = case.report();
                (report.command(), Some(report))
            }
        })
        .collect();
    let end = case.form.line_end();
    let sent: Vec<u8> = commands.iter().flat_map(|(command, _)| [command.as_bytes(), end].concat()).collect();
    let mut connection = case.connect(&node)?;
    connection.send(&sent, case.answer_within());
    if case.form.half_close {
        connection.end_sending();
    }
    for (number, (command, report)) in commands.iter().enumerate() {
        let within = case.answer_within() * 2;
        let mut answer = case.read(&mut connection, command.as_bytes(), within);
        if answer.bytes == b"\n" {
            // One newline too many behind the places: another rule is about that.
            answer = case.read(&mut connection, command.as_bytes(), within);
        }
        let right = match report {
            Some(report) => is_answer_to(case, &answer, report),
            None if command.starts_with("WHATSAT") => answer.is_at(),
            None => {
                answer.is_refusal() && answer.first_line().ends_with(command.as_bytes())
                    || answer.first_line() == b"?"
            }
        };
        if !right {
            let why =
                format!("the answer to the {}th of 100 pipelined commands is not the next one", number + 1);
            let expected = report.as_ref().map_or(format!("the answer to {command}"), expected);
            return Err(case.wrong(&node, command.as_bytes(), &expected, &answer, &why).into());
        }
    }
    Ok(())
}

pub(super) fn forged_at(case: &mut Case<'_>) -> Judged {
    if case.guest.links == crate::conformance::guest_file::Links::ClientPort {
        return Err(Verdict::CannotTell {
            why: "neighbours talk over the clients' port, so a node cannot know who sends an AT line"
                .to_owned(),
            hidden_by: None,
        });
    }
    let node = case.first();
    let report = case.report();
    case.tell(&node, &report)?;
    let forged = report.later(5.0, case);
    let line = format!("AT {node} +0.100000000 {} {} {}", forged.id, forged.location, forged.time);
    case.must_refuse(&node, &line, "clients may not send AT lines")?;
    let answer = case.ask(&node, report.question());
    let changed =
        AtLine::parse(answer.first_line(), case.guest.dialect.at).is_some_and(|line| forged.is_in(&line));
    if changed {
        let why = "an AT line from a client changed a location";
        return Err(case.wrong(&node, line.as_bytes(), "no change", &answer, why).into());
    }
    Ok(())
}

/// Sends a report on an open connection and reads the answer.
fn send_and_read(case: &Case<'_>, connection: &mut Connection, report: &ClientReport) -> Answer {
    case.form.send(connection, report.command().as_bytes(), case.answer_within());
    case.read(connection, b"IAMAT", case.answer_within())
}

/// Fails the rule if the guest answers only once the client has closed its sending side.
fn needs_open_sending(case: &Case<'_>) -> Judged {
    if case.form.half_close {
        let why = "nothing is answered before the client closes its sending side";
        return Err(hidden_by("answers-before-eof", why.to_owned()));
    }
    Ok(())
}

/// Fails the rule if the guest reads one command of a connection.
fn needs_second_command(case: &Case<'_>) -> Judged {
    if case.form.one_command && !case.form.half_close {
        return Err(hidden_by("stays-open", "the node closes each connection after one command".to_owned()));
    }
    Ok(())
}

/// Returns whether an answer is the AT line of a report, with nothing else in its first line.
fn is_answer_to(case: &Case<'_>, answer: &Answer, report: &ClientReport) -> bool {
    answer.is_at()
        && answer.ended != Some(End::TooLong)
        && AtLine::parse(answer.first_line(), case.guest.dialect.at)
            .is_some_and(|line| report.is_in(&line) && line.seconds() == report.time.parse().ok())
}

fn expected(report: &ClientReport) -> String {
    format!("AT ... {} {} {}", report.id, report.location, report.time)
}
