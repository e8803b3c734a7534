//! Places: what the service is asked, and how its answer is passed on.

use std::time::Duration;

use fixtures::escape::escape;
use serde_json::Value;

use crate::conformance::answer::{Answer, PlacesPart, line_length};
use crate::conformance::case::{Case, Judged, hidden_by, results, usual};
use crate::conformance::client::Connection;
use crate::conformance::client_report::{ClientReport, same_place};
use crate::conformance::guest_file::PlacesApi;
use crate::conformance::hints;
use crate::conformance::places::{Api, Asked, Behaviour, PlacesService, body};
use crate::conformance::verdict::Verdict;

/// How long a client may wait for something when the service fails.
const ERROR_WITHIN: Duration = Duration::from_secs(15);

/// How long the service takes to answer while other clients ask.
const SLOW: Duration = Duration::from_secs(3);

pub(super) fn radius(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    let (node, report) = known_client(case)?;
    places.forget();
    let answer = case.ask(&node, report.question());
    let asked = places.asked();
    let Some(asked) = asked.first() else {
        let why = "the Places service was not asked";
        return Err(case
            .wrong(&node, report.question().as_bytes(), "a question to the service", &answer, why)
            .into());
    };
    let right_place =
        asked.latitude.zip(asked.longitude).is_some_and(|at| same_place(at, report.coordinates()));
    let right_key = asked.key.as_deref() == Some(places.key());
    if right_place && right_key && asked.radius == Some(10_000.0) {
        return Ok(());
    }
    let (latitude, longitude) = report.coordinates();
    let (why, hint) = match () {
        () if !right_place => {
            ("the service was not asked at the client's location", place_hint(asked, &report))
        }
        () if !right_key => ("the service was not asked with the key", Some(hints::KEY)),
        () if asked.radius == Some(10.0) => ("the radius was not in metres", Some(hints::KILOMETRES)),
        () => ("the service was asked with another radius", None),
    };
    let expected = format!("a question at {latitude},{longitude} within 10000 metres, with the key");
    let mut failure = case.wrong(&node, report.question().as_bytes(), &expected, &answer, why).hint_if(hint);
    failure.came = format!("{} {}", asked.method, asked.target);
    Err(failure.into())
}

fn place_hint(asked: &Asked, report: &ClientReport) -> Option<&'static str> {
    let (latitude, longitude) = report.coordinates();
    let at = asked.latitude.zip(asked.longitude)?;
    if same_place(at, (longitude, latitude)) {
        Some(hints::SWAPPED)
    } else if same_place((at.0.abs(), at.1.abs()), (latitude.abs(), longitude.abs())) {
        Some(hints::SIGN_LOST)
    } else {
        None
    }
}

pub(super) fn bound(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    places.answer_with(results(20));
    let (node, report) = known_client(case)?;
    for bound in [3, 1, 5] {
        let command = format!("WHATSAT {} 10 {bound}", report.id);
        let (answer, part) = ask_places(case, &node, &command)?;
        let list = part.value.get("results").or(part.value.get("places"));
        let came = list.and_then(Value::as_array).map_or(0, Vec::len);
        if came > bound {
            let why = format!("{came} results came for a bound of {bound}");
            let expected = format!("at most {bound} results");
            return Err(case
                .wrong(&node, command.as_bytes(), &expected, &answer, &why)
                .hint(hints::BOUND)
                .into());
        }
        if came == 0 {
            let why = "no result came, though the service gave some";
            return Err(case.wrong(&node, command.as_bytes(), "results", &answer, why).into());
        }
    }
    Ok(())
}

pub(super) fn bytes(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    places.answer_with(results(5));
    let (node, report) = known_client(case)?;
    let (answer, part) = ask_places(case, &node, &report.question())?;
    let original = body(Api::Legacy, 5, false);
    let value: Value = serde_json::from_slice(&original).unwrap_or_default();
    let equal = match case.guest.places {
        // What the New API sends has another form, and herds may translate it to the old one.
        PlacesApi::New => names(&value).all(|name| contains_text(&part.value, name)),
        PlacesApi::Legacy | PlacesApi::None => part.value == value,
    };
    if equal {
        return Ok(());
    }
    let why = "the JSON is not equal to that of the service";
    Err(case.wrong(&node, report.question().as_bytes(), &escape(&original), &answer, why).into())
}

pub(super) fn exact_bytes(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    if case.guest.places == PlacesApi::New {
        return Err(Verdict::NotJudged("herds translate what the New API sends".to_owned()));
    }
    places.answer_with(results(5));
    let (node, report) = known_client(case)?;
    let (answer, part) = ask_places(case, &node, &report.question())?;
    let original = body(Api::Legacy, 5, false);
    if part.json == original.trim_ascii_end() {
        return Ok(());
    }
    let why = "the JSON is not that of the service, byte for byte";
    Err(case.wrong(&node, report.question().as_bytes(), &escape(&original), &answer, why).into())
}

/// The names of the places in a legacy answer.
fn names(value: &Value) -> impl Iterator<Item = &str> {
    value["results"].as_array().into_iter().flatten().filter_map(|place| place["name"].as_str())
}

/// Whether a text is a value anywhere in the JSON.
fn contains_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string == text,
        Value::Array(values) => values.iter().any(|value| contains_text(value, text)),
        Value::Object(members) => members.values().any(|value| contains_text(value, text)),
        _ => false,
    }
}

pub(super) fn framing(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    let (node, report) = known_client(case)?;
    for blank_lines in [false, true] {
        places.answer_with(Behaviour::Answer { results: 5, delay: Duration::ZERO, blank_lines });
        let command = report.question();
        let mut connection = case.connect(&node)?;
        case.form.send(&mut connection, command.as_bytes(), case.answer_within());
        // More newlines than two would follow at once.
        connection.read_until(|_| false, case.answer_within(), Some(case.quiet() * 2));
        let answer = Answer { bytes: connection.received.clone(), complete: true, ended: connection.ended };
        let Some(part) = answer.places() else {
            return Err(no_places(case, &node, &command, &answer));
        };
        let (why, hint) = match () {
            () if part.before != b"\n" => ("the AT line and the JSON are not separated by one newline", None),
            () if has_runs(&part.json) => ("the JSON has runs of newlines", Some(hints::RUNS)),
            () if part.behind != b"\n\n" => {
                ("the JSON is not followed by exactly two newlines", Some(hints::TWO_NEWLINES))
            }
            () => continue,
        };
        let expected = "AT ...\\n{ ... }\\n\\n";
        return Err(case.wrong(&node, command.as_bytes(), expected, &answer, why).hint_if(hint).into());
    }
    Ok(())
}

fn has_runs(json: &[u8]) -> bool {
    json.windows(2).any(|pair| pair == b"\n\n")
}

pub(super) fn concurrent(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    let (node, report) = known_client(case)?;
    places.answer_with(Behaviour::Answer { results: 5, delay: SLOW, blank_lines: false });
    places.forget();
    let mut waiting = ask_and_wait(case, places, &node, &report)?;
    let other = case.report();
    let answer = case.ask(&node, other.command());
    waiting.read_until(|bytes| !bytes.is_empty(), Duration::from_millis(10), None);
    let places_came_first = line_length(&waiting.received).is_some();
    if answer.is_at() && !places_came_first {
        return Ok(());
    }
    let why = "a report is not answered while another client waits for the Places service";
    Err(case
        .wrong(&node, other.command().as_bytes(), "AT ... at once", &answer, why)
        .hint(hints::BLOCKING)
        .into())
}

/// Asks for places, and waits until the service has been asked.
fn ask_and_wait(
    case: &mut Case<'_>,
    places: &PlacesService,
    node: &str,
    report: &ClientReport,
) -> Judged<Connection> {
    let mut connection = case.connect(node)?;
    let within = case.answer_within();
    case.form.send(&mut connection, report.question().as_bytes(), within);
    if !case.wait(within, |_| !places.asked().is_empty()) {
        return Err(hidden_by("places-radius", "the Places service was not asked".to_owned()));
    }
    Ok(connection)
}

pub(super) fn errors(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    let (node, report) = known_client(case)?;
    for (behaviour, what) in [
        (Behaviour::Denied, "refuses the key"),
        (Behaviour::Status(500), "answers with status 500"),
        (Behaviour::NotJson, "answers with something other than JSON"),
        (Behaviour::Hangup, "closes the connection"),
        (Behaviour::Never, "never answers"),
    ] {
        places.answer_with(behaviour);
        let within = case.allow(ERROR_WITHIN);
        let answer = case.ask_in(case.form, &node, report.question().as_bytes(), within);
        if answer.is_empty() {
            let why = format!("nothing is answered when the Places service {what}");
            return Err(case
                .wrong(&node, report.question().as_bytes(), "an answer within 15 s", &answer, &why)
                .into());
        }
        places.answer_with(usual());
        let after = case.report();
        let answer = case.ask(&node, after.command());
        if answer.is_empty() {
            let why = format!("the node does not answer any more after the Places service {what}");
            return Err(case.wrong(&node, after.command().as_bytes(), "AT ...", &answer, &why).into());
        }
    }
    Ok(())
}

pub(super) fn not_flooded(case: &mut Case<'_>) -> Judged {
    let places = case.places()?;
    let (node, report) = known_client(case)?;
    // Questions of the wait for the flood must not be counted.
    let everywhere = case.nodes();
    super::flood::wait_known(case, &everywhere, &report);
    places.forget();
    let answer = case.ask(&node, report.question());
    std::thread::sleep(case.allow(case.guest.flood_within).min(Duration::from_secs(2)));
    let asked = places.asked();
    match asked.len() {
        0 => Err(hidden_by("places-radius", "the Places service was not asked".to_owned())),
        1 => Ok(()),
        count => {
            let why = format!("one question at one node reached the Places service {count} times");
            let failure = case.wrong(&node, report.question().as_bytes(), "one question", &answer, &why);
            Err(failure.hint(hints::PLACES_FLOODED).into())
        }
    }
}

/// Reports a client at the first node, which must know it then.
fn known_client(case: &mut Case<'_>) -> Judged<(String, ClientReport)> {
    let node = case.first();
    let report = case.report();
    case.tell(&node, &report)?;
    Ok((node, report))
}

/// Asks for places, which must come.
fn ask_places(case: &mut Case<'_>, node: &str, command: &str) -> Judged<(Answer, PlacesPart)> {
    let answer = case.ask(node, command);
    match answer.places() {
        Some(part) => Ok((answer, part)),
        None => Err(no_places(case, node, command, &answer)),
    }
}

fn no_places(case: &mut Case<'_>, node: &str, command: &str, answer: &Answer) -> Verdict {
    if answer.is_at() || answer.is_empty() || case.herd.exit_of(node).is_some() {
        let why = "WHATSAT was not answered with an AT line and JSON";
        return case.wrong(node, command.as_bytes(), "AT ...\\n{ ... }\\n\\n", answer, why).into();
    }
    hidden_by("whatsat-answer", "WHATSAT is not answered with an AT line".to_owned())
}
