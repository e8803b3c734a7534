//! The steps of a session, and their directives.

use std::str::FromStr;
use std::time::Duration;

use fixtures::escape::unescape;

use super::places_stub::Mount;

/// The words that a directive can start with. The last four set up the herd; the others are steps.
const DIRECTIVES: &str = "connect, say, send, answers, half-close, close, closed, ask-all, bad-input, places, \
    upstream, stop, kill, start, settle, needs, provider, durability, limits";

/// One step of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opens a connection.
    Connect {
        /// The name of the connection.
        connection: String,
        /// The node to connect to.
        node: String,
    },
    /// Sends a line, and waits for the answers to all lines sent so far.
    Say(String, Vec<u8>),
    /// Sends bytes without waiting for answers.
    Send(String, Vec<u8>),
    /// Waits for this number of answers.
    Answers(String, usize),
    /// Sends bytes, closes the sending side at once, and waits for the answers and the close.
    HalfClose(String, Vec<u8>),
    /// Closes a connection.
    Close(String),
    /// Waits until the node closes a connection, and shows the bytes that it sent before.
    Closed(String),
    /// Sends a line to every running node.
    AskAll(Vec<u8>),
    /// Sends all lines of the table of bad input to a node.
    BadInput(String),
    /// Mounts an answer of the Places service.
    Places(Mount),
    /// Expects exactly this number of requests to the Places service since the last such step, each
    /// with these parameters.
    Upstream(usize, Vec<(String, String)>),
    /// Stops nodes in order.
    Stop(Vec<String>),
    /// Kills nodes.
    Kill(Vec<String>),
    /// Starts nodes.
    Start(Vec<String>),
    /// Waits until these nodes, or all running nodes if none is named, agree about every client.
    Settle(Vec<String>),
}

/// Reads the step whose directive is `word`, followed by `rest`.
pub(super) fn parse_step(word: &str, rest: &str) -> Result<Step, String> {
    let words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    let one_word = |what: &str| match words.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(format!("expected `{word} {what}`")),
    };
    let nodes =
        || if words.is_empty() { Err(format!("expected `{word} NODE..`")) } else { Ok(words.clone()) };
    Ok(match word {
        "connect" => match words.as_slice() {
            [connection, node] => Step::Connect { connection: connection.clone(), node: node.clone() },
            _ => return Err("expected `connect CONNECTION NODE`".to_owned()),
        },
        "say" => {
            let (connection, line) = rest.split_once(' ').unwrap_or((rest, ""));
            Step::Say(connection.to_owned(), unescape(line)?)
        }
        "send" => {
            let (connection, bytes) = rest.split_once(' ').ok_or("expected `send CONNECTION BYTES`")?;
            Step::Send(connection.to_owned(), unescape(bytes)?)
        }
        "answers" => match words.as_slice() {
            [connection, count] => Step::Answers(connection.clone(), number(count)?),
            _ => return Err("expected `answers CONNECTION COUNT`".to_owned()),
        },
        "half-close" => {
            let (connection, bytes) = rest.split_once(' ').unwrap_or((rest, ""));
            Step::HalfClose(connection.to_owned(), unescape(bytes)?)
        }
        "close" => Step::Close(one_word("CONNECTION")?),
        "closed" => Step::Closed(one_word("CONNECTION")?),
        "ask-all" => Step::AskAll(unescape(rest)?),
        "bad-input" => Step::BadInput(one_word("NODE")?),
        "places" => Step::Places(mount(&words)?),
        "upstream" => upstream(&words)?,
        "stop" => Step::Stop(nodes()?),
        "kill" => Step::Kill(nodes()?),
        "start" => Step::Start(nodes()?),
        "settle" => Step::Settle(words),
        _ => return Err(format!("expected one of {DIRECTIVES}, not `{word}`")),
    })
}

fn upstream(words: &[String]) -> Result<Step, String> {
    let (count, pairs) = words.split_first().ok_or("expected `upstream COUNT [PARAMETER=VALUE]..`")?;
    let parameters = pairs.iter().map(|pair| parameter(pair)).collect::<Result<_, _>>()?;
    Ok(Step::Upstream(number(count)?, parameters))
}

fn mount(words: &[String]) -> Result<Mount, String> {
    let (body, options) = words
        .split_first()
        .ok_or("expected `places BODY|drop [status=N] [delay=MS] [times=N] [radius=METRES]`")?;
    let body = (body != "drop").then(|| body.clone());
    let mut mount = Mount { body, status: 200, delay: Duration::ZERO, times: None, parameters: Vec::new() };
    for option in options {
        let (name, value) = parameter(option)?;
        match name.as_str() {
            "status" => mount.status = status(&value)?,
            "delay" => mount.delay = Duration::from_millis(number(&value)?),
            "times" => mount.times = Some(times(&value)?),
            "radius" => mount.parameters.push((name, value)),
            _ => {
                return Err(format!(
                    "expected one of status=N, delay=MS, times=N, radius=METRES, not `{option}`"
                ));
            }
        }
    }
    Ok(mount)
}

fn parameter(pair: &str) -> Result<(String, String), String> {
    let (name, value) = pair.split_once('=').ok_or_else(|| format!("expected NAME=VALUE, not `{pair}`"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn times(text: &str) -> Result<u64, String> {
    match number(text)? {
        0 => Err("times must be at least 1".to_owned()),
        times => Ok(times),
    }
}

fn status(text: &str) -> Result<u16, String> {
    let status = number(text)?;
    // A status below 200 is not the final one of an answer.
    if (200..600).contains(&status) {
        Ok(status)
    } else {
        Err(format!("expected an HTTP status from 200 to 599, not `{text}`"))
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected a number, not `{text}`"))
}
