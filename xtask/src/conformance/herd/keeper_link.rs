//! A keeper, seen by the judge that starts it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::conformance::sandbox::keeper::ROLE;
use crate::conformance::sandbox::keeper::protocol::{Answer, Request, State, Task};
use crate::conformance::sandbox::{KEEPER_NAMESPACES, Mode};

/// How long a keeper may take to answer. It may have thousands of processes to kill.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a keeper may take to end its herd.
const GOODBYE: Duration = Duration::from_secs(20);

/// A running keeper. It ends its herd when this is dropped, and also when this process dies.
#[derive(Debug)]
pub(super) struct KeeperLink {
    child: Child,
    answers: Receiver<String>,
}

impl KeeperLink {
    /// Starts a keeper. `program` is this program or another one that calls
    /// [`run_hidden_role`](crate::conformance::sandbox::run_hidden_role).
    pub(super) fn open(program: &Path, task: &Task) -> Result<KeeperLink> {
        let mut command = match task.mode {
            Mode::Namespaces => {
                let [unshare, namespaces @ ..] = KEEPER_NAMESPACES;
                let mut command = Command::new(unshare);
                command.args(namespaces).arg(program);
                command
            }
            Mode::Container | Mode::Plain => Command::new(program),
        };
        command.arg(ROLE).arg(serde_json::to_string(task)?);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start {} as a keeper", program.display()))?;
        let output = child.stdout.take().context("a keeper has no standard output")?;
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut link = KeeperLink { child, answers };
        link.expect_done()?;
        Ok(link)
    }

    /// Asks the keeper.
    ///
    /// # Errors
    /// The keeper has ended or does not answer.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer> {
        let requests = self.child.stdin.as_mut().context("the keeper has no standard input")?;
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        requests.write_all(line.as_bytes()).context("the keeper has ended")?;
        self.answer()
    }

    /// Asks the keeper for something that is done or refused.
    pub(super) fn order(&mut self, request: &Request) -> Result<()> {
        match self.ask(request)? {
            Answer::Refused(why) => bail!("{why}"),
            _ => Ok(()),
        }
    }

    /// Asks how the nodes are.
    pub(super) fn look(&mut self) -> Result<State> {
        match self.ask(&Request::Look)? {
            Answer::State(state) => Ok(state),
            other => bail!("the keeper answered {other:?}"),
        }
    }

    fn expect_done(&mut self) -> Result<()> {
        match self.answer()? {
            Answer::Refused(why) => bail!("{why}"),
            _ => Ok(()),
        }
    }

    fn answer(&mut self) -> Result<Answer> {
        match self.answers.recv_timeout(ANSWER) {
            Ok(line) => serde_json::from_str(&line).context("the keeper's answer is malformed"),
            Err(RecvTimeoutError::Timeout) => bail!("the keeper does not answer"),
            Err(RecvTimeoutError::Disconnected) => bail!("the keeper has ended"),
        }
    }
}

impl Drop for KeeperLink {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + GOODBYE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        // In namespaces, this is `unshare`, whose end kills the keeper and with it everything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
