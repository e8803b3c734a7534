//! How other commands reach the supervisor.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::herd_lock::{is_granted, lock_file};
use super::protocol::{Contact, HerdAction, Request, contact_file};
use crate::cluster::workspace::run_dir;

/// The time limit for an answer of the supervisor. Starting or stopping a large herd is quicker.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Requests an action of the supervisor of this checkout's herd: see [`SupervisorClient::request`].
///
/// # Errors
/// Those of [`SupervisorClient::request`].
pub fn request_action(action: HerdAction, nodes: &[String]) -> Result<Value> {
    SupervisorClient::in_folder(run_dir()).request(action, nodes)
}

/// A client of a herd's supervisor. Each request has its own connection.
#[derive(Clone, Debug)]
pub struct SupervisorClient {
    folder: PathBuf,
}

impl SupervisorClient {
    /// Returns a client of the supervisor whose files are in `folder`.
    pub fn in_folder(folder: PathBuf) -> SupervisorClient {
        SupervisorClient { folder }
    }

    /// Returns whether a supervisor is running.
    ///
    /// # Errors
    /// The lock of the herd cannot be used.
    pub fn is_running(&self) -> Result<bool> {
        Ok(self.lock()?.is_some())
    }

    /// Requests an action of the supervisor, and returns the herd's status after it. After
    /// [`HerdAction::Down`], the supervisor has exited when this returns.
    ///
    /// # Errors
    /// No herd is running, the supervisor does not answer, or the action fails. The message of a
    /// failed action is the supervisor's.
    pub fn request(&self, action: HerdAction, nodes: &[String]) -> Result<Value> {
        let no_herd = "no herd of this checkout is running: start one with `cargo xtask herd-up`";
        let lock = self.lock()?.context(no_herd)?;
        let reply = self.exchange(action, nodes)?;
        if action == HerdAction::Down {
            wait_until_free(&lock)?;
        }
        match reply["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(reply),
        }
    }

    /// Returns the file of the lock if a supervisor holds it.
    fn lock(&self) -> Result<Option<File>> {
        if !self.folder.is_dir() {
            return Ok(None);
        }
        let lock = lock_file(&self.folder)?;
        // Sharing the lock succeeds only without a supervisor. Unlike an exclusive lock, it does
        // not look like a supervisor to another command.
        let is_free = is_granted(lock.try_lock_shared())?;
        Ok((!is_free).then_some(lock))
    }

    /// Sends a request, and waits for the reply.
    fn exchange(&self, action: HerdAction, nodes: &[String]) -> Result<Value> {
        let contact = fs::read(contact_file(&self.folder))
            .map_err(|_| anyhow!("the herd is just starting or stopping: try again in a second"))?;
        let contact: Contact =
            serde_json::from_slice(&contact).context("the herd is just starting: try again in a second")?;
        let mut stream =
            TcpStream::connect(contact.control).context("cannot connect to the herd's supervisor")?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let request = Request { token: contact.token, action, nodes: nodes.to_vec() };
        stream.write_all(format!("{}\n", serde_json::to_string(&request)?).as_bytes())?;
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).context("the herd's supervisor did not answer")?;
        serde_json::from_str(&reply).context("the herd's supervisor did not answer")
    }
}

/// Waits until the supervisor has exited, and so released its lock.
fn wait_until_free(lock: &File) -> Result<()> {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    while !is_granted(lock.try_lock_shared())? {
        if Instant::now() > deadline {
            bail!("the nodes are down, but their supervisor did not exit within {ANSWER_TIMEOUT:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
