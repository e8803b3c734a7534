//! Talks to nodes as a client does, on a terminal or in a script: `herd say` and `cargo xtask say`.
//!
//! Lines come from the command line, from standard input, or from a prompt. Answers are printed on
//! standard output unchanged, except that a terminal gets no control characters. Behind each
//! refusal, a hint on standard error says what is wrong with the line.

mod conversation;
mod hint;
mod input;
mod printer;
mod prompt;
mod target;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::Duration;

pub use hint::hint;
pub use target::{DialError, Target, Tls, is_tls_alert, server_name};

use crate::printable;
use conversation::converse;
use input::Lines;
use printer::Printer;
use prompt::Prompt;

/// The time for which a node may answer nothing, by default. It is longer than a node waits for the
/// Places service.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// What to say, and how.
#[derive(Clone, Debug)]
pub struct Say {
    /// The nodes, at least one. Each receives all lines.
    pub targets: Vec<Target>,
    /// The lines. If there are none, they are read from standard input; with a prompt, if that and
    /// standard output are a terminal.
    pub lines: Vec<String>,
    /// Whether refused lines are an error.
    pub check: bool,
    /// The time for which a node may answer nothing, although it owes answers.
    pub patience: Duration,
}

/// Numbers of lines of one conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that were sent.
    pub lines: u64,
    /// Answers that arrived, refusals included.
    pub answers: u64,
    /// Lines that were answered with `?`.
    pub refusals: u64,
}

/// Why something was not said or not answered.
#[derive(Debug, thiserror::Error)]
pub enum SayError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended before all lines were answered.
    #[error("{target} closed the connection after {} of {} answers: its log (at the level debug) says why", tally.answers, tally.lines)]
    Lost {
        /// The node.
        target: String,
        /// What was sent and answered.
        tally: Tally,
    },
    /// The connection ended within an answer.
    #[error("{0} closed the connection within an answer: ask again")]
    Cut(String),
    /// The connection ended although more lines were to come.
    #[error("{0} closed the connection before the end of the input: its log (at the level debug) says why")]
    Early(String),
    /// A node owes answers, and has sent nothing for this time.
    #[error("{target} sent nothing for {}, after {} of {} answers", humantime::format_duration(*patience), tally.answers, tally.lines)]
    Silent {
        /// The node.
        target: String,
        /// The time.
        patience: Duration,
        /// What was sent and answered.
        tally: Tally,
    },
    /// The node serves clients over TLS only.
    #[error("{0} serves clients over TLS: use --tls")]
    NeedsTls(String),
    /// With [`Say::check`]: lines were refused.
    #[error("{} of {} lines refused", .0.refusals, .0.answers)]
    Refused(Tally),
    /// Some of several nodes could not be talked to. Their errors have been printed.
    #[error("{failed} of {all} nodes did not answer all lines")]
    Some {
        /// The number of these nodes.
        failed: usize,
        /// The number of nodes.
        all: usize,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input: {0}")]
    Input(io::Error),
    /// Standard input is too long to be sent to several nodes.
    #[error("standard input has more than 64 MiB, which is too much for several nodes: name one node")]
    TooMuch,
    /// Standard output cannot be written.
    #[error("cannot write the answers: {0}")]
    Output(io::Error),
}

impl Say {
    /// Says the lines to every node, and prints the answers. A closed pipe of answers is not an
    /// error: its reader wants no more.
    ///
    /// # Errors
    /// A node cannot be talked to, or does not answer all lines. With [`check`](Self::check), also
    /// if a line is refused. Answers that came before have been printed.
    pub async fn run(&self) -> Result<(), SayError> {
        let mut sum = Tally::default();
        match self.say(&mut sum).await {
            Err(SayError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Ok(()) if self.check && sum.refusals > 0 => Err(SayError::Refused(sum)),
            said => said,
        }
    }

    async fn say(&self, sum: &mut Tally) -> Result<(), SayError> {
        if !self.lines.is_empty() {
            let lines = self.lines.join("\n") + "\n";
            return self.say_to_all(lines.as_bytes(), sum).await;
        }
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            return self.say_what_is_typed(sum).await;
        }
        match &self.targets[..] {
            [target] => self.say_to(target, &mut input::standard(), sum).await,
            _ => self.say_to_all(&input::whole()?, sum).await,
        }
    }

    /// Says each line that is typed at a prompt. Each has a separate connection, so a node may
    /// restart meanwhile.
    async fn say_what_is_typed(&self, sum: &mut Tally) -> Result<(), SayError> {
        let mut prompt = Prompt::open()?;
        let first = &self.targets[0];
        print_note(&format!("talking to {first}: Tab completes verbs, Ctrl-D ends"));
        while let Some(line) = prompt.read_line()? {
            match self.say_to_all((line + "\n").as_bytes(), sum).await {
                Ok(()) => {}
                Err(error @ SayError::Output(_)) => return Err(error),
                Err(error) => print_note(&format!("error: {error}")),
            }
        }
        Ok(())
    }

    /// Says the same lines to each node. If there are several, a line with the node's name precedes
    /// its answers.
    async fn say_to_all(&self, lines: &[u8], sum: &mut Tally) -> Result<(), SayError> {
        let [target] = &self.targets[..] else { return self.say_to_several(lines, sum).await };
        self.say_to(target, &mut input::given(lines), sum).await
    }

    async fn say_to_several(&self, lines: &[u8], sum: &mut Tally) -> Result<(), SayError> {
        let mut failed = 0;
        for target in &self.targets {
            writeln!(io::stdout(), "==> {target} <==").map_err(SayError::Output)?;
            match self.say_to(target, &mut input::given(lines), sum).await {
                Ok(()) => {}
                Err(error @ SayError::Output(_)) => return Err(error),
                Err(error) => {
                    print_note(&format!("error: {error}"));
                    failed += 1;
                }
            }
        }
        match failed {
            0 => Ok(()),
            failed => Err(SayError::Some { failed, all: self.targets.len() }),
        }
    }

    async fn say_to(&self, target: &Target, lines: &mut Lines, sum: &mut Tally) -> Result<(), SayError> {
        let escapes = io::stdout().is_terminal();
        let (mut out, mut hints) = (io::stdout(), io::stderr());
        let mut printer = Printer::new(&mut out, escapes, &mut hints);
        let said = converse(target, lines, self.patience, &mut printer).await;
        let Tally { lines, answers, refusals } = printer.tally;
        sum.lines += lines;
        sum.answers += answers;
        sum.refusals += refusals;
        said
    }
}

/// Prints a line on standard error. `eprintln!` would panic if it is closed.
fn print_note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", printable::line(text.as_bytes()));
}
