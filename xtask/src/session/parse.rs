//! Reads session files.

use std::path::Path;
use std::str::FromStr;

use herd::node::Limits;
use herd::places::ProviderName;
use herd::server::Durability;
use strum::VariantNames;

use super::SessionError;
use super::step::{Step, parse_step};

/// The places provider of the nodes if a session does not choose one.
const PROVIDER: &str = "google-legacy";

/// A session file's contents.
#[derive(Clone, Debug)]
pub struct Session {
    /// The name of the file in messages.
    pub file: String,
    /// The property that the session proves: the comment at the top of the file.
    pub proves: String,
    /// The herd whose graph the session depends on; `None` if any graph will do.
    pub needs: Option<String>,
    /// The places provider of the nodes.
    pub provider: String,
    /// The value of the nodes' `--durability`; `None` if they have no data folder.
    pub durability: Option<String>,
    /// The text of the nodes' `[limits]` table.
    pub limits: String,
    /// The steps, each with its line number.
    pub steps: Vec<(usize, Step)>,
}

impl Session {
    /// Reads a session file.
    ///
    /// # Errors
    /// The file cannot be read, or a line is not a directive. The error names the first such line.
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
    /// A line is not a directive. The error names the first such line.
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
                _ => parse_step(word, rest).map(|step| session.steps.push((index + 1, step))),
            }
            .map_err(|message| session.error(index + 1, message))?;
        }
        Ok(session)
    }

    fn needs(&mut self, herd: &str) -> Result<(), String> {
        // A misspelt herd would silently exclude the session from every run.
        if herd.is_empty() || !fixtures::herds().join(format!("{herd}.toml")).exists() {
            return Err(format!("`{herd}` is not a herd of fixtures/herds"));
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

    /// Lists the features that the session needs and that only this workspace's node program has.
    /// The list is empty if the session can be played against any program that speaks the client
    /// protocol and can be stopped, killed and started.
    pub fn needs_of_own_program(&self) -> Vec<&'static str> {
        let needs_stub = |step: &Step| match step {
            Step::Places(_) => true,
            // A program that sends no requests meets the expectation of 0 requests.
            Step::Upstream(count, _) => *count > 0,
            _ => false,
        };
        let features = [
            (self.provider != PROVIDER, "our places providers"),
            (self.durability.is_some(), "our durability"),
            (self.steps.iter().any(|(_, step)| needs_stub(step)), "the stub of the Places service"),
            (!self.limits.is_empty(), "our limits"),
        ];
        features.into_iter().filter_map(|(needed, feature)| needed.then_some(feature)).collect()
    }

    /// Makes an error at a line of this session.
    pub fn error(&self, line: usize, message: impl Into<String>) -> SessionError {
        SessionError { file: self.file.clone(), line, message: message.into() }
    }
}

/// Fails if `value` is not the name of a variant of `T`. The message lists the names.
fn check_value<T: FromStr + VariantNames>(value: &str) -> Result<(), String> {
    let names = || T::VARIANTS.join(", ");
    T::from_str(value).map(drop).map_err(|_| format!("expected one of {}, not `{value}`", names()))
}

/// The comment at the top of a text, joined into one line.
fn first_comment(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#'));
    lines.map(str::trim).collect::<Vec<&str>>().join(" ")
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
    fn the_directives_of_a_session_show_what_it_needs_of_our_program() {
        for (line, expected) in [
            ("upstream 0\nkill A\nstart A", &[][..]),
            ("places x.json", &["the stub of the Places service"]),
            ("upstream 1", &["the stub of the Places service"]),
            ("provider none\nlimits line_bytes = 9", &["our places providers", "our limits"]),
        ] {
            assert_eq!(Session::parse(line, "s").unwrap().needs_of_own_program(), expected, "{line}");
        }
    }

    #[test]
    fn a_repeated_limit_is_reported_at_its_second_line() {
        let text = "limits line_bytes = 9\nsettle\nlimits line_bytes = 9\n";
        let error = Session::parse(text, "s").unwrap_err().to_string();
        assert!(error.starts_with("s:3: duplicate key"), "{error}");
    }

    #[test]
    fn a_wrong_line_is_reported_with_its_file_and_line() {
        for (line, expected) in [
            ("shout Alford x", "s:2: expected one of connect, say,"),
            ("connect Alford", "s:2: expected `connect CONNECTION NODE`"),
            ("answers Alford many", "s:2: expected a number, not `many`"),
            ("send Alford \\q", "s:2: unknown escape: `\\q`"),
            ("places", "s:2: expected `places BODY|drop"),
            (
                "places x.json slow=1",
                "s:2: expected one of status=N, delay=MS, times=N, radius=METRES, not `slow=1`",
            ),
            ("upstream 1 radius", "s:2: expected NAME=VALUE, not `radius`"),
            ("kill", "s:2: expected `kill NODE..`"),
            ("places x.json times=0", "s:2: times must be at least 1"),
            ("places x.json status=42", "s:2: expected an HTTP status from 200 to 599, not `42`"),
            ("needs 1999-winter", "s:2: `1999-winter` is not a herd of fixtures/herds"),
            ("provider googel", "s:2: expected one of offline, osm, google,"),
            ("durability sometimes", "s:2: expected one of off, everysec, always, not `sometimes`"),
            ("limits line_bites = 3", "s:2: unknown field `line_bites`"),
            ("limits line_bytes 3", "s:2: key with no value"),
        ] {
            let error = Session::parse(&format!("settle\n{line}\n"), "s").unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
