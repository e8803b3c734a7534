//! `herd check`: whether a node answers clients, for monitoring.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use herd::message::TOO_MANY_CONNECTIONS;
use herd::net::{Address, reason};
use herd::node::{parse_duration, write_invalid};
use herd::printable;
use herd::say::{Target, is_tls_alert};

use super::block_on;
use super::print::print;
use super::server_tls::ServerTlsArgs;
use super::usage::Usage;

/// The line that is sent. A node refuses it without a look at its records, and a log shows where it
/// comes from.
const LINE: &[u8] = b"herd check";

/// The most bytes of an answer that are read.
const MOST_READ: u64 = 256;

/// The exit code if the check cannot run.
pub(super) const UNKNOWN: u8 = 3;

/// The node to check, and how soon it must answer.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The client port of the node, such as localhost:12480
    #[arg(value_name = "HOST:PORT")]
    address: Address,

    /// Exit with 1 if the answer takes longer
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = parse_duration)]
    warn: Duration,

    /// Exit with 2 if the answer takes longer
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    critical: Duration,

    #[command(flatten)]
    tls: ServerTlsArgs,
}

/// Whether the command line is one of `herd check`, even if it is wrong.
pub(super) fn is_wanted() -> bool {
    std::env::args_os().nth(1).is_some_and(|command| command == "check")
}

impl CheckArgs {
    /// Checks the node, and prints the result.
    pub(super) fn run(&self) -> ExitCode {
        let (word, code, text) = match block_on(self.check()) {
            Ok(Ok(took)) if took <= self.warn => ("OK", 0, self.answered(took)),
            Ok(Ok(took)) => ("WARNING", 1, self.answered(took)),
            Ok(Err(problem)) => ("CRITICAL", 2, problem),
            Err(error) => ("UNKNOWN", UNKNOWN, format!("{error:#}")),
        };
        print(std::io::stdout(), format!("{word}: {}\n", printable::line(text.as_bytes())));
        ExitCode::from(code)
    }

    /// Returns how long the answer took, connection and handshake included, or why there is none.
    ///
    /// # Errors
    /// The check cannot run.
    async fn check(&self) -> Result<Result<Duration, String>> {
        let [warn, critical] = [self.warn, self.critical].map(humantime::format_duration);
        let bounds = format!("--warn {warn} is more than --critical {critical}: nothing would be critical");
        ensure!(self.warn <= self.critical, Usage(bounds));
        let target = Target { name: None, address: self.address.clone(), tls: self.tls.tls(false)? };
        let began = Instant::now();
        let answered = timeout(self.critical, ask(&target, self.critical)).await;
        Ok(match answered {
            Ok(answered) => answered.map(|()| began.elapsed()),
            Err(_) => Err(format!("no answer from {target} within {critical}")),
        })
    }

    /// The text for a node that answered, with the figure that monitoring systems draw graphs of.
    fn answered(&self, took: Duration) -> String {
        let [took, warn, critical] = [took, self.warn, self.critical].map(|time| time.as_secs_f64());
        format!(
            "{} answered in {:.1} ms|time={took:.6}s;{warn:.6};{critical:.6};0",
            self.address,
            took * 1000.0
        )
    }
}

/// Sends the line, and waits for the right answer.
///
/// # Errors
/// There is none, in words.
async fn ask(target: &Target, patience: Duration) -> Result<(), String> {
    let mut expected = Vec::new();
    write_invalid(&mut expected, LINE);
    let mut stream = target.dial(patience).await.map_err(|error| error.to_string())?;
    let lost = |error| format!("{target} does not answer: {}", reason(&error));
    stream.write_all(&[LINE, b"\n"].concat()).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut answer = Vec::new();
    let mut input = stream.take(MOST_READ);
    while answer.last() != Some(&b'\n') {
        if input.read_buf(&mut answer).await.map_err(lost)? == 0 {
            break;
        }
    }
    if answer == expected {
        return Ok(());
    }
    Err(if answer.is_empty() {
        format!("{target} closed the connection without an answer")
    } else if answer == TOO_MANY_CONNECTIONS {
        format!("{target} has as many clients as it may (client_connections)")
    } else if is_tls_alert(&answer) {
        format!("{target} serves clients over TLS: use --tls")
    } else {
        format!("{target} answers as no node would: {}", printable::line(answer.trim_ascii_end()))
    })
}
