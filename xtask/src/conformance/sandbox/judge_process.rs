//! The judge as a process, seen by the process that starts it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{JUDGE_NAMESPACES, Mode};

/// How long a judge may take to end after its standard input has closed.
const GOODBYE: Duration = Duration::from_secs(10);

/// A running judge. It ends when this is dropped, and also when this process dies.
#[derive(Debug)]
pub struct JudgeProcess {
    child: Child,
}

/// Starts `program`, with `words` as its arguments, as a judge. Its standard input is a pipe that
/// carries nothing: the judge ends when it closes (see [`enter`](super::enter)). Its standard
/// output is a pipe, and its standard error is that of this process.
///
/// # Errors
/// The program or `unshare` cannot be started.
pub fn launch_judge(mode: Mode, program: &Path, words: &[OsString]) -> Result<JudgeProcess> {
    let mut command = match mode {
        Mode::Namespaces => {
            let [unshare, namespaces @ ..] = JUDGE_NAMESPACES;
            let mut command = Command::new(unshare);
            command.args(namespaces).arg(program);
            command
        }
        Mode::Container | Mode::Plain => Command::new(program),
    };
    // Ctrl-C reaches the process that starts the judge; the judge notices by its standard input.
    let child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn();
    let child = child.with_context(|| format!("cannot start {} as a judge", program.display()))?;
    Ok(JudgeProcess { child })
}

impl JudgeProcess {
    /// Takes the judge's standard output. The second call returns `None`.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Returns the judge's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the judge ends. Its standard input stays open meanwhile.
    ///
    /// # Errors
    /// The process cannot be waited for.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            // `Child::wait` would close standard input first.
            if let Some(status) = self.child.try_wait().context("cannot wait for the judge")? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for JudgeProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + GOODBYE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
