//! Reading session files.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use herd::node::Limits;
use herd::places::ProviderName;
use herd::server::Durability;
use strum::VariantNames;

use super::SessionError;
use super::places_stub::Mount;
use fixtures::escape::unescape;

/// Whom nodes ask for places if a session does not say.
const PROVIDER: &str = "google-legacy";

/// A session, read and checked.
#[derive(Clone, Debug)]
pub struct Session {
    /// The file, as messages name it.
    pub file: String,
    /// What it proves, as its first comment says.
    pub proves: String,
    /// The one herd whose graph the session depends on, if it does.
    pub needs: Option<String>,
    /// The places provider of the nodes.
    pub provider: String,
    /// When what the nodes know is on disk; never if nothing is said.
    pub durability: Option<String>,
    /// The text of a `[limits]` table for the nodes.
    pub limits: String,
    /// What to do, each with its line.
    pub steps: Vec<(usize, Step)>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Open a connection.
    Connect {
        /// Its name.
        connection: String,
        /// To which node.
        node: String,
    },
    /// Send a line and wait for the answers to all that was sent.
    Say(String, Vec<u8>),
    /// Send bytes, and wait for nothing.
    Send(String, Vec<u8>),
    /// Wait for so many answers.
    Answers(String, usize),
    /// Send bytes, close the sending side at once, and wait for the rest, to the end.
    HalfClose(String, Vec<u8>),
    /// Close.
    Close(String),
    /// Wait until the node closes, and show what it sent before.
    Closed(String),
    /// Say a line to every running node.
    AskAll(Vec<u8>),
    /// Say all lines of the table of bad input to a node.
    BadInput(String),
    /// Mount an answer of the Places service.
    Places(Mount),
    /// Expect exactly so many requests to the Places service since the last look, each with these parameters.
    Upstream(usize, Vec<(String, String)>),
    /// Stop nodes in order.
    Stop(Vec<String>),
    /// Kill nodes.
    Kill(Vec<String>),
    /// Start nodes.
    Start(Vec<String>),
    /// Wait until these nodes, or all that run, know the same of every client.
    Settle(Vec<String>),
}

impl Session {
    /// Reads a session file.
    ///
    /// # Errors
    /// The file cannot be read, or the first line that is no directive.
    pub fn read(path: &Path) -> Result<Session, SessionError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Session::parse(&text, &file),
            Err(error) => Err(SessionError { file, line: 0, message: error.to_string() }),
        }
    }

    /// Reads the text of a session; `file` names it in messages.
    ///
    /// # Errors
    /// The first line that is no directive.
    pub fn parse(text: &str, file: &str) -> Result<Session, SessionError> {
        let mut session = Session {
            file: file.to_owned(),
            proves: first_comment(text),
            needs: None,
            provider: PROVIDER.to_owned(),
            durability: None,
            limits: String::new(),
            steps: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "needs" => session.needs(rest.trim()),
                "provider" => session.provider(rest.trim()),
                "durability" => session.durability(rest.trim()),
                "limits" => session.limits(rest),
                _ => step(word, rest).map(|step| session.steps.push((index + 1, step))),
            }
            .map_err(|message| session.error(index + 1, message))?;
        }
        Ok(session)
    }

    fn needs(&mut self, herd: &str) -> Result<(), String> {
        // A name that no herd has would leave the session out for ever, unnoticed.
        if herd.is_empty() || !fixtures::herds().join(format!("{herd}.toml")).exists() {
            return Err(format!("`{herd}` is no herd of fixtures/herds"));
        }
        self.needs = Some(herd.to_owned());
        Ok(())
    }

    fn provider(&mut self, name: &str) -> Result<(), String> {
        check_value::<ProviderName>(name)?;
        self.provider = name.to_owned();
        Ok(())
    }

    fn durability(&mut self, when: &str) -> Result<(), String> {
        check_value::<Durability>(when)?;
        self.durability = Some(when.to_owned()).filter(|when| when != "off");
        Ok(())
    }

    fn limits(&mut self, line: &str) -> Result<(), String> {
        self.limits += &format!("{line}\n");
        toml::from_str::<Limits>(&self.limits).map(drop).map_err(|error| error.message().trim().to_owned())
    }

    /// What the session takes that other programs than ours do not have, as its directives tell: nothing when any
    /// program will do that speaks the client protocol and can be stopped, killed and started.
    pub fn takes_of_ours(&self) -> Vec<&'static str> {
        let asks_stub = |step: &Step| match step {
            Step::Places(_) => true,
            // That nobody was asked holds for those, too, who ask nobody.
            Step::Upstream(count, _) => *count > 0,
            _ => false,
        };
        let things = [
            (self.provider != PROVIDER, "our providers of places"),
            (self.durability.is_some(), "our durability"),
            (self.steps.iter().any(|(_, step)| asks_stub(step)), "the stub of the Places service"),
            (!self.limits.is_empty(), "our limits"),
        ];
        things.into_iter().filter_map(|(takes, thing)| takes.then_some(thing)).collect()
    }

    /// An error at a line of this session.
    pub fn error(&self, line: usize, message: impl Into<String>) -> SessionError {
        SessionError { file: self.file.clone(), line, message: message.into() }
    }
}

/// Fails, with what there is, when a flag of the nodes does not take a value.
fn check_value<T: FromStr + VariantNames>(value: &str) -> Result<(), String> {
    T::from_str(value).map(drop).map_err(|_| format!("`{value}` is none of: {}", T::VARIANTS.join(", ")))
}

/// The comment that a text begins with, on one line.
fn first_comment(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#'));
    lines.map(str::trim).collect::<Vec<&str>>().join(" ")
}

fn step(word: &str, rest: &str) -> Result<Step, String> {
    let words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    let one = |what: &str| match words.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(format!("expected `{word} {what}`")),
    };
    let some = || if words.is_empty() { Err(format!("expected `{word} NODE..`")) } else { Ok(words.clone()) };
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
        "close" => Step::Close(one("CONNECTION")?),
        "closed" => Step::Closed(one("CONNECTION")?),
        "ask-all" => Step::AskAll(unescape(rest)?),
        "bad-input" => Step::BadInput(one("NODE")?),
        "places" => Step::Places(mount(&words)?),
        "upstream" => {
            let (count, parameters) =
                words.split_first().ok_or("expected `upstream COUNT [PARAMETER=VALUE]..`")?;
            Step::Upstream(
                number(count)?,
                parameters.iter().map(|pair| parameter(pair)).collect::<Result<_, _>>()?,
            )
        }
        "stop" => Step::Stop(some()?),
        "kill" => Step::Kill(some()?),
        "start" => Step::Start(some()?),
        "settle" => Step::Settle(words),
        _ => {
            return Err(format!(
                "`{word}` is none of: connect, say, send, answers, half-close, close, closed, ask-all, bad-input, places, upstream, stop, kill, start, settle, needs, provider, durability, limits"
            ));
        }
    })
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
            _ => return Err(format!("`{option}` is none of: status=N, delay=MS, times=N, radius=METRES")),
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
        0 => Err("an answer that is given 0 times is none".to_owned()),
        times => Ok(times),
    }
}

fn status(text: &str) -> Result<u16, String> {
    let status = number(text)?;
    // What is below is no final answer.
    if (200..600).contains(&status) {
        Ok(status)
    } else {
        Err(format!("`{text}` is no HTTP status of an answer"))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected a number, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_with_their_lines() {
        let text =
            "# a\n# comment\nneeds 2015-winter\nlimits line_bytes = 9\nsay Alford IAMAT  a\\tb \nsettle\n";
        let session = Session::parse(text, "s").unwrap();
        assert_eq!(session.proves, "a comment");
        assert_eq!((session.needs.as_deref(), &*session.limits), (Some("2015-winter"), "line_bytes = 9\n"));
        let say = Step::Say("Alford".to_owned(), b"IAMAT  a\tb ".to_vec());
        assert_eq!(session.steps, [(5, say), (6, Step::Settle(Vec::new()))]);
    }

    #[test]
    fn what_a_session_takes_of_ours_is_told_by_its_directives() {
        for (line, expected) in [
            ("upstream 0\nkill A\nstart A", &[][..]),
            ("places x.json", &["the stub of the Places service"]),
            ("upstream 1", &["the stub of the Places service"]),
            ("provider none\nlimits line_bytes = 9", &["our providers of places", "our limits"]),
        ] {
            assert_eq!(Session::parse(line, "s").unwrap().takes_of_ours(), expected, "{line}");
        }
    }

    #[test]
    fn a_limit_said_twice_is_told_by_its_second_line() {
        let text = "limits line_bytes = 9\nsettle\nlimits line_bytes = 9\n";
        let error = Session::parse(text, "s").unwrap_err().to_string();
        assert!(error.starts_with("s:3: duplicate key"), "{error}");
    }

    #[test]
    fn a_wrong_line_is_told_by_file_and_line() {
        for (line, expected) in [
            ("shout Alford x", "s:2: `shout` is none of: connect, say,"),
            ("connect Alford", "s:2: expected `connect CONNECTION NODE`"),
            ("answers Alford many", "s:2: expected a number, not `many`"),
            ("send Alford \\q", "s:2: unknown escape: `\\q`"),
            ("places", "s:2: expected `places BODY|drop"),
            ("places x.json slow=1", "s:2: `slow=1` is none of: status=N"),
            ("upstream 1 radius", "s:2: expected NAME=VALUE, not `radius`"),
            ("kill", "s:2: expected `kill NODE..`"),
            ("places x.json times=0", "s:2: an answer that is given 0 times is none"),
            ("places x.json status=42", "s:2: `42` is no HTTP status"),
            ("needs 1999-winter", "s:2: `1999-winter` is no herd of fixtures/herds"),
            ("provider googel", "s:2: `googel` is none of: offline, google,"),
            ("durability sometimes", "s:2: `sometimes` is none of: off, everysec, always"),
            ("limits line_bites = 3", "s:2: unknown field `line_bites`"),
            ("limits line_bytes 3", "s:2: key with no value"),
        ] {
            let error = Session::parse(&format!("settle\n{line}\n"), "s").unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
